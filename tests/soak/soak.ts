// A server under many clients for as long as one likes: what each visit was, what the server held all
// the while, and what was left in the end.

import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { anchorPem } from "../../src/trust/anchor.ts";
import { parseIdentityName } from "../../src/trust/identity.ts";
import { flood, FLOOD_KINDS } from "../../scripts/bench/flood_peers.ts";
import { Dice } from "../kill/dice.ts";
import { SoakClient } from "./client.ts";
import { problemsLeft } from "./report.ts";
import { type Sample, sampleOf } from "./samples.ts";
import { SoakServer } from "./server.ts";

export interface SoakOptions {
  readonly durationMs: number;
  readonly clients: number;
  /** Peers that crowd the door all the while. */
  readonly strangers: number;
  readonly seed: number;
  readonly onSample?: (sample: Sample, visits: number) => void;
}

export interface SoakReport {
  readonly visits: Readonly<Record<string, number>>;
  readonly samples: readonly Sample[];
  /** Before anybody came, and after everybody had gone. */
  readonly before: Sample;
  readonly after: Sample;
  /** Parts, in the server's state, of transfers that are over; names of them. */
  readonly leftParts: readonly string[];
  readonly strangersCame: number;
  readonly exit: number;
  /** What was not as it should be. */
  readonly problems: readonly string[];
}

const SAMPLE_MS = 500;
/** A connection that nobody speaks on is gone after 15 s; so is what it held. */
const QUIET_MS = 17_000;

export async function soak(options: SoakOptions): Promise<SoakReport> {
  const directory = await mkdtemp(join(tmpdir(), "sftpx-soak-"));
  try {
    return await new Soak(directory, options).run();
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

class Soak {
  readonly #root: string;
  readonly #directory: string;
  readonly #options: SoakOptions;
  readonly #visits: Record<string, number> = {};
  readonly #samples: Sample[] = [];
  readonly #problems: string[] = [];
  readonly #startMs = Date.now();
  #server!: SoakServer;

  constructor(directory: string, options: SoakOptions) {
    this.#directory = directory;
    this.#options = options;
    this.#root = join(directory, "root");
  }

  async run(): Promise<SoakReport> {
    await mkdir(this.#root);
    const home = join(this.#directory, "server");
    this.#server = await SoakServer.start({ root: this.#root, home });
    try {
      const before = await this.#sample();
      const { came, clients } = await this.#busy();
      // What was broken off is finished: then nothing is left.
      await Promise.all(clients.map((client) => this.#watched(() => client.push())));
      const { after, leftParts } = await this.#settle(before);
      const exit = await this.#server.stop();
      return {
        visits: this.#visits,
        samples: this.#samples,
        before,
        after,
        leftParts,
        strangersCame: came,
        exit,
        problems: this.#problems,
      };
    } finally {
      await this.#server.stop("SIGKILL");
    }
  }

  /** Everybody at once, until the time is over. */
  async #busy(): Promise<{ readonly came: number; readonly clients: readonly SoakClient[] }> {
    const { durationMs, seed, clients: count } = this.#options;
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(), durationMs);
    const dice = new Dice(seed);
    const clients: SoakClient[] = [];
    for (let n = 0; n < count; n++) {
      const directory = join(this.#directory, "clients", `c${n}`);
      await mkdir(directory, { recursive: true });
      const own = { directory, name: `c${n}`, server: this.#server, dice: dice.of(`client ${n}`) };
      clients.push(new SoakClient(own));
    }
    const sampling = this.#keepSampling(over.signal);
    const [flooded] = await Promise.all([
      this.#crowd(over.signal),
      ...clients.map((client) => this.#keepVisiting(client, over.signal)),
    ]);
    clearTimeout(timer);
    over.abort();
    await sampling;
    return { came: flooded, clients };
  }

  async #keepVisiting(client: SoakClient, over: AbortSignal): Promise<void> {
    while (!over.aborted && this.#problems.length < MOST_PROBLEMS) {
      await this.#watched(async () => {
        const visit = await client.visit();
        this.#visits[visit] = (this.#visits[visit] ?? 0) + 1;
      });
    }
  }

  async #watched(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      this.#problems.push(thrown instanceof Error ? thrown.message : String(thrown));
    }
    if (!this.#server.isRunning) throw new Error(`The server ended\n${this.#server.stderr}`);
  }

  /** Strangers come from addresses of their own: what they may do, they take from nobody. */
  async #crowd(signal: AbortSignal): Promise<number> {
    const { strangers: peers } = this.#options;
    if (peers === 0) return 0;
    const { port, identity } = this.#server;
    const to = { port, anchorPem: anchorPem(parseIdentityName(identity)) };
    const { came } = await flood(
      { ...to, kinds: FLOOD_KINDS, peers, addresses: 4, pauseMs: 1000, signal },
    );
    return came;
  }

  async #keepSampling(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      const sample = await this.#sample();
      this.#samples.push(sample);
      const visits = Object.values(this.#visits).reduce((sum, count) => sum + count, 0);
      this.#options.onSample?.(sample, visits);
      const pause = Promise.withResolvers<void>();
      const timer = setTimeout(pause.resolve, SAMPLE_MS);
      over.addEventListener("abort", () => pause.resolve(), { once: true });
      await pause.promise;
      clearTimeout(timer);
    }
  }

  async #sample(): Promise<Sample> {
    return await sampleOf({ pid: this.#server.pid, root: this.#root, startMs: this.#startMs });
  }

  /** Waits until nothing is left, or for as long as anything may take to go. */
  async #settle(before: Sample): Promise<Pick<SoakReport, "after" | "leftParts">> {
    const dueMs = Date.now() + QUIET_MS;
    for (;;) {
      const left = { after: await this.#sample(), leftParts: await this.#leftParts() };
      if (Date.now() >= dueMs || problemsLeft({ before, ...left }).length === 0) return left;
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
    }
  }

  async #leftParts(): Promise<readonly string[]> {
    return await readdir(join(this.#root, ".sftpx", "parts")).catch(() => []);
  }
}

/** More of them say nothing new. */
const MOST_PROBLEMS = 20;
