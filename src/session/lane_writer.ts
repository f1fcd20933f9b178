// Writes the frames of a sending transfer to its lanes. Each lane takes whatever frame is ready next,
// so that none waits for another (I7); one that dies gives its frames back to be planned again. How many
// there are, and where, may change at any time: one that is to end finishes its frame first.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { BufferPool } from "../pool/buffers.ts";
import type { Packed } from "../pool/messages.ts";
import type { Range } from "../wire/messages.ts";
import { encodeLaneEnd } from "../wire/frame.ts";
import { whenAborted } from "./abort.ts";
import type { LanePath, TransferChannel } from "./hub.ts";
import { LaneBacklog } from "./lane_backlog.ts";
import { Mailbox } from "./mailbox.ts";
import { pacedOutgoing } from "./paced_lane.ts";
import { LaneTimes } from "./lane_times.ts";
import { atMost } from "./patience.ts";
import type { RateLimit, RateShare } from "./rate_limit.ts";
import { type OpeningLane, type WritingLane, writingLane } from "./writing_lane.ts";

/** Frame numbers a lane remembers before those acknowledged are dropped. */
const LANE_MEMORY_FRAMES = 2 * LIMITS.unstoredFrames;

export interface LaneWriterOptions {
  readonly channel: TransferChannel;
  /** What its lanes keep to together. */
  readonly limits: readonly RateLimit[];
  /** Where the frames' buffers go back to. */
  readonly buffers: BufferPool;
  readonly isUnstored: (frame: number) => boolean;
  /** Nothing is left to be sent but what lanes have. */
  readonly isLast: () => boolean;
  /** Answers what is to be called when it has ended. */
  readonly onLane: (path: LanePath) => () => void;
  /** A frame was written, and its buffer is free. */
  readonly onWritten: (packed: Packed, path: LanePath) => void;
  /** A lane died with these frames on it, stored or not. */
  readonly onLost: (frames: readonly number[]) => void;
  /** The last lane died of this. */
  readonly onNone: (error: SftpxError) => void;
  /** The monotonic clock, milliseconds; a test brings its own. */
  readonly now?: () => number;
}

export class LaneWriter {
  readonly #options: LaneWriterOptions;
  readonly #limits: readonly RateShare[];
  readonly #packed = new Mailbox<Packed>();
  readonly #lanes = new Set<WritingLane>();
  /** How many there are to be, by connection. */
  #spread: ReadonlyMap<number, number> = new Map();
  readonly #opening = new Set<OpeningLane>();
  readonly #times = new LaneTimes();
  readonly #backlog = new LaneBacklog();
  readonly #now: () => number;
  /** Lanes that ended in order, with frames that may not be stored. */
  readonly #ended = new Set<WritingLane>();
  /** Lanes not lost, those still to be opened counted. */
  #left = 0;
  #isHalted = false;
  /** The transfer is whole: a lane that breaks now takes nothing with it. */
  #isOver = false;

  constructor(options: LaneWriterOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#limits = options.limits.map((limit) => limit.share());
  }

  /** Opens so many lanes. */
  open(count: number): void {
    this.#left = count;
    for (let lane = 0; lane < count; lane++) this.#run();
  }

  /** Opens and ends lanes, so that there are so many on each connection. */
  spread(wanted: ReadonlyMap<number, number>): void {
    if (this.#isHalted || this.#isOver) return;
    const before = this.#spread;
    this.#spread = new Map(wanted);
    // First those that are new: there is no moment without any.
    for (const [connection, count] of wanted) {
      for (let more = before.get(connection) ?? 0; more < count; more++) {
        this.#left++;
        this.#run(connection);
      }
    }
    for (const [connection, count] of before) {
      const surplus = count - (wanted.get(connection) ?? 0);
      if (surplus > 0) this.#retire(connection, surplus);
    }
    for (const { gate } of this.#lanes) gate?.resolve();
  }

  /** How lanes spend their time. */
  get times(): LaneTimes {
    return this.#times;
  }

  put(packed: Packed): void {
    this.#packed.put(packed);
  }

  /** The receiver has frames. */
  stored(frames: readonly Range[]): void {
    this.#backlog.stored(frames, this.#now());
    for (const lane of this.#lanes) if (!this.#isFull(lane)) lane.gate?.resolve();
  }

  /**
   * Looks for a connection that long has brought nothing. While there is other work it only gets none of
   * it; in the end what it has is sent by others, for nothing else is waited for. Its lanes do not come back.
   */
  tick(nowMs: number): void {
    if (this.#isOver || this.#isHalted) return;
    const silent = this.#backlog.silent(nowMs);
    if (silent === null || !this.#options.isLast()) return;
    const isOn = ({ opened }: WritingLane) => opened.connection === silent;
    const lanes = [...this.#lanes];
    if (!lanes.some((lane) => !isOn(lane) && lane.waiting !== null)) return;
    const error = new SftpxError("lost", "Lost the peer: a connection fell silent");
    for (const lane of [...lanes, ...this.#ended]) if (isOn(lane)) this.#lose(lane, error);
  }

  /** Frames that wait for a lane. */
  get waiting(): number {
    return this.#packed.size;
  }

  /** Lanes end in order if they can, but nothing depends on them, nor on those that never opened. */
  async end(signal: AbortSignal): Promise<void> {
    this.#isOver = true;
    this.#packed.close();
    for (const { gate } of this.#lanes) gate?.resolve();
    const aborted = Promise.withResolvers<void>();
    using _aborted = whenAborted(signal, () => aborted.resolve());
    const done = Promise.all([...this.#lanes].map((lane) => lane.done.promise));
    await atMost(Promise.race([done, aborted.promise]), LIMITS.partingMs);
  }

  /** Nothing is written any more; what was may or may not arrive. */
  halt(): void {
    this.#isHalted = true;
    this.#packed.drain();
    for (const { opened, gate } of this.#lanes) {
      gate?.resolve();
      opened.stream.abort();
    }
  }

  #retire(connection: number, count: number): void {
    let left = count;
    for (const lane of this.#lanes) {
      if (left === 0) return;
      if (lane.opened.connection !== connection || lane.isRetired) continue;
      lane.isRetired = true;
      if (lane.waiting !== null) this.#packed.withdraw(lane.waiting);
      left--;
    }
    for (const opening of this.#opening) {
      if (left === 0) return;
      if (opening.connection !== connection || opening.isUnwanted) continue;
      opening.isUnwanted = true;
      left--;
    }
  }

  /** Runs a lane on this connection, or on the one whose turn it is. */
  async #run(connection?: number): Promise<void> {
    let lane: WritingLane | null = null;
    const opening: OpeningLane = { connection, isUnwanted: false };
    this.#opening.add(opening);
    try {
      lane = await this.#openLane(opening);
      let written = 0;
      for (let packed = await this.#take(lane); packed !== null; written++) {
        if (lane.isLost) return this.#packed.put(packed);
        await this.#write(lane, packed);
        packed = await this.#take(lane);
      }
      if (this.#isHalted || lane.isLost) return;
      await lane.opened.stream.write(encodeLaneEnd(this.#options.channel.transfer, written));
      await lane.opened.stream.close();
      this.#lanes.delete(lane);
      this.#ended.add(lane);
      lane.isEnded = true;
      if (lane.isRetired) this.#left--;
    } catch (error) {
      this.#lose(lane, toSftpxError(error, "lost"));
    } finally {
      this.#opening.delete(opening);
      lane?.done.resolve();
      if (lane !== null) this.#times.ended(lane);
      lane?.onEnded();
    }
  }

  /** The next frame of a lane; null where there is to be none. */
  async #take(lane: WritingLane): Promise<Packed | null> {
    while (this.#isFull(lane)) await (lane.gate = Promise.withResolvers()).promise;
    lane.gate = null;
    if (lane.isRetired || lane.isLost) return null;
    this.#times.waits(lane);
    try {
      return await (lane.waiting = this.#packed.take());
    } finally {
      lane.waiting = null;
      this.#times.works(lane);
    }
  }

  /** It is for another connection to take the next frame, while there is another. */
  #isFull({ opened, isRetired, isLost }: WritingLane): boolean {
    if (isRetired || isLost || this.#isOver || this.#isHalted || this.#spread.size < 2) {
      return false;
    }
    return !this.#backlog.hasRoom(opened.connection);
  }

  async #openLane(opening: OpeningLane): Promise<WritingLane> {
    const { channel } = this.#options;
    const plain = await channel.openLane(opening.connection);
    this.#opening.delete(opening);
    const times = this.#times;
    // A limit sees whole frames; what waits for it waits as for a source: more lanes would not help.
    const opened = pacedOutgoing(times.counted(plain, () => channel.rttMs), this.#limits, {
      onWaits: (isWaiting) => isWaiting ? times.waits(lane) : times.works(lane),
    });
    const onEnded = this.#options.onLane(opened);
    const lane = writingLane(opened, { isRetired: opening.isUnwanted, onEnded });
    this.#lanes.add(lane);
    if (this.#isHalted) opened.stream.abort();
    // One that waits for a frame would not notice, and what it has written may never arrive.
    opened.lost.then(() => this.#lose(lane, new SftpxError("lost", "Lost the peer: a lane broke")));
    return lane;
  }

  async #write(lane: WritingLane, packed: Packed): Promise<void> {
    const { buffers, isUnstored, onWritten } = this.#options;
    lane.frames.push(packed.frame);
    const { opened: { connection: number } } = lane;
    const bytes = packed.frameBytes;
    this.#backlog.took(packed.frame, { number, bytes, nowMs: this.#now() });
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

  /**
   * A lane died, or what one that had ended wrote may be lost with its connection. The others carry on
   * with its frames; the last one takes the transfer with it.
   */
  #lose(lane: WritingLane | null, error: SftpxError): void {
    const { onLost, onNone } = this.#options;
    lane?.opened.stream.abort();
    if (this.#isHalted || this.#isOver || lane?.isLost) return;
    if (lane !== null) {
      lane.isLost = true;
      lane.gate?.resolve();
      this.#backlog.lost(lane.frames);
      this.#lanes.delete(lane);
      this.#ended.delete(lane);
    }
    if (!lane?.isEnded && --this.#left === 0) onNone(error);
    onLost(lane?.frames ?? []);
  }
}
