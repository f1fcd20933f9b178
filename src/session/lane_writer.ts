// Writes the frames of a sending transfer to its lanes. Each lane takes whatever frame is ready next,
// so that none waits for another (I7); one that dies gives its frames back to be planned again.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { BufferPool } from "../pool/buffers.ts";
import type { Packed } from "../pool/messages.ts";
import { encodeLaneEnd } from "../wire/frame.ts";
import { whenAborted } from "./abort.ts";
import type { LanePath, OutgoingLane, TransferChannel } from "./hub.ts";
import { Mailbox } from "./mailbox.ts";
import { atMost } from "./patience.ts";

/** Frame numbers a lane remembers before those acknowledged are dropped. */
const LANE_MEMORY_FRAMES = 2 * LIMITS.unstoredFrames;

export interface LaneWriterOptions {
  readonly channel: TransferChannel;
  /** Where the frames' buffers go back to. */
  readonly buffers: BufferPool;
  readonly isUnstored: (frame: number) => boolean;
  readonly onLane: (path: LanePath) => void;
  /** A frame was written, and its buffer is free. */
  readonly onWritten: (packed: Packed, path: LanePath) => void;
  /** A lane died with these frames on it, stored or not. */
  readonly onLost: (frames: readonly number[]) => void;
  /** The last lane died of this. */
  readonly onNone: (error: SftpxError) => void;
}

interface Lane {
  readonly opened: OutgoingLane;
  /** Frames written to it, perhaps stored since. */
  frames: number[];
  isLost: boolean;
  /** Resolved once nothing is written to it any more. */
  readonly done: PromiseWithResolvers<void>;
}

export class LaneWriter {
  readonly #options: LaneWriterOptions;
  readonly #packed = new Mailbox<Packed>();
  readonly #lanes = new Set<Lane>();
  /** Lanes not lost, those still to be opened counted. */
  #left = 0;
  #isHalted = false;
  /** The transfer is whole: a lane that breaks now takes nothing with it. */
  #isOver = false;

  constructor(options: LaneWriterOptions) {
    this.#options = options;
  }

  /** Opens so many lanes. */
  open(count: number): void {
    this.#left = count;
    for (let lane = 0; lane < count; lane++) this.#run();
  }

  put(packed: Packed): void {
    this.#packed.put(packed);
  }

  /** Lanes end in order if they can, but nothing depends on them, nor on those that never opened. */
  async end(signal: AbortSignal): Promise<void> {
    this.#isOver = true;
    this.#packed.close();
    const aborted = Promise.withResolvers<void>();
    using _aborted = whenAborted(signal, () => aborted.resolve());
    const done = Promise.all([...this.#lanes].map((lane) => lane.done.promise));
    await atMost(Promise.race([done, aborted.promise]), LIMITS.partingMs);
  }

  /** Nothing is written any more; what was may or may not arrive. */
  halt(): void {
    this.#isHalted = true;
    this.#packed.drain();
    for (const { opened } of this.#lanes) opened.stream.abort();
  }

  async #run(): Promise<void> {
    let lane: Lane | null = null;
    try {
      lane = await this.#openLane();
      let written = 0;
      for (let packed = await this.#packed.take(); packed !== null; written++) {
        if (lane.isLost) return this.#packed.put(packed);
        await this.#write(lane, packed);
        packed = await this.#packed.take();
      }
      if (this.#isHalted || lane.isLost) return;
      await lane.opened.stream.write(encodeLaneEnd(this.#options.channel.transfer, written));
      await lane.opened.stream.close();
      this.#lanes.delete(lane);
    } catch (error) {
      this.#lose(lane, toSftpxError(error, "lost"));
    } finally {
      lane?.done.resolve();
    }
  }

  async #openLane(): Promise<Lane> {
    const opened = await this.#options.channel.openLane();
    const done = Promise.withResolvers<void>();
    const lane: Lane = { opened, frames: [], isLost: false, done };
    this.#lanes.add(lane);
    this.#options.onLane(opened);
    if (this.#isHalted) opened.stream.abort();
    // One that waits for a frame would not notice, and what it has written may never arrive.
    opened.lost.then(() => this.#lose(lane, new SftpxError("lost", "Lost the peer: a lane broke")));
    return lane;
  }

  async #write(lane: Lane, packed: Packed): Promise<void> {
    const { buffers, isUnstored, onWritten } = this.#options;
    lane.frames.push(packed.frame);
    try {
      await lane.opened.stream.write(new Uint8Array(packed.buffer, 0, packed.frameBytes));
    } catch (error) {
      buffers.forfeit(1); // The transport may still hold on to it.
      throw error;
    }
    buffers.give(packed.buffer);
    if (lane.frames.length > LANE_MEMORY_FRAMES) lane.frames = lane.frames.filter(isUnstored);
    onWritten(packed, lane.opened);
  }

  /** A lane died. The others carry on with its frames; the last one takes the transfer with it. */
  #lose(lane: Lane | null, error: SftpxError): void {
    const { onLost, onNone } = this.#options;
    lane?.opened.stream.abort();
    if (this.#isHalted || this.#isOver || lane?.isLost) return;
    if (lane !== null) {
      lane.isLost = true;
      this.#lanes.delete(lane);
    }
    if (--this.#left === 0) onNone(error);
    onLost(lane?.frames ?? []);
  }
}
