// For tests only: the real run of a sending transfer, with workers, a walk, lanes and a clock of the test's.

import type { FileToPack, JobReply, PackJob } from "../pool/messages.ts";
import type { RunOptions } from "../pool/pool.ts";
import type { Range, TransferMessage } from "../wire/messages.ts";
import type { CompressionChoice } from "./compression.ts";
import { type Equipment, loadHashing } from "./equipment.ts";
import { Mailbox } from "./mailbox.ts";
import { runSend, type SendRunOptions } from "./send_run.ts";
import type { OutgoingLane, TransferChannel } from "./transfer_channel.ts";

const CHUNK = 64 << 10;
const FRAME = CHUNK - 1000;
const TRANSFER = 1;
const MANY_CHUNKS = 16_000;

export const WORKERS = 2;
/** Frames that the pipeline holds. */
export const SLOTS = 16;

interface GivenJob {
  readonly job: Omit<PackJob, "job">;
  readonly onReply: (reply: JobReply) => void;
  readonly done: () => void;
}

interface GivenLane {
  readonly connection: number;
  readonly lost: PromiseWithResolvers<void>;
}

export interface SendSceneOptions {
  /** Lanes, which take the connections in turn; 0 for as many as help. */
  readonly lanes?: number;
  readonly connections?: number;
  /** Chunks of the file that is sent; more than any test has packed where nothing is said. */
  readonly chunks?: number;
  readonly rttMs?: number | null;
  /** The walk has found the file, and goes on until `endWalk`. */
  readonly walksOn?: boolean;
}

/** A run that sends one file, as far as the test lets it. */
export class SendScene implements AsyncDisposable {
  /** Jobs that the workers have. */
  readonly jobs: GivenJob[] = [];
  /** Connections of the frames that were written, and of the lanes that were given up. */
  readonly written: number[] = [];
  readonly aborted: number[] = [];
  nowMs = 0;
  readonly #options: Required<SendSceneOptions>;
  readonly #messages = new Mailbox<TransferMessage>();
  readonly #stop = new AbortController();
  readonly #real = { now: performance.now, setInterval: globalThis.setInterval };
  readonly #walked = Promise.withResolvers<void>();
  readonly #lanes: GivenLane[] = [];
  #interval = { everyMs: 0, onTick: () => {} };
  #ended: Promise<unknown> = Promise.resolve();

  constructor(options: SendSceneOptions) {
    const plain = { lanes: 1, connections: 1, chunks: MANY_CHUNKS, rttMs: null, walksOn: false };
    this.#options = { ...plain, ...options };
    if (!this.#options.walksOn) this.#walked.resolve();
  }

  static async open(
    compression: CompressionChoice,
    options: SendSceneOptions = {},
  ): Promise<SendScene> {
    const scene = new SendScene(options);
    performance.now = () => scene.nowMs;
    const setInterval = (onTick: () => void, everyMs: number) => {
      scene.#interval = { onTick, everyMs };
    };
    Object.assign(globalThis, { setInterval });
    scene.#ended = runSend(await scene.#runOptions(compression));
    scene.#messages.put({ type: "accept", transfer: TRANSFER, fresh: [true], chunkBytes: CHUNK });
    await settle();
    return scene;
  }

  get levels(): readonly number[] {
    return this.jobs.map(({ job: { compression } }) =>
      "level" in compression ? compression.level : 0
    );
  }

  /** Time passes, and the run looks around every now and then. */
  async wait(ms: number): Promise<void> {
    const { everyMs, onTick } = this.#interval;
    for (const untilMs = this.nowMs + ms; this.nowMs < untilMs;) {
      this.nowMs += everyMs;
      onTick();
    }
    await settle();
  }

  /** A lane loses its connection, with what it took. */
  async loseLane(lane = 0): Promise<void> {
    this.#lanes[lane]?.lost.resolve();
    await settle();
  }

  async stored(...frames: readonly Range[]): Promise<void> {
    this.#messages.put({ type: "stored", transfer: TRANSFER, frames });
    await settle();
  }

  /** Nothing more is found. */
  async endWalk(): Promise<void> {
    this.#walked.resolve();
    await settle();
  }

  /** The workers are done with their first job, which took them so long; answers its frames. */
  async pack(triedMs: number): Promise<readonly number[]> {
    const { job, onReply, done } = this.jobs.shift()!;
    for (const { frame, buffer, chunks } of job.frames) {
      const records = chunks.map(({ entry, chunk, rawBytes }) => {
        const digest = new Uint8Array(32);
        return { entry, chunk, rawBytes, storedBytes: FRAME, encoding: "zstd" as const, digest };
      });
      const tried = { triedBytes: CHUNK, keptBytes: FRAME, triedMs, sampleBytes: FRAME };
      const work = { busyMs: triedMs + 0.01, zeroBytes: 0, sampledBytes: CHUNK, ...tried };
      const packed = { kind: "packed", job: 0, frame, buffer, records, failures: [] } as const;
      onReply({ ...packed, frameBytes: FRAME, work });
    }
    done();
    await settle();
    return job.frames.map(({ frame }) => frame);
  }

  /** So many jobs, which take a while; answers their frames. */
  async packMany(jobs: number): Promise<readonly number[]> {
    const frames: number[] = [];
    for (let job = 0; job < jobs; job++) frames.push(...await this.pack(20));
    return frames;
  }

  /** All jobs that there come to be. */
  async packAll(): Promise<void> {
    while (this.jobs.length > 0) await this.pack(20);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const { done } of this.jobs) done();
    await this.#ended;
    await this.endWalk();
    const { now, setInterval } = this.#real;
    performance.now = now;
    Object.assign(globalThis, { setInterval });
  }

  async #runOptions(compression: CompressionChoice): Promise<SendRunOptions> {
    const { connections, lanes } = this.#options;
    const source = { name: "f", kind: "file", contents: false } as const;
    const equipment = {
      hashing: await loadHashing(),
      pool: { count: WORKERS, run: this.#run.bind(this) },
      rateLimit: null,
      warm: () => {},
      reserveSlots: () => ({ slots: SLOTS, [Symbol.dispose]: () => {} }),
    };
    return {
      channel: this.#channel(),
      offer: {
        ...{ type: "offer", transfer: TRANSFER, sources: [source], destination: "", given: ["f"] },
        ...{ intoDirectory: false, chunkBytes: CHUNK, checksum: false, atomic: false, nowNs: 0n },
        ...{ delete: false, filters: [], dryRun: false },
      },
      walk: {
        store: { walk: (_, { signal } = {}) => this.#walk(signal) },
        sources: [],
        options: {},
      },
      missing: [],
      equipment: equipment as unknown as Equipment,
      compression,
      lanes: { connections, lanes, mostConnections: connections, hasOther: false, widen: () => {} },
      verifyReceipt: () => Promise.resolve(true),
      tellEntries: false,
      onEvent: () => {},
      signal: this.#stop.signal,
    };
  }

  async *#walk(signal: AbortSignal | undefined) {
    const sizeBytes = this.#options.chunks * CHUNK;
    const stamp = { device: 1n, inode: 1n, sizeBytes, mtimeNs: 0n, ctimeNs: 0n };
    const entry = { path: "f", kind: "file", sizeBytes, mtimeNs: 0n, mode: 0o644, stamp } as const;
    yield { entries: [entry], paths: ["/f"], sources: [0], notices: [] };
    await this.#walked.promise;
    signal?.throwIfAborted();
  }

  #run(job: Omit<PackJob, "job"> & { readonly files: readonly FileToPack[] }, options: RunOptions) {
    return new Promise<void>((done) => {
      this.jobs.push({ job, onReply: options.onReply, done });
    });
  }

  #channel(): TransferChannel {
    const { connections, rttMs } = this.#options;
    return {
      transfer: TRANSFER,
      rttMs,
      connections: Array.from({ length: connections }, (_, number) => ({
        ...{ number, ...PATH, rttMs, lossRatio: null },
      })),
      messages: this.#messages,
      lanes: new Mailbox(),
      send: () => {},
      openLane: (connection = this.#lanes.length % connections) => this.#openLane(connection),
      flushed: () => Promise.resolve(),
      caughtUp: () => Promise.resolve(),
      close: () => this.#messages.close(),
    };
  }

  #openLane(connection: number): Promise<OutgoingLane> {
    const lost = Promise.withResolvers<void>();
    this.#lanes.push({ connection, lost });
    const stream = {
      write: () => {
        this.written.push(connection);
        return Promise.resolve();
      },
      close: () => Promise.resolve(),
      abort: () => void this.aborted.push(connection),
    };
    const stats = () => ({ rttMs: null, lossRatio: null, windowBytes: null });
    return Promise.resolve({ ...PATH, connection, stats, stream, lost: lost.promise });
  }
}

const PATH = { address: "192.0.2.1:4443", stack: "memory" };

/** Lets everything happen that waits for nothing but its turn. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve));
}
