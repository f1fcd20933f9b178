// One chunk worker as the pool sees it: the jobs it holds, what it says of them, and how it ends.
// Promises that buffers are transferred and never cloned; which job it takes is the pool's business.

import { SftpxError } from "../base/errors.ts";
import { type ChunkRecord, decodeFrameRecords } from "../wire/frame.ts";
import { packFrame, type SentJob } from "./landing_columns.ts";
import type { ChunkInit, ChunkJob, ChunkReply, JobReply, Packed, Ready } from "./messages.ts";

/** A job, and who waits for it. */
export interface Ticket {
  readonly job: ChunkJob;
  readonly onReply: (reply: JobReply) => void;
  /** Stops listening to the job's signal. */
  readonly leave: () => void;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

export interface WorkerEvents {
  readonly onReady: () => void;
  readonly onIdle: () => void;
  readonly onDeath: (found: string) => void;
}

/** One worker and the jobs it holds. */
export class PoolWorker {
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
      this.#worker.postMessage(sent(ticket.job), buffersOf(ticket.job));
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
        this.#events.onReady();
        return this.#ready.resolve();
      case "job_done":
        return this.#settle(reply.job, (ticket) => ticket.resolve());
      case "job_failed": {
        const text = `Cannot run job: ${reply.message}`;
        return this.#settle(reply.job, (ticket) => ticket.reject(new SftpxError("worker", text)));
      }
      case "packed":
        return this.#packed(reply);
      case "landed":
      case "digested":
      case "compared":
      case "reread":
        return this.#replied(reply);
    }
  }

  /** A frame that cannot be read is a defect of the worker that made it: no peer has seen it yet. */
  #packed(reply: Packed & { readonly isLast: boolean }): void {
    let records;
    try {
      records = recordsOf(reply);
    } catch (cause) {
      const text = "Cannot run job: its worker made a frame that cannot be read";
      const failure = new SftpxError("worker", text, { cause });
      return this.#settle(reply.job, (ticket) => ticket.reject(failure));
    }
    this.#replied({ ...reply, records });
  }

  #replied(reply: JobReply & { readonly isLast: boolean }): void {
    this.#jobs.get(reply.job)?.onReply(reply);
    if (reply.isLast) this.#settle(reply.job, (ticket) => ticket.resolve());
  }

  #settle(job: number, settle: (ticket: Ticket) => void): void {
    const ticket = this.#jobs.get(job);
    if (ticket === undefined) return;
    this.#jobs.delete(job);
    settle(ticket);
    this.#events.onIdle();
  }
}

/** A job as it goes to its worker. */
function sent(job: ChunkJob): SentJob {
  return job.kind === "land" ? { ...job, frames: job.frames.map(packFrame) } : job;
}

/** What a frame says itself is not said beside it: a buffer for each digest is dear to clone. */
function recordsOf({ buffer, frameBytes }: Packed): readonly ChunkRecord[] {
  if (frameBytes === 0) return [];
  return decodeFrameRecords(new Uint8Array(buffer, 0, frameBytes));
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
