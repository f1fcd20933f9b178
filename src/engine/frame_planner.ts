// Which chunk goes into which frame, and which frames are on their way. A chunk is planned once;
// only a lost lane makes it planned again (I6). Plans no further than the receiver may fall behind
// (I8), and takes no word for a frame that was not sent.

import { LIMITS } from "../base/limits.ts";
import { keysWithin } from "../base/ranges.ts";
import type { Range } from "../wire/messages.ts";
import type { ChunkRecord } from "../wire/frame.ts";
import { chunkLengthBytes } from "./geometry.ts";
import type { OpenFiles } from "./open_files.ts";
import { Queue } from "./queue.ts";
import type { Origin, SendFile } from "./send_file.ts";
import { outOfPlace } from "./violation.ts";

/** One chunk to read, hash and perhaps compress. */
export interface PlannedChunk {
  readonly origin: Origin;
  readonly entry: number;
  readonly chunk: number;
  readonly offsetBytes: number;
  readonly rawBytes: number;
  readonly held?: Uint8Array;
}

/** One frame to build. */
export interface PlannedFrame {
  readonly frame: number;
  readonly rawBytes: number;
  readonly chunks: readonly PlannedChunk[];
}

interface OutstandingFrame {
  readonly chunks: readonly PlannedChunk[];
  /** The records that were really sent; null until packed. */
  records: readonly ChunkRecord[] | null;
}

export class FramePlanner {
  readonly #files: OpenFiles<SendFile>;
  /** Files with chunks to plan, oldest first. */
  readonly #ready = new Queue<SendFile>();
  /** Chunks that were lost. */
  readonly #again = new Queue<PlannedChunk>();
  readonly #frames = new Map<number, OutstandingFrame>();
  #nextFrame = 0;

  constructor(files: OpenFiles<SendFile>) {
    this.#files = files;
  }

  /** Frames planned so far. */
  get frames(): number {
    return this.#nextFrame;
  }

  /** A file's chunks may flow. */
  add(file: SendFile): void {
    this.#ready.add(file);
  }

  /**
   * Plans at most `max` frames, of no more than `mostRecords` chunks each; an empty answer means nothing is
   * ready or too much is unstored.
   */
  poll(
    max: number,
    { chunkBytes, mostRecords = LIMITS.recordsPerFrame }: {
      readonly chunkBytes: number;
      readonly mostRecords?: number;
    },
  ): PlannedFrame[] {
    const frames: PlannedFrame[] = [];
    while (frames.length < max && this.#frames.size < LIMITS.unstoredFrames) {
      const frame = this.#planFrame(chunkBytes, mostRecords);
      if (frame === null) break;
      frames.push(frame);
    }
    return frames;
  }

  /** A frame was built of these records; one of none is not sent. */
  packed(frame: number, records: readonly ChunkRecord[]): void {
    const outstanding = this.#frames.get(frame);
    if (outstanding === undefined) throw new RangeError(`No frame ${frame} was planned`);
    outstanding.records = records;
    if (records.length === 0) this.#frames.delete(frame);
  }

  /** Whether a frame is on its way and not acknowledged. */
  isUnstored(frame: number): boolean {
    return this.#frames.has(frame);
  }

  /** Frames are acknowledged: what was sent in them, as it is taken out of the books. */
  *stored(range: Range): Generator<ChunkRecord> {
    const [first, count] = range;
    if (first + count > this.#nextFrame) throw outOfPlace("stored");
    for (const frame of keysWithin(this.#frames, [range])) {
      const { records } = this.#frames.get(frame)!;
      if (records === null) throw outOfPlace("stored");
      this.#frames.delete(frame);
      yield* records;
    }
  }

  /** A lane died with these frames on it: what is not stored is planned again. */
  lost(frames: Iterable<number>): void {
    for (const frame of frames) {
      const outstanding = this.#frames.get(frame);
      if (outstanding === undefined) continue;
      this.#frames.delete(frame);
      const sent = outstanding.records === null
        ? null
        : new Set(outstanding.records.map((record) => `${record.entry}/${record.chunk}`));
      for (const chunk of outstanding.chunks) {
        if (sent === null || sent.has(`${chunk.entry}/${chunk.chunk}`)) this.#again.add(chunk);
      }
    }
  }

  #planFrame(chunkBytes: number, mostRecords: number): PlannedFrame | null {
    const chunks: PlannedChunk[] = [];
    let rawBytes = 0;
    while (chunks.length < mostRecords) {
      const chunk = this.#peekChunk(chunkBytes);
      if (chunk === null || rawBytes + chunk.rawBytes > chunkBytes) break;
      this.#takeChunk(chunk);
      chunks.push(chunk);
      rawBytes += chunk.rawBytes;
    }
    if (chunks.length === 0) return null;
    const frame = this.#nextFrame++;
    this.#frames.set(frame, { chunks, records: null });
    return { frame, rawBytes, chunks };
  }

  /** Next chunk to plan: lost ones first, then the oldest file's next one. */
  #peekChunk(chunkBytes: number): PlannedChunk | null {
    for (let chunk = this.#again.first; chunk !== null; chunk = this.#again.first) {
      if (this.#files.find(chunk.entry)?.isStored(chunk.chunk) === false) return chunk;
      this.#again.take();
    }
    for (let file = this.#ready.first; file !== null; file = this.#ready.first) {
      const next = this.#files.find(file.index) === undefined ? null : file.nextChunk();
      if (next === null) {
        this.#ready.take();
        continue;
      }
      const held = file.heldDigest(next);
      const planned = {
        origin: file.origin,
        entry: file.index,
        chunk: next,
        offsetBytes: next * chunkBytes,
        rawBytes: chunkLengthBytes(file.sizeBytes, chunkBytes, next),
      };
      return held === null ? planned : { ...planned, held };
    }
    return null;
  }

  #takeChunk(chunk: PlannedChunk): void {
    if (this.#again.first === chunk) this.#again.take();
    else this.#ready.first!.advance();
  }
}
