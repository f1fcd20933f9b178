// Has frames made: takes from the engine as many as there are buffers for, hands them to the workers in
// batches, and decides how a job compresses when it is about to begin.

import { CompressionPlan } from "../engine/compression_plan.ts";
import type { PlannedChunk, PlannedFrame, Sender } from "../engine/sender.ts";
import type { BufferPool } from "../pool/buffers.ts";
import type { ChunkToPack, Compression, FileToPack, JobReply, Packed } from "../pool/messages.ts";
import { JOBS_PER_WORKER } from "../pool/pool.ts";
import type { Range } from "../wire/messages.ts";
import { BatchSize } from "./batch_size.ts";
import type { CompressionChoice } from "./compression.ts";
import { BATCH_FRAMES, type Equipment, type SlotShare } from "./equipment.ts";
import { filesOfFrame } from "./frame_files.ts";
import type { TransferChannel } from "./hub.ts";
import type { LaneChoice } from "./lane_control.ts";
import type { Progress } from "./progress.ts";

export interface PackingOptions {
  readonly sender: Sender;
  readonly channel: TransferChannel;
  readonly lanes: LaneChoice;
  readonly equipment: Pick<Equipment, "pool">;
  readonly compression: CompressionChoice;
  /** Nothing is as fast as one machine's own path. */
  readonly isFast: boolean;
  readonly share: Pick<SlotShare, "slots">;
  readonly buffers: BufferPool;
  readonly progress: Progress;
  /** Frames that are made and not on their way. */
  readonly waiting: () => number;
  /** Called with each frame; what it throws ends the transfer. */
  readonly onPacked: (packed: Packed) => void;
  readonly onError: (error: unknown) => void;
  readonly signal: AbortSignal;
}

export class Packing {
  readonly #options: PackingOptions;
  readonly #batch: BatchSize;
  /** Null until a job is to be decided, and where its user fixed it. */
  #plan: CompressionPlan | null = null;
  /** Frames that workers have. */
  #frames = 0;

  constructor(options: PackingOptions) {
    const { compression, share, equipment: { pool } } = this.#options = options;
    const fair = Math.floor(share.slots / (2 * pool.count));
    const jobs = compression.kind === "adaptive" ? JOBS_PER_WORKER * pool.count : Infinity;
    this.#batch = new BatchSize({ most: Math.max(1, Math.min(BATCH_FRAMES, fair)), jobs });
  }

  /** No worker has any frame. */
  get isIdle(): boolean {
    return this.#frames === 0;
  }

  /** Gives the workers as many frames as there are buffers, in batches. */
  fill(): void {
    const { sender, lanes, buffers, waiting, onError } = this.#options;
    for (let room = buffers.available; room > 0; room = buffers.available) {
      const ahead = this.#frames + waiting();
      if (this.#batch.waits({ room, ahead, packing: this.#frames })) return;
      const mostRecords = filesOfFrame(sender.frames, lanes);
      const frames = sender.pollFrames(Math.min(this.#batch.frames, room), { mostRecords });
      if (frames.length === 0) return;
      this.#run(frames).catch(onError);
    }
  }

  /** A lane took a frame. */
  written(frame: number): void {
    this.#plan?.written(frame, performance.now());
  }

  /** The receiver has frames. */
  stored(frames: readonly Range[]): void {
    this.#plan?.stored(frames, performance.now());
  }

  /** A lane died with frames. */
  lost(frames: readonly number[]): void {
    this.#plan?.lost(frames, performance.now());
  }

  async #run(planned: readonly PlannedFrame[]): Promise<void> {
    const { channel, lanes, equipment: { pool }, buffers, progress, signal } = this.#options;
    lanes.joinEarly?.();
    const compression = this.#compressionOf(planned);
    progress.chose(compression, planned.reduce((sum, { rawBytes }) => sum + rawBytes, 0));
    const files: FileToPack[] = [];
    // A file's chunks follow one another, but for those that were lost: such a file is named twice.
    const fileNumber = (origin: FileToPack): number =>
      files.at(-1) === origin ? files.length - 1 : files.push(origin) - 1;
    const frames = planned.map((plan) => ({
      transfer: channel.transfer,
      frame: plan.frame,
      buffer: buffers.take()!,
      chunks: plan.chunks.map((chunk) => toPack(chunk, fileNumber(chunk.origin))),
    }));
    this.#frames += frames.length;
    const onReply = (reply: JobReply) => this.#take(reply);
    await pool.run({ kind: "pack", files, frames, compression }, { onReply, signal });
  }

  /** Where nobody fixed it, it is decided anew for each job. */
  #compressionOf(frames: readonly PlannedFrame[]): Compression {
    const { compression, equipment: { pool: { count: workers } } } = this.#options;
    if (compression.kind !== "adaptive") return compression;
    const { channel, isFast, share: { slots } } = this.#options;
    const nowMs = performance.now();
    const rttMs = channel.rttMs ?? 0;
    this.#plan ??= new CompressionPlan({ workers, nowMs, slots, rttMs, isFast });
    return this.#plan.choose(frames, nowMs);
  }

  #take(reply: JobReply): void {
    // The run may be over by now: then nobody waits for it, and no engine is asked.
    if (reply.kind !== "packed" || this.#options.signal.aborted) return;
    const { frame, frameBytes, work } = reply;
    this.#frames--;
    this.#batch.took(work.busyMs);
    this.#plan?.packed(frame, { work, frameBytes, nowMs: performance.now() });
    try {
      this.#options.onPacked(reply);
    } catch (error) {
      this.#options.onError(error);
    }
  }
}

function toPack(
  { entry, chunk, offsetBytes, rawBytes, held }: PlannedChunk,
  file: number,
): ChunkToPack {
  const plain = { entry, chunk, file, offsetBytes, rawBytes };
  return held === undefined ? plain : { ...plain, held };
}
