// Drives the sending engine: walk in, frames out. Everything that happens (a message, a packed
// frame, a free lane) ends in `#pump`, which lets the engine decide what is next; nothing else
// decides anything.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { TransferResult } from "../engine/report.ts";
import { type FoundEntries, Sender } from "../engine/sender.ts";
import { BufferPool } from "../pool/buffers.ts";
import type { Packed } from "../pool/messages.ts";
import { SpillFiles } from "../runtime/spill_file.ts";
import { frameBufferBytes } from "../wire/frame.ts";
import type { Accept, Offer, Range, Receipt, TransferMessage } from "../wire/messages.ts";
import { sayAbort, whenAborted } from "./abort.ts";
import type { CompressionChoice } from "./compression.ts";
import type { Equipment, SlotShare } from "./equipment.ts";
import type { TransferChannel } from "./hub.ts";
import { KeptFrames } from "./kept_frames.ts";
import { isLocal, type LaneChoice, LaneControl } from "./lane_control.ts";
import { LaneWriter } from "./lane_writer.ts";
import type { SessionEvent, TransferSummary } from "./options.ts";
import { Packing } from "./packing.ts";
import { leastOf, limitsOf } from "./paced_lane.ts";
import { Progress } from "./progress.ts";
import { type RateLimit, rateLimitOf } from "./rate_limit.ts";
import { WalkFeed, walkFrom, type WalkPlan } from "./walk_feed.ts";
import { WalkFirst } from "./walk_first.ts";

export interface SendRunOptions {
  readonly channel: TransferChannel;
  readonly offer: Offer;
  readonly walk: WalkPlan;
  /** What the walk found, where all of it was announced with the offer: there is no further walk. */
  readonly announced?: readonly FoundEntries[] | null;
  /** Sources that could not be found: failures of their own. */
  readonly missing: readonly { readonly path: string; readonly error: SftpxError }[];
  readonly equipment: Equipment;
  readonly compression: CompressionChoice;
  readonly lanes: LaneChoice;
  /** Whether the peer signed this receipt. */
  readonly verifyReceipt: (receipt: Receipt) => Promise<boolean>;
  /** Called before bytes of a file leave this end. */
  readonly onMoved?: () => void;
  /** The receiver is at it. */
  readonly onAccepted?: () => void;
  /** Bytes of files left this end. */
  readonly onCarried?: (rawBytes: number) => void;
  /** Tells each entry that is in place. */
  readonly tellEntries: boolean;
  readonly onEvent: (event: SessionEvent) => void;
  readonly signal: AbortSignal;
}

/** Runs one sending transfer to its receipt. Never rejects: what went wrong is in the summary. */
export async function runSend(options: SendRunOptions): Promise<TransferSummary> {
  return await new SendRun(options).run();
}

class SendRun {
  readonly #options: SendRunOptions;
  readonly #sender: Sender;
  readonly #progress: Progress;
  readonly #feed: WalkFeed;
  readonly #stop = new AbortController();
  readonly #spill = new SpillFiles();
  readonly #ended = Promise.withResolvers<TransferResult>();
  #share: SlotShare | null = null;
  #buffers: BufferPool | null = null;
  #packing: Packing | null = null;
  #walkFirst: WalkFirst | null = null;
  #lanes: LaneWriter | null = null;
  readonly #kept = new KeptFrames((packed) => this.#lanes?.put(packed));
  #control: LaneControl | null = null;
  #limits: readonly RateLimit[] = [];
  /** The peer said itself why the transfer ends: it need not be told. */
  #isAborted = false;

  constructor(options: SendRunOptions) {
    this.#options = options;
    const { equipment: { hashing }, tellEntries, announced = null } = options;
    this.#sender = new Sender(options.offer, {
      hashing,
      tellEntries,
      announced,
      spill: this.#spill.make,
    });
    this.#progress = new Progress(options.onEvent, {
      moving: "send",
      counts: () => this.#sender.counts,
      onTick: (nowMs) => {
        this.#control?.tick(nowMs);
        this.#lanes?.tick(nowMs);
      },
      onCarried: options.onCarried,
    });
    this.#feed = new WalkFeed(this.#sender, {
      onNotice: (message) => this.#progress.notice(message),
    });
  }

  async run(): Promise<TransferSummary> {
    const { channel, signal } = this.#options;
    using _aborted = whenAborted(signal, this.#ended.reject);
    try {
      for (const { path, error: { code, message } } of this.#options.missing) {
        this.#sender.omit({ path, code, message });
      }
      this.#task(this.#takeMessages());
      this.#pump();
      const result = await this.#ended.promise;
      // The receipt holds: nothing depends on the lanes any more.
      await this.#lanes?.end(signal);
      this.#progress.stop(channel);
      return this.#progress.finished(result, this.#sender.chunkBytes);
    } catch (thrown) {
      const error = toSftpxError(thrown);
      this.#stop.abort();
      this.#lanes?.halt();
      this.#progress.stop(channel);
      if (!this.#isAborted) sayAbort(channel, error);
      return this.#progress.broken(error, this.#sender.chunkBytes);
    } finally {
      this.#stop.abort();
      this.#lanes?.halt();
      this.#walkFirst?.[Symbol.dispose]();
      this.#buffers?.close();
      this.#share?.[Symbol.dispose]();
      this.#spill[Symbol.dispose]();
      channel.close();
    }
  }

  /** A part of the run that ends by itself; its failure is the transfer's. */
  #task(work: Promise<void>): void {
    work.catch((error) => this.#ended.reject(error));
  }

  async #takeMessages(): Promise<void> {
    for (;;) {
      const message = await this.#options.channel.messages.take();
      if (message === null) return;
      this.#isAborted = message.type === "abort";
      await this.#checkReceipt(message);
      if (this.#stop.signal.aborted) return;
      this.#sender.handle(message);
      if (message.type === "stored") this.#stored(message.frames);
      if (message.type === "accept") this.#begin(message);
      if (message.type === "deleted") this.#progress.addDeleted(message.paths.length);
      this.#pump();
      if (this.#sender.result !== null) return this.#ended.resolve(this.#sender.result);
    }
  }

  #stored(frames: readonly Range[]): void {
    this.#packing?.stored(frames);
    this.#lanes?.stored(frames);
  }

  async #checkReceipt(message: TransferMessage): Promise<void> {
    if (message.type !== "receipt" || await this.#options.verifyReceipt(message)) return;
    throw new SftpxError("integrity", "Cannot confirm the transfer: its receipt is not signed");
  }

  /** The receiver accepted: lanes, buffers and the walk begin. */
  #begin({ fresh, rateBytesPerSecond }: Accept): void {
    this.#options.onAccepted?.();
    // Something is sent for certain; where all may be there already, the first frame tells.
    if (fresh.includes(true)) {
      this.#options.lanes.joinEarly?.();
      this.#options.equipment.warm();
    }
    // What the receiver keeps to need not be sent faster.
    this.#limits = limitsOf(this.#options.equipment.rateLimit, rateLimitOf(rateBytesPerSecond));
    this.#progress.limitTo(leastOf(this.#limits));
    const bufferBytes = frameBufferBytes(this.#sender.chunkBytes);
    // Only the receiver's accept settles the chunk size (I8).
    const share = this.#share = this.#options.equipment.reserveSlots(this.#sender.chunkBytes);
    const { slots } = share;
    const buffers = this.#buffers = new BufferPool({
      bufferBytes,
      budgetBytes: bufferBytes * slots,
    });
    this.#packing = this.#packingInto(buffers, share);
    const isShort = this.#isShort;
    if (isShort) this.#sender.gatherFirst();
    this.#walkFirst = new WalkFirst(isShort, () => this.#pump());
    this.#lanes = this.#lanesOver(buffers);
    const { channel, lanes, onEvent } = this.#options;
    const filling = {
      channel,
      writer: this.#lanes,
      mostLanes: slots,
      mostBytesPerSecond: leastOf(this.#limits),
      onComplete: () => this.#kept.release(),
      onEvent,
    };
    this.#control = new LaneControl(lanes, filling);
    this.#control.begin();
    if ((this.#options.announced ?? null) !== null) return;
    const feeding = {
      pump: () => this.#pump(),
      flushed: () => this.#options.channel.flushed(),
      signal: this.#stop.signal,
    };
    const walk = walkFrom(this.#options.walk, this.#sender.from);
    this.#task(this.#feed.run(walk, feeding));
  }

  #packingInto(buffers: BufferPool, share: SlotShare): Packing {
    const { channel, lanes, equipment, compression } = this.#options;
    return new Packing({
      sender: this.#sender,
      ...{ channel, lanes, equipment, compression, share, buffers },
      // Nothing is as fast as one machine's own path, unless it is told to be slow.
      isFast: this.#limits.length === 0 && isLocal(channel),
      progress: this.#progress,
      waiting: () => (this.#lanes?.waiting ?? 0) + this.#kept.count,
      onPacked: (packed) => this.#takePacked(packed),
      onError: (error) => this.#ended.reject(error),
      signal: this.#stop.signal,
    });
  }

  get #isShort(): boolean {
    const { channel } = this.#options;
    return isLocal(channel) || (channel.rttMs ?? Infinity) < LIMITS.shortPathMs;
  }

  #lanesOver(buffers: BufferPool): LaneWriter {
    return new LaneWriter({
      channel: this.#options.channel,
      limits: this.#limits,
      buffers,
      isUnstored: (frame) => this.#sender.isUnstored(frame),
      isLast: () => this.#sender.isSealed && this.#packing?.isIdle === true,
      onLane: (path) => this.#progress.addLane(path),
      onWritten: ({ frame, records }, path) => {
        this.#packing?.written(frame);
        this.#progress.addFrame(records, path);
        this.#pump();
      },
      onLost: (frames) => {
        this.#packing?.lost(frames);
        this.#sender.lost(frames);
        this.#pump();
      },
      onNone: (error) => this.#task(this.#giveUp(error)),
    });
  }

  /** Lets the engine decide until it has nothing left to say. */
  #pump(): void {
    try {
      for (;;) {
        const message = this.#sender.pollMessage();
        if (message === null) break;
        this.#options.channel.send(message);
      }
      this.#progress.tell(this.#sender);
      if (this.#walkFirst?.holds(this.#sender) === false) this.#packing?.fill();
      this.#feed.wake();
    } catch (error) {
      this.#ended.reject(error);
    }
  }

  #takePacked(packed: Packed): void {
    this.#sender.packed(packed.frame, packed);
    if (packed.frameBytes === 0) {
      this.#buffers?.give(packed.buffer);
    } else {
      this.#options.onMoved?.();
      this.#kept.give(packed, { isWaiting: this.#control?.isWaiting ?? false });
    }
    this.#pump();
  }

  /** No lane is left: a receiver that drops them all has said why, or is about to. */
  async #giveUp(error: SftpxError): Promise<void> {
    await this.#options.channel.caughtUp();
    if (this.#stop.signal.aborted) return;
    // Whoever waits for the message that came before goes first.
    await new Promise((resolve) => setTimeout(resolve));
    throw error;
  }
}
