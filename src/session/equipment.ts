// What a process needs for any transfer: its hash, its chunk workers and a fair share of pipeline
// buffers. Made once and closed once.

import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { loadHash } from "../codec/hash.ts";
import type { Hashing } from "../engine/hashing.ts";
import { ChunkPool } from "../pool/pool.ts";
import { cores, leftOut, type WorkerAccess } from "../runtime/runtime.ts";
import { frameBufferBytes } from "../wire/frame.ts";
import { type RateLimit, rateLimitOf } from "./rate_limit.ts";

/** Chunks one worker job takes; DESIGN's batch. */
export const BATCH_FRAMES = 8;

export interface EquipmentOptions {
  readonly chunkWorkerUrl: URL;
  /** What the chunk workers may read and write, where the runtime can hold them to it. */
  readonly access: WorkerAccess;
  /** 0 means one a core. */
  readonly workerCount: number;
  /** The workers start with their first job, or where `warm` says that there will be some. */
  readonly onDemand?: boolean;
  /** Frames of one transfer in the pipeline; 0 means clamp(4 x workers). */
  readonly depth: number;
  /** Bytes of files that the process moves a second, at most; absent for no limit. */
  readonly rateBytesPerSecond?: number;
}

/** One transfer's share of the pipeline's memory, until it is disposed of. */
export interface SlotShare extends Disposable {
  /** Frames it may have in the pipeline at once. */
  readonly slots: number;
}

export class Equipment implements AsyncDisposable {
  readonly hashing: Hashing;
  readonly pool: ChunkPool;
  /** Settles when all workers that start at once are ready; jobs are taken before. */
  readonly ready: Promise<void>;
  /** What all transfers together keep to, both ways; null for no limit. */
  readonly rateLimit: RateLimit | null;
  readonly #depth: number;
  #usedBytes = 0;

  private constructor(
    { hashing, pool, ready, rateLimit, depth }:
      & Pick<Equipment, "hashing" | "pool" | "ready" | "rateLimit">
      & { readonly depth: number },
  ) {
    this.rateLimit = rateLimit;
    this.hashing = hashing;
    this.pool = pool;
    this.ready = ready;
    this.#depth = depth;
  }

  /** Settles when there is a hash: the workers are on their way, or wait for what they are to do. */
  static async start(options: EquipmentOptions): Promise<Equipment> {
    const count = options.workerCount === 0
      ? Math.min(cores(), LIMITS.workers)
      : options.workerCount;
    const without = codecsLeftOut();
    const { chunkWorkerUrl: workerUrl, access, onDemand = false } = options;
    const pool = new ChunkPool({ workerUrl, count, without, access, onDemand });
    try {
      const ready = onDemand ? Promise.resolve() : pool.start();
      ready.catch(() => {}); // Told by every job, and to whoever waits for it.
      const hashing = await loadHash({ without });
      const depth = options.depth === 0
        ? Math.min(LIMITS.maxDepth, Math.max(LIMITS.minDepth, 4 * count))
        : options.depth;
      const rateLimit = rateLimitOf(options.rateBytesPerSecond);
      return new Equipment({ hashing, pool, ready, rateLimit, depth });
    } catch (error) {
      await pool.close();
      throw error;
    }
  }

  /** Jobs are about to come. */
  warm(): void {
    this.pool.warm();
  }

  /**
   * Takes a share of the pipeline's memory for one transfer (I8). What is left of the budget bounds
   * it; only the fewest slots go beyond, and none once twice the budget is out: `busy`.
   */
  reserveSlots(chunkBytes: number): SlotShare {
    const slotBytes = frameBufferBytes(chunkBytes);
    const left = Math.floor((LIMITS.pipelineBytes - this.#usedBytes) / slotBytes);
    const slots = Math.max(LIMITS.minSlots, Math.min(this.#depth, left));
    if (left < LIMITS.minSlots && this.#usedBytes + slots * slotBytes > 2 * LIMITS.pipelineBytes) {
      throw new SftpxError("busy", "Cannot start the transfer: too many are under way");
    }
    const bytes = slots * slotBytes;
    this.#usedBytes += bytes;
    return {
      slots,
      [Symbol.dispose]: () => {
        this.#usedBytes -= bytes;
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.close();
  }
}

/** The hash alone, for what moves no bytes. */
export async function loadHashing(): Promise<Hashing> {
  return await loadHash({ without: codecsLeftOut() });
}

/** Codecs left out, among other parts. */
export function codecsLeftOut(): readonly string[] {
  return leftOut();
}
