// A path of `bench wan`: two network namespaces of this process's own, joined by an emulator outside this
// repository. Nothing of it is left, however the benchmark ends; what a killed one left goes at the next.

import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface WanOptions {
  /** The emulator, built: NS_A NS_B DELAY_MS LOSS_PERCENT RATE_MBIT; "ready" on stdout, counts on stderr. */
  readonly program: string;
  readonly rttMs: number;
  readonly lossPercent: number;
  readonly megabitsPerSecond: number;
}

/** What crossed from the sender to the receiver, packets. */
export interface WanCounts {
  readonly carried: number;
  readonly lost: number;
  readonly queueDrops: number;
}

const PREFIX = "sftpx-wan";
const NETNS_FOLDER = "/run/netns";
const COUNTS = /A->B: carried (\d+) packets .* lost (\d+), queue drops (\d+)/;
/** Its devices bear one name for a moment outside the namespaces: two that start together try again. */
const ATTEMPTS = 3;

export class WanPath implements AsyncDisposable {
  /** Address of the receiver, as the emulator gives it. */
  static readonly RECEIVER_HOST = "10.77.0.2";
  readonly senderNamespace: string;
  readonly receiverNamespace: string;
  #emulator: Deno.ChildProcess | null = null;

  private constructor(serial: number) {
    const name = `${PREFIX}-${Deno.pid}-${serial}`;
    this.senderNamespace = `${name}-a`;
    this.receiverNamespace = `${name}-b`;
  }

  static #serial = 0;

  static async open(options: WanOptions): Promise<WanPath> {
    for (let attempt = 1;; attempt++) {
      const path = new WanPath(WanPath.#serial++);
      try {
        await path.#start(options);
        return path;
      } catch (thrown) {
        await path[Symbol.asyncDispose]();
        if (attempt === ATTEMPTS) throw thrown;
      }
    }
  }

  async #start({ program, rttMs, lossPercent, megabitsPerSecond }: WanOptions): Promise<void> {
    const names = [this.senderNamespace, this.receiverNamespace];
    for (const name of names) await ip("netns", "add", name);
    this.#emulator = new Deno.Command(program, {
      args: [...names, ...[rttMs / 2, lossPercent, megabitsPerSecond].map(String)],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const reader = this.#emulator.stdout.getReader();
    const { value } = await reader.read();
    await reader.cancel();
    if (value !== undefined && new TextDecoder().decode(value).startsWith("ready")) return;
    throw new Error("Cannot emulate a path: the emulator did not get ready");
  }

  /** Ends the path and tells what it carried. */
  async end(): Promise<WanCounts> {
    const emulator = this.#emulator;
    this.#emulator = null;
    emulator?.kill("SIGTERM");
    const told = await new Response(emulator?.stderr ?? null).text();
    await emulator?.status;
    await this[Symbol.asyncDispose]();
    const [, carried, lost, queueDrops] = COUNTS.exec(told) ?? [];
    return { carried: Number(carried), lost: Number(lost), queueDrops: Number(queueDrops) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const emulator = this.#emulator;
    this.#emulator = null;
    if (emulator !== null) {
      try {
        emulator.kill("SIGKILL");
      } catch {
        // It had ended already.
      }
      await emulator.stderr.cancel();
      await emulator.status;
    }
    for (const name of [this.senderNamespace, this.receiverNamespace]) await remove(name);
  }
}

/** Removes every namespace of this process, and those of processes that are gone. */
export async function sweepPaths(): Promise<void> {
  if (!existsSync(NETNS_FOLDER)) return;
  for (const name of readdirSync(NETNS_FOLDER)) {
    const owner = new RegExp(`^${PREFIX}-(\\d+)-`).exec(name)?.[1];
    if (owner === undefined) continue;
    if (owner === String(Deno.pid) || !existsSync(`/proc/${owner}`)) await remove(name);
  }
}

/** Ends what runs in a namespace, and then removes it. */
async function remove(name: string): Promise<void> {
  if (!existsSync(join(NETNS_FOLDER, name))) return;
  for (const pid of (await ip("netns", "pids", name)).split("\n").filter(Boolean)) {
    try {
      Deno.kill(Number(pid), "SIGKILL");
    } catch {
      // It had ended already.
    }
  }
  await ip("netns", "del", name);
}

async function ip(...args: readonly string[]): Promise<string> {
  const command = new Deno.Command("ip", { args: [...args], stdin: "null" });
  const { success, stdout, stderr } = await command.output();
  const text = new TextDecoder();
  if (!success) throw new Error(`Cannot run "ip ${args.join(" ")}": ${text.decode(stderr).trim()}`);
  return text.decode(stdout);
}

/** The emulator as a program: built from its source where that is what is given. */
export async function buildEmulator(path: string): Promise<{ program: string } & AsyncDisposable> {
  if (!path.endsWith(".c")) return { program: path, [Symbol.asyncDispose]: async () => {} };
  const folder = await mkdtemp(join(tmpdir(), "sftpx-wan-"));
  const program = join(folder, "wanem");
  const { success } = await new Deno.Command("cc", { args: ["-O2", "-o", program, path] }).spawn()
    .status;
  if (!success) throw new Error(`Cannot build "${path}": cc failed`);
  return {
    program,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
