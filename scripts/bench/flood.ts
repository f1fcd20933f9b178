// `bench flood`: what a real transfer keeps of its speed while peers that nobody wants are at the door,
// and what the server keeps of them afterwards. The server and the clients are the real commands; the
// flood is a process beside them, on the same machine, and takes its own part of the cores.

import { parseArgs } from "@std/cli/parse-args";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { anchorPem } from "../../src/trust/anchor.ts";
import { parseIdentityName } from "../../src/trust/identity.ts";
import { FLOOD_KINDS, type FloodCounts, type FloodKind } from "./flood_peers.ts";
import { type Child, median, printTable, processCost, spawnDeno } from "./process.ts";
import { descriptorsOf, residentBytes } from "./resident.ts";

const USAGE = `Usage: deno task bench flood [options]
  --bytes N      size of the file that is sent (default 268435456)
  --peers N      peers at once (default 1000)
  --addresses N  loopback addresses they come from (default 8)
  --pause N      milliseconds a peer that was turned away waits (default 1000)
  --repeat N     transfers of each, the median counts (default 3)
  --only TEXT    only floods with this in their name: ${FLOOD_KINDS.join(", ")}, all
  --json         one JSON object a line`;

const MAIN = new URL("../../mod.ts", import.meta.url);
const PEERS = new URL("./flood_peers.ts", import.meta.url);
/** The bar: a transfer keeps at least half of its undisturbed speed. */
const BAR = 0.5;
/** So long after a flood the server holds nothing of it: connections are idle for 15 s at most. */
const AFTER_MS = 20_000;

interface Flags {
  readonly bytes: number;
  readonly peers: number;
  readonly addresses: number;
  readonly pauseMs: number;
  readonly repeat: number;
}

export async function run(args: string[]): Promise<void> {
  const flags = parseArgs(args, {
    string: ["bytes", "peers", "addresses", "pause", "repeat", "only"],
    boolean: ["json", "help"],
    default: {
      bytes: String(256 * 2 ** 20),
      peers: "1000",
      addresses: "8",
      pause: "1000",
      repeat: "3",
      only: "",
    },
  });
  if (flags.help) return console.log(USAGE);
  const work = mkdtempSync(join(tmpdir(), "sftpx-flood-"));
  try {
    const scene = await Scene.open(work, {
      bytes: Number(flags.bytes),
      peers: Number(flags.peers),
      addresses: Number(flags.addresses),
      pauseMs: Number(flags.pause),
      repeat: Number(flags.repeat),
    });
    // Each as it comes: all of them take minutes.
    const rows = await scene.measure(flags.only, (row) => {
      if (flags.json) console.log(JSON.stringify(row));
      else console.log(`${row["flood"]}: ${row["MB/s"]} MB/s`);
    });
    if (!flags.json) printTable(rows);
    await scene.close();
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

type Row = Readonly<Record<string, string | number>>;

class Scene {
  readonly #work: string;
  readonly #flags: Flags;
  readonly #server: Child;
  readonly #ticket: string;
  readonly #port: number;
  readonly #anchor: string;
  #sent = 0;

  private constructor(work: string, flags: Flags, { server, listening }: {
    readonly server: Child;
    readonly listening: { ticket: string; port: number; identity: string };
  }) {
    this.#work = work;
    this.#flags = flags;
    this.#server = server;
    this.#ticket = listening.ticket;
    this.#port = listening.port;
    this.#anchor = anchorPem(parseIdentityName(listening.identity));
  }

  static async open(work: string, flags: Flags): Promise<Scene> {
    mkdirSync(join(work, "root"));
    const block = crypto.getRandomValues(new Uint8Array(65_536));
    const bytes = new Uint8Array(flags.bytes);
    for (let at = 0; at < bytes.byteLength; at += block.byteLength) {
      bytes.set(block.subarray(0, bytes.byteLength - at), at);
      bytes[at] = at >> 16 & 255;
      bytes[at + 1] = at >> 24;
    }
    writeFileSync(join(work, "file"), bytes);
    const server = spawnDeno(MAIN, {
      args: ["serve", join(work, "root"), "--json", "--quiet", "--listen", "[::]:0"],
      env: { SFTPX_HOME: join(work, "server") },
    });
    const listening = JSON.parse(await server.line());
    server.drain();
    return new Scene(work, flags, { server, listening });
  }

  async close(): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  async measure(only: string, onRow: (row: Row) => void): Promise<readonly Row[]> {
    await this.#transfers(1); // The first one warms up both ends' caches.
    const rows: Row[] = [];
    const take = (row: Row) => {
      rows.push(row);
      onRow(row);
      return row;
    };
    const quiet = take(await this.#row("no flood", { base: null, kinds: [] }));
    const floods: readonly (readonly [string, readonly FloodKind[]])[] = [
      ...FLOOD_KINDS.map((kind) => [kind, [kind]] as const),
      ["all", FLOOD_KINDS],
    ];
    const base = Number(quiet["MB/s"]);
    for (const [name, kinds] of floods) {
      if (name.includes(only)) take(await this.#row(name, { base, kinds }));
    }
    await new Promise((resolve) => setTimeout(resolve, AFTER_MS));
    take(await this.#row("afterwards", { base, kinds: [] }));
    return rows;
  }

  async #row(
    name: string,
    { base, kinds }: { readonly base: number | null; readonly kinds: readonly FloodKind[] },
  ): Promise<Row> {
    await using flood = kinds.length === 0 ? null : await Flooding.start(this.#floodJob(kinds));
    const before = processCost(this.#server.pid).cpuSeconds;
    const startMs = performance.now();
    const speeds = await this.#transfers(this.#flags.repeat);
    const seconds = (performance.now() - startMs) / 1000;
    const speed = median(speeds);
    const ratio = base === null ? 1 : speed / base;
    return {
      flood: name,
      "MB/s": speed.toFixed(1),
      ratio: ratio.toFixed(2),
      range: `${Math.min(...speeds).toFixed(0)}..${Math.max(...speeds).toFixed(0)}`,
      "peers/s": Math.round((flood?.counts.came ?? 0) / seconds),
      "shook/s": Math.round((flood?.counts.shook ?? 0) / seconds),
      "packets/s": Math.round((flood?.counts.packets ?? 0) / seconds),
      "server CPU": ((processCost(this.#server.pid).cpuSeconds - before) / seconds).toFixed(2),
      "server MB": Math.round(residentBytes(this.#server.pid) / 1e6),
      "server fds": descriptorsOf(this.#server.pid),
      bar: base === null ? "" : ratio >= BAR ? "kept" : "missed",
    };
  }

  #floodJob(kinds: readonly FloodKind[]): string {
    const { peers, addresses, pauseMs } = this.#flags;
    const to = { port: this.#port, anchorPem: this.#anchor };
    return JSON.stringify({ ...to, kinds, peers, addresses, pauseMs });
  }

  /** MB a second of so many transfers, told by the client. */
  async #transfers(count: number): Promise<number[]> {
    const speeds: number[] = [];
    for (let n = 0; n < count; n++) {
      const name = `copy${this.#sent++}`;
      await using client = spawnDeno(MAIN, {
        args: [
          ...["send", join(this.#work, "file"), `@/${name}`],
          ...["--json", "--quiet", "--compress", "none", "--timeout", "60s"],
        ],
        env: { SFTPX_HOME: join(this.#work, "client"), SFTPX_TICKET: this.#ticket },
      });
      speeds.push(await speedOf(client));
      rmSync(join(this.#work, "root", name));
    }
    return speeds;
  }
}

/** From the first byte to the last line: what getting in takes is told by `--timeout`. */
async function speedOf(client: Child): Promise<number> {
  for (;;) {
    const line = JSON.parse(await client.line());
    if (line.event !== "summary") continue;
    if (line.ok !== true) throw new Error(`Cannot measure: ${line.error?.message}`);
    return line.bytes / line.seconds / 1e6;
  }
}

/** The flood's process, once it is under way. */
class Flooding implements AsyncDisposable {
  readonly #child: Child;
  #counts: FloodCounts = { came: 0, shook: 0, packets: 0 };
  #before: FloodCounts | null = null;
  readonly #reading: Promise<void>;

  private constructor(child: Child) {
    this.#child = child;
    this.#reading = this.#read();
  }

  static async start(job: string): Promise<Flooding> {
    const env = { DENO_TLS_CA_STORE: "system", SSL_CERT_FILE: "/dev/null" };
    const flooding = new Flooding(spawnDeno(PEERS, { args: [job], env }));
    while (flooding.#counts.came === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    // Every peer has come once.
    await new Promise((resolve) => setTimeout(resolve, 2000));
    flooding.#before = { ...flooding.#counts };
    return flooding;
  }

  /** Since it was under way. */
  get counts(): FloodCounts {
    const { came, shook, packets } = this.#counts;
    const before = this.#before ?? { came: 0, shook: 0, packets: 0 };
    return {
      came: came - before.came,
      shook: shook - before.shook,
      packets: packets - before.packets,
    };
  }

  async #read(): Promise<void> {
    try {
      for (;;) this.#counts = JSON.parse(await this.#child.line());
    } catch {
      // It was ended.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
    await this.#reading;
  }
}
