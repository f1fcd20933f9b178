// The ends of `bench flood`: two servers, a client that sends, and a flood, each a process of its own,
// so that what each of them takes of the cores is told apart.

import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { anchorPem } from "../../src/trust/anchor.ts";
import { parseIdentityName } from "../../src/trust/identity.ts";
import type { FloodCounts, FloodKind } from "./flood_peers.ts";
import { type Child, processCost, spawnDeno } from "./process.ts";

const MAIN = new URL("../../mod.ts", import.meta.url);
const PEERS = new URL("./flood_peers.ts", import.meta.url);
/** Every peer has come once. */
const UNDER_WAY_MS = 2000;
/** A generator that says nothing for so long is no flood. */
const SILENCE_MS = 60_000;

/** Where a flood goes. */
export interface Door {
  readonly port: number;
  readonly anchorPem: string;
}

/** A server of the real command, whoever comes to it. */
export class BenchServer implements AsyncDisposable {
  readonly root: string;
  readonly ticket: string;
  readonly door: Door;
  readonly #child: Child;

  private constructor(root: string, child: Child, listening: Readonly<Record<string, string>>) {
    this.root = root;
    this.#child = child;
    this.ticket = listening["ticket"] ?? "";
    const identity = parseIdentityName(listening["identity"] ?? "");
    this.door = { port: Number(listening["port"]), anchorPem: anchorPem(identity) };
  }

  static async start(work: string, name: string): Promise<BenchServer> {
    const root = join(work, `${name}-root`);
    mkdirSync(root);
    const child = spawnDeno(MAIN, {
      args: ["serve", root, "--json", "--quiet", "--listen", "[::]:0"],
      env: { SFTPX_HOME: join(work, name) },
    });
    const listening = JSON.parse(await child.line());
    child.drain();
    return new BenchServer(root, child, listening);
  }

  get pid(): number {
    return this.#child.pid;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
  }
}

/** One transfer, as its client tells it. */
export interface Transfer {
  /** From the first byte to the last line. */
  readonly megabytesPerSecond: number;
  /** From its start until it was let in, that of the program included. */
  readonly entrySeconds: number;
  readonly cpuSeconds: number;
}

/** Sends a file of so many bytes, as often as asked. */
export class BenchClient {
  readonly #work: string;
  #sent = 0;

  constructor(work: string, bytes: number) {
    this.#work = work;
    writeFileSync(join(work, "file"), unlike(bytes));
  }

  async send({ root, ticket }: BenchServer): Promise<Transfer> {
    const name = `copy${this.#sent++}`;
    const startMs = performance.now();
    await using client = spawnDeno(MAIN, {
      args: [
        ...["send", join(this.#work, "file"), `@/${name}`],
        ...["--json", "--quiet", "--compress", "none", "--timeout", "60s"],
      ],
      env: { SFTPX_HOME: join(this.#work, "client"), SFTPX_TICKET: ticket },
    });
    let entrySeconds = 0;
    for (;;) {
      const line = JSON.parse(await client.line());
      if (line.event === "connected") entrySeconds ||= (performance.now() - startMs) / 1000;
      if (line.event !== "summary") continue;
      if (line.ok !== true) throw new Error(`Cannot measure: ${line.error?.message}`);
      const { cpuSeconds } = processCost(client.pid);
      rmSync(join(root, name));
      return { megabytesPerSecond: line.bytes / line.seconds / 1e6, entrySeconds, cpuSeconds };
    }
  }
}

/** Bytes of which no chunk is like another. */
function unlike(count: number): Uint8Array {
  const block = crypto.getRandomValues(new Uint8Array(65_536));
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count; at += block.byteLength) {
    bytes.set(block.subarray(0, count - at), at);
    bytes[at] = at >> 16 & 255;
    bytes[at + 1] = at >> 24;
  }
  return bytes;
}

export interface FloodJob {
  readonly kinds: readonly FloodKind[];
  readonly peers: number;
  readonly addresses: number;
  readonly pauseMs: number;
}

/** The flood's process. */
export class Flooding implements AsyncDisposable {
  readonly #child: Child;
  #counts: FloodCounts = { came: 0, shook: 0, packets: 0 };
  #onCounts = () => {};
  #ended: unknown = null;
  readonly #reading: Promise<void>;

  private constructor(child: Child) {
    this.#child = child;
    this.#reading = this.#read();
  }

  /** Settles once it is under way. */
  static async start(job: FloodJob, door: Door): Promise<Flooding> {
    const env = {
      DENO_TLS_CA_STORE: "system",
      SSL_CERT_FILE: "/dev/null",
      DENO_V8_FLAGS: "--expose-gc",
    };
    const args = [JSON.stringify({ ...job, ...door })];
    const flooding = new Flooding(spawnDeno(PEERS, { args, env }));
    try {
      await flooding.#came();
      await new Promise((resolve) => setTimeout(resolve, UNDER_WAY_MS));
    } catch (error) {
      await flooding[Symbol.asyncDispose]();
      throw error;
    }
    return flooding;
  }

  get pid(): number {
    return this.#child.pid;
  }

  get counts(): FloodCounts {
    return this.#counts;
  }

  async #came(): Promise<void> {
    const first = Promise.withResolvers<void>();
    const timer = setTimeout(
      () => first.reject(new Error("Cannot flood: nobody came")),
      SILENCE_MS,
    );
    this.#onCounts = () => {
      if (this.#ended !== null) first.reject(this.#ended);
      else if (this.#counts.came > 0) first.resolve();
    };
    await first.promise.finally(() => clearTimeout(timer));
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        this.#counts = JSON.parse(await this.#child.line());
        this.#onCounts();
      }
    } catch (error) {
      this.#ended = error; // It was ended, or ended by itself.
      this.#onCounts();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child[Symbol.asyncDispose]();
    await this.#reading;
  }
}
