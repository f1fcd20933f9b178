// Frames on their way into parts: they gather while all workers are busy, and leave as one batch when
// one is not. Promises that whoever ends a transfer can wait until no worker writes for it any more.

import type { FrameToLand, Landed } from "../pool/messages.ts";
import type { ChunkPool } from "../pool/pool.ts";
import { BATCH_FRAMES } from "./equipment.ts";
import type { Movement } from "./movement.ts";

export interface LandingOptions {
  readonly pool: Pick<ChunkPool, "run" | "count">;
  /** Learns of what is done for the transfer. */
  readonly movement?: Movement | undefined;
  /** A frame's chunks were dealt with. Must not throw. */
  readonly onLanded: (reply: Landed) => void;
  /** The workers failed. */
  readonly onError: (error: unknown) => void;
  /** Frames that no worker has taken yet are dropped. */
  readonly signal: AbortSignal;
}

export class Landing {
  readonly #options: LandingOptions;
  readonly #waiting: FrameToLand[] = [];
  readonly #jobs = new Set<Promise<void>>();

  constructor(options: LandingOptions) {
    this.#options = options;
  }

  /** Queues a frame; it leaves with the next `flush`, or when a worker is free. */
  put(frame: FrameToLand): void {
    this.#waiting.push(frame);
  }

  /** Hands over what waits, as long as a worker has room. */
  flush(): void {
    const { pool, signal } = this.#options;
    while (this.#waiting.length > 0 && this.#jobs.size < 2 * pool.count && !signal.aborted) {
      const job = this.#run(this.#waiting.splice(0, BATCH_FRAMES));
      this.#jobs.add(job);
      job.then(() => this.#ended(job), (error) => {
        this.#ended(job);
        this.#options.onError(error);
      });
    }
  }

  /** Settles once no worker has a frame of it, whatever became of them. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#jobs);
  }

  async #run(frames: readonly FrameToLand[]): Promise<void> {
    const { pool, movement, onLanded, signal } = this.#options;
    using _work = movement?.work();
    await pool.run({ kind: "land", frames }, {
      onReply: (reply) => {
        if (reply.kind === "landed") onLanded(reply);
      },
      signal,
    });
  }

  #ended(job: Promise<void>): void {
    this.#jobs.delete(job);
    this.flush();
  }
}
