// Chunk workers behind one call: `run` a job, hear its replies, await its end. Promises that buffers
// are transferred and never cloned, that no worker starves while jobs wait, and that a worker's death
// fails every job that it or its siblings hold, in clear words.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { spawnWorker, type WorkerAccess } from "../runtime/runtime.ts";
import type {
  ChunkInit,
  ChunkJob,
  ChunkReply,
  CompareJob,
  DigestJob,
  JobReply,
  LandJob,
  PackJob,
  Ready,
  RereadJob,
} from "./messages.ts";

/** Jobs a worker holds: the one it runs, and the next, so that it need not wait for us. */
const JOBS_PER_WORKER = 2;

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
  /** The first job starts the workers, if nobody did before: each costs a start that some need not pay. */
  readonly onDemand?: boolean;
}

export interface RunOptions {
  /** Called for each reply, in the order the worker posted them. Must not throw. */
  readonly onReply: (reply: JobReply) => void;
  /** Drops the job while it waits; once a worker has it, it runs to its end. */
  readonly signal?: AbortSignal;
}

/** A fixed number of chunk workers. */
export class ChunkPool {
  readonly #options: ChunkPoolOptions;
  readonly #workers: PoolWorker[] = [];
  readonly #waiting = new Set<Ticket>();
  #nextJob = 1;
  #failure: SftpxError | null = null;

  constructor(options: ChunkPoolOptions) {
    if (!Number.isInteger(options.count) || options.count < 1) {
      throw new RangeError(`a pool of ${options.count} workers`);
    }
    this.#options = options;
  }

  /** Starts the workers; settles when all are ready. Exactly once. */
  async start(): Promise<void> {
    if (this.#workers.length > 0) throw new TypeError("the pool was started before");
    const { count, workerUrl, without, access = null } = this.#options;
    for (let index = 0; index < count; index++) {
      const worker = new PoolWorker(spawnWorker(workerUrl, { name: `chunk ${index}`, access }), {
        onIdle: () => this.#dispatch(),
        onDeath: (found) => this.#fail(found),
      });
      this.#workers.push(worker);
      worker.send({ kind: "init", without });
    }
    await Promise.all(this.#workers.map((worker) => worker.ready));
  }

  /** Starts the workers unless that was done; what goes wrong is told by every job. */
  warm(): void {
    if (this.#workers.length > 0 || this.#failure !== null) return;
    this.start().catch((thrown) => this.#end(toSftpxError(thrown)));
  }

  /** Names of the codecs the workers loaded; null before `start` has settled. */
  get codecs(): Ready["codecs"] | null {
    return this.#workers[0]?.codecs ?? null;
  }

  /** Number of workers. */
  get count(): number {
    return this.#options.count;
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
      const worker = this.#leastBusy();
      if (worker === null) return;
      this.#waiting.delete(ticket);
      worker.take(ticket);
    }
  }

  #leastBusy(): PoolWorker | null {
    let best: PoolWorker | null = null;
    for (const worker of this.#workers) {
      if (worker.jobs < (best?.jobs ?? JOBS_PER_WORKER)) best = worker;
    }
    return best;
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

interface Ticket {
  readonly job: ChunkJob;
  readonly onReply: (reply: JobReply) => void;
  /** Stops listening to the job's signal. */
  readonly leave: () => void;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

interface WorkerEvents {
  readonly onIdle: () => void;
  readonly onDeath: (found: string) => void;
}

// One worker and the jobs it holds.
class PoolWorker {
  readonly #worker: Worker;
  readonly #events: WorkerEvents;
  readonly #jobs = new Map<number, Ticket>();
  readonly #ready = Promise.withResolvers<void>();
  #codecs: Ready["codecs"] | null = null;

  constructor(worker: Worker, events: WorkerEvents) {
    this.#worker = worker;
    this.#events = events;
    this.#ready.promise.catch(() => {}); // told again by `start`, if anyone listens
    worker.onmessage = (event: MessageEvent<ChunkReply>) => this.#receive(event.data);
    worker.onmessageerror = () => events.onDeath("it sent an unreadable message");
    worker.onerror = (event) => {
      event.preventDefault(); // else the runtime ends this thread as well
      events.onDeath(event.message);
    };
    worker.addEventListener("close", () => events.onDeath("it closed itself")); // Bun only
  }

  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  get codecs(): Ready["codecs"] | null {
    return this.#codecs;
  }

  get jobs(): number {
    return this.#jobs.size;
  }

  send(message: ChunkInit): void {
    this.#worker.postMessage(message);
  }

  take(ticket: Ticket): void {
    ticket.leave();
    this.#jobs.set(ticket.job.job, ticket);
    try {
      this.#worker.postMessage(ticket.job, buffersOf(ticket.job));
    } catch (error) {
      this.#jobs.delete(ticket.job.job);
      ticket.reject(error); // a buffer that was detached before: the caller's mistake
    }
  }

  abandon(failure: SftpxError): void {
    this.#ready.reject(failure);
    for (const ticket of this.#jobs.values()) ticket.reject(failure);
    this.#jobs.clear();
  }

  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #receive(reply: ChunkReply): void {
    switch (reply.kind) {
      case "ready":
        this.#codecs = reply.codecs;
        return this.#ready.resolve();
      case "job_done":
        return this.#settle(reply.job, (ticket) => ticket.resolve());
      case "job_failed": {
        const text = `Cannot run job: ${reply.message}`;
        return this.#settle(reply.job, (ticket) => ticket.reject(new SftpxError("worker", text)));
      }
      case "packed":
      case "landed":
      case "digested":
      case "compared":
      case "reread":
        this.#jobs.get(reply.job)?.onReply(reply);
        if (reply.isLast) this.#settle(reply.job, (ticket) => ticket.resolve());
    }
  }

  #settle(job: number, settle: (ticket: Ticket) => void): void {
    const ticket = this.#jobs.get(job);
    if (ticket === undefined) return;
    this.#jobs.delete(job);
    settle(ticket);
    this.#events.onIdle();
  }
}

function buffersOf(job: ChunkJob): ArrayBuffer[] {
  switch (job.kind) {
    case "digest":
    case "compare":
    case "reread":
      return [];
    case "pack":
    case "land":
      return job.frames.map((frame) => frame.buffer);
  }
}
