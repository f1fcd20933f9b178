// Chunk workers behind one call: `run` a job, hear its replies, await its end. Promises that buffers
// are transferred and never cloned, that no worker starves while jobs wait, and that a worker's death
// fails every job that it or its siblings hold, in clear words.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { spawnWorker, type WorkerAccess } from "../runtime/runtime.ts";
import type {
  ChunkJob,
  CompareJob,
  DigestJob,
  JobReply,
  LandJob,
  PackJob,
  Ready,
  RereadJob,
} from "./messages.ts";
import { PoolWorker, type Ticket } from "./pool_worker.ts";

/** Jobs a worker holds: the one it runs, and the next, so that it need not wait for us. */
export const JOBS_PER_WORKER = 2;
/** What a worker's start costs: so long there is a line of frames before another one is worth it. */
const START_MS = 50;
/** Chunks of a frame that is landed in next to no time. */
const QUICK_CHUNKS = 8;

/** A job without the number the pool gives it. */
export type PoolJob =
  | Omit<PackJob, "job">
  | Omit<LandJob, "job">
  | Omit<DigestJob, "job">
  | Omit<RereadJob, "job">
  | Omit<CompareJob, "job">;

export interface ChunkPoolOptions {
  /** URL of `workers/chunk.ts`, made in `mod.ts`. */
  readonly workerUrl: URL;
  /** Workers to start. */
  readonly count: number;
  /** Codec names to leave out. */
  readonly without: readonly string[];
  /** What the workers may do; null for all that this thread may. */
  readonly access?: WorkerAccess | null;
  /**
   * Jobs start the workers, each one once those before it have something to do: a start keeps this
   * thread for 15 ms and another for 50, which a run with little to do need not pay for each core.
   */
  readonly onDemand?: boolean;
  /** The time; a test brings its own. */
  readonly nowMs?: () => number;
}

export interface RunOptions {
  /** Called for each reply, in the order the worker posted them. Must not throw. */
  readonly onReply: (reply: JobReply) => void;
  /** Drops the job while it waits; once a worker has it, it runs to its end. */
  readonly signal?: AbortSignal;
}

/** Chunk workers, up to a fixed number of them. */
export class ChunkPool {
  readonly #options: ChunkPoolOptions;
  readonly #workers: PoolWorker[] = [];
  readonly #waiting = new Set<Ticket>();
  readonly #nowMs: () => number;
  /** When the worker that was started last could begin; never while it starts. */
  #readyMs = Infinity;
  /** Since when there has always been a job that waits, if there is one. */
  #lineMs = 0;
  #nextJob = 1;
  #failure: SftpxError | null = null;

  constructor(options: ChunkPoolOptions) {
    if (!Number.isInteger(options.count) || options.count < 1) {
      throw new RangeError(`a pool of ${options.count} workers`);
    }
    this.#options = options;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /** Starts all workers; settles when they are ready. Exactly once. */
  async start(): Promise<void> {
    if (this.#workers.length > 0) throw new TypeError("the pool was started before");
    while (this.#workers.length < this.count) this.#startOne();
    await Promise.all(this.#workers.map((worker) => worker.ready));
  }

  /** Starts the first worker unless there is one; what goes wrong is told by every job. */
  warm(): void {
    if (this.#workers.length > 0 || this.#failure !== null) return;
    this.#startAnother();
  }

  /** Names of the codecs the workers loaded; null before `start` has settled. */
  get codecs(): Ready["codecs"] | null {
    return this.#workers[0]?.codecs ?? null;
  }

  /** Number of workers, at most. */
  get count(): number {
    return this.#options.count;
  }

  /** How many of them have been started. */
  get started(): number {
    return this.#workers.length;
  }

  /** Workers that have something to do. */
  get busy(): number {
    return this.#workers.filter(({ jobs }) => jobs > 0).length;
  }

  /** Jobs that no worker has taken yet. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /**
   * Runs one job and settles after its last reply. Buffers of the job belong to the pool from here on
   * and come back in replies. When it rejects with the signal's reason the job never began, and its
   * buffers are still the caller's; when it rejects with an SftpxError (`worker`) they are lost.
   */
  run(job: PoolJob, options: RunOptions): Promise<void> {
    if (this.#options.onDemand) this.warm();
    else if (this.#workers.length === 0) throw new TypeError("the pool was not started");
    if (this.#failure !== null) return Promise.reject(this.#failure);
    if (options.signal?.aborted) return Promise.reject(options.signal.reason);
    return new Promise((resolve, reject) => {
      const drop = () => {
        if (this.#waiting.delete(ticket)) reject(options.signal?.reason);
      };
      const ticket: Ticket = {
        job: { ...job, job: this.#nextJob++ } as ChunkJob,
        onReply: options.onReply,
        leave: () => options.signal?.removeEventListener("abort", drop),
        resolve,
        reject,
      };
      options.signal?.addEventListener("abort", drop, { once: true });
      if (this.#waiting.size === 0) this.#lineMs = this.#nowMs();
      this.#waiting.add(ticket);
      this.#dispatch();
    });
  }

  /** Ends the workers at once. Jobs that wait or run are rejected. Safe to call again. */
  async close(): Promise<void> {
    this.#end(new SftpxError("worker", "Cannot run job: the pool is closed"));
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #dispatch(): void {
    for (const ticket of this.#waiting) {
      const worker = isQuick(ticket.job) ? this.#fullest() : this.#leastBusy();
      if (worker === null) return;
      this.#waiting.delete(ticket);
      worker.take(ticket);
    }
  }

  #leastBusy(): PoolWorker | null {
    const best = this.#withRoom.reduce<PoolWorker | null>(
      (best, worker) => best === null || worker.jobs < best.jobs ? worker : best,
      null,
    );
    const isIdle = best?.jobs === 0;
    return isIdle || this.#workers.length === this.count ? best : this.#startAnother();
  }

  /**
   * Where a frame goes: to a worker that is at it, as long as it has room. One that is woken for a frame
   * now and then compiles what it runs and collects its garbage like any other, and does it for little.
   */
  #fullest(): PoolWorker | null {
    const best = this.#withRoom.reduce<PoolWorker | null>(
      (best, worker) => best === null || worker.jobs > best.jobs ? worker : best,
      null,
    );
    if (best !== null || this.#workers.length === this.count) return best;
    const linedMs = this.#nowMs() - Math.max(this.#lineMs, this.#readyMs);
    return linedMs < START_MS ? null : this.#startAnother();
  }

  get #withRoom(): readonly PoolWorker[] {
    return this.#workers.filter(({ jobs }) => jobs < JOBS_PER_WORKER);
  }

  /** One that starts holds jobs like any other; null where none can be started, which ends the pool. */
  #startAnother(): PoolWorker | null {
    try {
      return this.#startOne();
    } catch (thrown) {
      this.#end(toSftpxError(thrown));
      return null;
    }
  }

  #startOne(): PoolWorker {
    const { workerUrl, without, access = null } = this.#options;
    const name = `chunk ${this.#workers.length}`;
    const worker = new PoolWorker(spawnWorker(workerUrl, { name, access }), {
      onReady: () => {
        this.#readyMs = this.#nowMs();
      },
      onIdle: () => this.#dispatch(),
      onDeath: (found) => this.#fail(found),
    });
    this.#workers.push(worker);
    this.#readyMs = Infinity;
    // Whoever may write anywhere receives.
    const lands = access?.write?.length !== 0;
    worker.send({ kind: "init", without, lands });
    return worker;
  }

  #fail(found: string): void {
    this.#end(new SftpxError("worker", `Cannot go on: a chunk worker ended: ${found}`));
    for (const worker of this.#workers) worker.terminate();
  }

  #end(failure: SftpxError): void {
    this.#failure ??= failure;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const ticket of waiting) {
      ticket.leave();
      ticket.reject(this.#failure);
    }
    for (const worker of this.#workers) worker.abandon(this.#failure);
  }
}

/** A job of a millisecond or so a frame, which others follow: not where many files are made for it. */
function isQuick(job: ChunkJob): boolean {
  switch (job.kind) {
    case "land":
      return job.frames.every(({ chunks }) => chunks.length <= QUICK_CHUNKS);
    case "pack":
      return job.compression.kind === "none" || job.compression.kind === "zeros";
    case "digest":
    case "reread":
    case "compare":
      return false;
  }
}
