// Where a cell of `bench peers` is measured: two ends on the loopback of a namespace of their own, or in two
// joined by the emulator; sshd and an rsync daemon at the far end, on free ports, with keys of their own.
// Without namespaces the loopback is the machine's own.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { type PathSpec, type Sysctls, type TcpCongestion } from "./peers_plan.ts";
import type { Processes, Started } from "./peers_processes.ts";
import { WanPath } from "./wan_path.ts";

const LOOPBACK_HOST = "127.0.0.1";
/** `sweepPaths` takes away what bears it. */
const NAMESPACE = `sftpx-wan-${Deno.pid}-loopback`;
const READY_SECONDS = 5;
const LOOK_MS = 20;

export interface SceneOptions {
  readonly work: string;
  readonly processes: Processes;
  /** The emulator, built; null where there is none. */
  readonly emulator: string | null;
  readonly canIsolate: boolean;
  readonly hasSsh: boolean;
  readonly hasRsync: boolean;
}

/** Two ends, and servers at the far one. */
export class Scene implements AsyncDisposable {
  readonly host: string;
  readonly senderNamespace: string | null;
  readonly receiverNamespace: string | null;
  readonly sshPort: number;
  readonly rsyncPort: number;
  readonly userKey: string;
  /** All that arrives comes below it. */
  readonly served: string;
  readonly #ends: AsyncDisposableStack;

  private constructor(
    parts: Omit<Scene, "setCongestion" | typeof Symbol.asyncDispose>,
    ends: AsyncDisposableStack,
  ) {
    this.host = parts.host;
    this.senderNamespace = parts.senderNamespace;
    this.receiverNamespace = parts.receiverNamespace;
    this.sshPort = parts.sshPort;
    this.rsyncPort = parts.rsyncPort;
    this.userKey = parts.userKey;
    this.served = parts.served;
    this.#ends = ends;
  }

  static async open(path: PathSpec, options: SceneOptions): Promise<Scene> {
    await using ends = new AsyncDisposableStack();
    const places = await openPlaces(path, { options, ends });
    const served = join(options.work, "served");
    mkdirSync(served, { recursive: true });
    const keys = await keysIn(options);
    const [sshPort, rsyncPort] = [await freePort(), await freePort()];
    const at = { ...options, ...places, served, keys };
    if (options.hasSsh) ends.use(await startSshd(sshPort, at));
    if (options.hasRsync) ends.use(await startRsyncd(rsyncPort, at));
    const parts = { ...places, served, userKey: keys.user, sshPort, rsyncPort };
    return new Scene(parts, ends.move());
  }

  /** Sets what new TCP connections of both ends do. */
  async setCongestion(congestion: TcpCongestion): Promise<void> {
    for (const namespace of new Set([this.senderNamespace, this.receiverNamespace])) {
      if (namespace === null) continue;
      const setting = `net.ipv4.tcp_congestion_control=${congestion}`;
      await succeed(["ip", "netns", "exec", namespace, "sysctl", "-q", "-w", setting]);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#ends.disposeAsync();
  }
}

type Places = Pick<Scene, "host" | "senderNamespace" | "receiverNamespace">;

async function openPlaces(
  { rttMs, lossPercent, megabitsPerSecond }: PathSpec,
  { options, ends }: { readonly options: SceneOptions; readonly ends: AsyncDisposableStack },
): Promise<Places> {
  if (megabitsPerSecond > 0) {
    if (options.emulator === null) throw new Error("Cannot emulate a path: no emulator is named");
    const wan = await WanPath.open({
      program: options.emulator,
      rttMs,
      lossPercent,
      megabitsPerSecond,
    });
    ends.use(wan);
    const { senderNamespace, receiverNamespace } = wan;
    return { host: WanPath.RECEIVER_HOST, senderNamespace, receiverNamespace };
  }
  if (!options.canIsolate) {
    return { host: LOOPBACK_HOST, senderNamespace: null, receiverNamespace: null };
  }
  await succeed(["ip", "netns", "add", NAMESPACE]);
  ends.defer(() => succeed(["ip", "netns", "del", NAMESPACE]));
  await succeed(["ip", "netns", "exec", NAMESPACE, "ip", "link", "set", "lo", "up"]);
  return { host: LOOPBACK_HOST, senderNamespace: NAMESPACE, receiverNamespace: NAMESPACE };
}

interface Keys {
  readonly host: string;
  readonly user: string;
}

async function keysIn({ work, hasSsh }: SceneOptions): Promise<Keys> {
  const directory = join(work, "ssh");
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const keys = { host: join(directory, "host"), user: join(directory, "user") };
  for (const key of Object.values(keys)) {
    if (!hasSsh || existsSync(key)) continue;
    await succeed(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key]);
  }
  return keys;
}

interface ServerPlace extends SceneOptions, Places {
  readonly served: string;
  readonly keys: Keys;
}

async function startSshd(port: number, place: ServerPlace): Promise<Started> {
  mkdirSync("/run/sshd", { recursive: true }); // Its privilege separation wants it.
  const config = join(place.work, "ssh", "sshd_config");
  const lines = [
    `Port ${port}`,
    `ListenAddress ${place.host}`,
    `HostKey ${place.keys.host}`,
    `AuthorizedKeysFile ${place.keys.user}.pub`,
    "StrictModes no",
    "UsePAM no",
    "PermitRootLogin yes",
    "PasswordAuthentication no",
    "PidFile none",
    "Subsystem sftp internal-sftp",
  ];
  writeFileSync(config, lines.join("\n") + "\n");
  const { processes, receiverNamespace: namespace } = place;
  const sshd = processes.start([SSHD, "-D", "-e", "-f", config], { namespace });
  return await whenListening(sshd, port);
}

export const SSHD = "/usr/sbin/sshd";

async function startRsyncd(port: number, place: ServerPlace): Promise<Started> {
  const config = join(place.work, "rsyncd.conf");
  const lines = [
    "use chroot = no",
    "reverse lookup = no",
    `address = ${place.host}`,
    `port = ${port}`,
    "log file = /dev/null",
    `[${RSYNC_MODULE}]`,
    `path = ${place.served}`,
    "read only = no",
    `uid = ${Deno.uid()}`,
    `gid = ${Deno.gid()}`,
  ];
  writeFileSync(config, lines.join("\n") + "\n");
  const { processes, receiverNamespace: namespace } = place;
  const command = ["rsync", "--daemon", "--no-detach", `--config=${config}`];
  return await whenListening(processes.start(command, { namespace }), port);
}

/** Name of what the rsync daemon serves. */
export const RSYNC_MODULE = "served";

/** Looks at the sockets of the process's own namespace until one of them listens. */
async function whenListening(server: Started, port: number): Promise<Started> {
  server.drain();
  const until = performance.now() + READY_SECONDS * 1000;
  while (performance.now() < until) {
    if (isListening(server.pid, port)) return server;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  server.kill();
  await server.succeeded(READY_SECONDS); // Tells what it said.
  throw new Error(`Cannot start a server: nothing listens on port ${port}`);
}

function isListening(pid: number, port: number): boolean {
  try {
    return hasListener(readFileSync(`/proc/${pid}/net/tcp`, "latin1"), port);
  } catch {
    return false; // It has ended: its status tells.
  }
}

/** Whether a table as /proc/net/tcp has a socket that listens on a port. */
export function hasListener(table: string, port: number): boolean {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return table.split("\n").some((line) => {
    const [, local = "", , state] = line.trim().split(/\s+/);
    return local.endsWith(wanted) && state === LISTENING;
  });
}

const LISTENING = "0A";

/** What the README advises for long paths. */
const DOCUMENTED: Readonly<Record<string, number>> = {
  rmem_max: 8_388_608,
  wmem_max: 8_388_608,
  rmem_default: 4_194_304,
  wmem_default: 4_194_304,
};

/** Sets the machine's socket buffers, all namespaces' at once; they are put back in the end. */
export function applySysctls(sysctls: Sysctls): Disposable {
  const before = new Map<string, string>();
  if (sysctls === "documented") {
    for (const [name, bytes] of Object.entries(DOCUMENTED)) {
      const path = `/proc/sys/net/core/${name}`;
      before.set(path, readFileSync(path, "latin1"));
      writeFileSync(path, String(bytes));
    }
  }
  return {
    [Symbol.dispose]() {
      for (const [path, value] of before) writeFileSync(path, value);
    },
  };
}

const CONGESTION = "/proc/sys/net/ipv4/tcp_allowed_congestion_control";

/** What TCP can do on this machine. */
export function knownCongestion(): readonly string[] {
  const path = "/proc/sys/net/ipv4/tcp_available_congestion_control";
  return existsSync(path) ? readFileSync(path, "latin1").trim().split(" ") : [];
}

/** Lets namespaces choose what TCP does: the kernel keeps some from them. Put back in the end. */
export function allowCongestion(): Disposable {
  const before = readFileSync(CONGESTION, "latin1").trim();
  const wanted = new Set([...before.split(" "), ...knownCongestion()]);
  writeFileSync(CONGESTION, [...wanted].join(" "));
  return { [Symbol.dispose]: () => writeFileSync(CONGESTION, before) };
}

async function succeed([program = "", ...args]: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args, stdin: "null" }).output();
  if (success) return;
  const words = new TextDecoder().decode(stderr).trim();
  throw new Error(`Cannot run "${program} ${args.join(" ")}": ${words}`);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject).listen(0, LOOPBACK_HOST, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? address!.port : 0));
    });
  });
}
