// Drives the sending engine: walk in, frames out. Everything that happens (a message, a packed
// frame, a free lane) ends in `#pump`, which lets the engine decide what is next; nothing else
// decides anything.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Hashing } from "../engine/hashing.ts";
import type { TransferResult } from "../engine/report.ts";
import { type PlannedFrame, Sender } from "../engine/sender.ts";
import { BufferPool } from "../pool/buffers.ts";
import type { ChunkReply, Compression, FileToPack, Packed } from "../pool/messages.ts";
import type { ChunkPool } from "../pool/pool.ts";
import type { Store, WalkSource } from "../store/store.ts";
import { encodeLaneEnd, frameBufferBytes } from "../wire/frame.ts";
import type { Offer, Receipt, TransferMessage } from "../wire/messages.ts";
import type { SlotShare } from "./equipment.ts";
import type { OutgoingLane, TransferChannel } from "./hub.ts";
import { Mailbox } from "./mailbox.ts";
import type { SessionEvent, TransferSummary } from "./options.ts";
import { atMost } from "./patience.ts";
import { Progress } from "./progress.ts";

/** Chunks one worker job takes; DESIGN's batch. */
const BATCH_FRAMES = 8;
/** Frame numbers a lane remembers before those acknowledged are dropped. */
const LANE_MEMORY_FRAMES = 2 * LIMITS.unstoredFrames;

export interface SendRunOptions {
  readonly channel: TransferChannel;
  readonly offer: Offer;
  readonly sources: readonly WalkSource[];
  /** Sources that could not be found: failures of their own. */
  readonly missing: readonly { readonly path: string; readonly error: SftpxError }[];
  readonly hashing: Hashing;
  readonly store: Store;
  readonly pool: ChunkPool;
  readonly compression: Compression;
  readonly lanes: number;
  /** Takes buffers for frames of this chunk size: only the receiver's accept settles it (I8). */
  readonly reserve: (chunkBytes: number) => SlotShare;
  /** Whether the peer signed this receipt. */
  readonly verifyReceipt: (receipt: Receipt) => Promise<boolean>;
  readonly onEvent: (event: SessionEvent) => void;
  readonly signal: AbortSignal;
}

/** Runs one sending transfer to its receipt. Never rejects: what went wrong is in the summary. */
export async function runSend(options: SendRunOptions): Promise<TransferSummary> {
  return await new SendRun(options).run();
}

interface Lane {
  readonly stream: OutgoingLane["stream"];
  /** Frames written to it, perhaps stored since. */
  frames: number[];
  isLost: boolean;
}

class SendRun {
  readonly #options: SendRunOptions;
  readonly #sender: Sender;
  readonly #progress: Progress;
  readonly #packed = new Mailbox<Packed>();
  readonly #stop = new AbortController();
  readonly #ended = Promise.withResolvers<TransferResult>();
  #share: SlotShare | null = null;
  #buffers: BufferPool | null = null;
  /** Lanes not lost, those still to be opened counted. */
  #laneCount = 0;
  readonly #lanes = new Set<Lane>();
  readonly #lanesDone: Promise<void>[] = [];
  /** The peer said itself why the transfer ends: it need not be told. */
  #isAborted = false;
  #wanted = Promise.withResolvers<void>();

  constructor(options: SendRunOptions) {
    this.#options = options;
    this.#sender = new Sender(options.offer, { hashing: options.hashing });
    this.#progress = new Progress(options.onEvent, {
      counts: () => this.#sender.counts,
      onTick: () => {},
    });
  }

  async run(): Promise<TransferSummary> {
    const { channel, signal } = this.#options;
    const onAbort = () => this.#ended.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      for (const { path, error: { code, message } } of this.#options.missing) {
        this.#sender.omit({ path, code, message });
      }
      this.#task(this.#takeMessages());
      this.#pump();
      const result = await this.#ended.promise;
      await this.#endLanes();
      this.#progress.stop();
      return this.#progress.finished(result, this.#sender.chunkBytes);
    } catch (thrown) {
      const error = toSftpxError(thrown);
      this.#stop.abort();
      this.#progress.stop();
      this.#packed.drain();
      this.#wanted.resolve();
      if (!this.#isAborted) sayAbort(channel, error);
      return this.#progress.broken(error, this.#sender.chunkBytes);
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#stop.abort();
      for (const { stream } of this.#lanes) stream.abort();
      this.#share?.[Symbol.dispose]();
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
      this.#sender.handle(message);
      if (message.type === "accept") this.#start();
      this.#pump();
      if (this.#sender.result !== null) return this.#ended.resolve(this.#sender.result);
    }
  }

  async #checkReceipt(message: TransferMessage): Promise<void> {
    if (message.type !== "receipt" || await this.#options.verifyReceipt(message)) return;
    throw new SftpxError("integrity", "Cannot confirm the transfer: its receipt is not signed");
  }

  /** The receiver accepted: lanes, buffers and the walk begin. */
  #start(): void {
    const bufferBytes = frameBufferBytes(this.#sender.chunkBytes);
    const { slots } = this.#share = this.#options.reserve(this.#sender.chunkBytes);
    this.#buffers = new BufferPool({ bufferBytes, budgetBytes: bufferBytes * slots });
    for (let lane = 0; lane < this.#options.lanes; lane++) {
      this.#laneCount++;
      this.#lanesDone.push(this.#runLane());
    }
    this.#task(this.#walk());
  }

  async #walk(): Promise<void> {
    const { store, sources } = this.#options;
    for await (const batch of store.walk(sources, this.#stop.signal)) {
      for (const { path, code, message } of batch.notices) {
        if (code === null) this.#progress.notice(message);
        else this.#sender.omit({ path, code, message });
      }
      while (!this.#sender.wantsEntries) {
        await this.#wanted.promise;
        this.#stop.signal.throwIfAborted();
      }
      this.#sender.addEntries(batch);
      this.#pump();
    }
    this.#sender.endEntries();
    this.#pump();
  }

  /** Lets the engine decide until it has nothing left to say. */
  #pump(): void {
    try {
      for (;;) {
        const message = this.#sender.pollMessage();
        if (message === null) break;
        this.#options.channel.send(message);
      }
      for (;;) {
        const failure = this.#sender.pollFailure();
        if (failure === null) break;
        this.#progress.entryFailed(failure);
      }
      this.#pack();
      if (this.#sender.wantsEntries) {
        this.#wanted.resolve();
        this.#wanted = Promise.withResolvers();
      }
    } catch (error) {
      this.#ended.reject(error);
    }
  }

  /** Gives the workers as many frames as there are buffers, in batches. */
  #pack(): void {
    const { pool } = this.#options;
    if (this.#share === null || this.#buffers === null) return;
    const fair = Math.floor(this.#share.slots / (2 * pool.count));
    const batch = Math.max(1, Math.min(BATCH_FRAMES, fair));
    while (this.#buffers.available > 0) {
      const frames = this.#sender.pollFrames(Math.min(batch, this.#buffers.available));
      if (frames.length === 0) return;
      this.#task(this.#runJob(frames));
    }
  }

  async #runJob(planned: readonly PlannedFrame[]): Promise<void> {
    const { channel, pool, compression } = this.#options;
    const files: FileToPack[] = [];
    const numbers = new Map<object, number>();
    const fileNumber = (origin: FileToPack): number => {
      const known = numbers.get(origin);
      if (known !== undefined) return known;
      numbers.set(origin, files.length);
      return files.push(origin) - 1;
    };
    const frames = planned.map((plan) => ({
      transfer: channel.transfer,
      frame: plan.frame,
      buffer: this.#buffers!.take()!,
      chunks: plan.chunks.map(({ origin, ...chunk }) => ({ ...chunk, file: fileNumber(origin) })),
    }));
    await pool.run({ kind: "pack", files, frames, compression }, {
      onReply: (reply) => this.#take(reply),
      signal: this.#stop.signal,
    });
  }

  #take(reply: ChunkReply): void {
    if (reply.kind !== "packed") return;
    try {
      this.#sender.packed(reply.frame, reply);
    } catch (error) {
      return this.#ended.reject(error);
    }
    if (reply.frameBytes === 0) this.#buffers?.give(reply.buffer);
    else this.#packed.put(reply);
    this.#pump();
  }

  /** One lane: takes whatever frame is ready next, so that no lane waits for another. */
  async #runLane(): Promise<void> {
    const { channel } = this.#options;
    let lane: Lane | null = null;
    try {
      lane = await this.#openLane();
      let written = 0;
      for (let packed = await this.#packed.take(); packed !== null; written++) {
        if (lane.isLost) return this.#packed.put(packed);
        await this.#writeFrame(lane, packed);
        this.#pump();
        packed = await this.#packed.take();
      }
      if (this.#stop.signal.aborted || lane.isLost) return;
      await lane.stream.write(encodeLaneEnd(channel.transfer, written));
      await lane.stream.close();
      this.#lanes.delete(lane);
    } catch (error) {
      this.#loseLane(lane, toSftpxError(error, "lost"));
    }
  }

  async #openLane(): Promise<Lane> {
    const { stream, lost } = await this.#options.channel.openLane();
    const lane: Lane = { stream, frames: [], isLost: false };
    this.#lanes.add(lane);
    if (this.#stop.signal.aborted) stream.abort();
    // One that waits for a frame would not notice, and what it has written may never arrive.
    lost.then(() => this.#loseLane(lane, new SftpxError("lost", "Lost the peer: a lane broke")));
    return lane;
  }

  async #writeFrame(lane: Lane, packed: Packed): Promise<void> {
    lane.frames.push(packed.frame);
    try {
      await lane.stream.write(new Uint8Array(packed.buffer, 0, packed.frameBytes));
    } catch (error) {
      this.#buffers?.forfeit(1); // The transport may still hold on to it.
      throw error;
    }
    this.#progress.addFrame(packed.records);
    this.#buffers?.give(packed.buffer);
    if (lane.frames.length > LANE_MEMORY_FRAMES) {
      lane.frames = lane.frames.filter((frame) => this.#sender.isUnstored(frame));
    }
  }

  /** A lane died. The others carry on with its frames; the last one takes the transfer with it. */
  #loseLane(lane: Lane | null, error: SftpxError): void {
    lane?.stream.abort();
    if (this.#stop.signal.aborted || this.#sender.result !== null || lane?.isLost) return;
    if (lane !== null) {
      lane.isLost = true;
      this.#lanes.delete(lane);
      this.#sender.lost(lane.frames);
    }
    if (--this.#laneCount === 0) this.#task(this.#giveUp(error));
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

  /** The receipt holds: lanes end in order if they can, but nothing depends on them any more. */
  async #endLanes(): Promise<void> {
    this.#packed.close();
    const { signal } = this.#options;
    const aborted = Promise.withResolvers<void>();
    const onAbort = () => aborted.resolve();
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    const ended = Promise.race([Promise.all(this.#lanesDone), aborted.promise]);
    await atMost(ended, LIMITS.partingMs);
    signal.removeEventListener("abort", onAbort);
  }
}

/** Tells the peer why a transfer ends here; one that is gone learns of it by that. */
export function sayAbort(channel: TransferChannel, error: SftpxError): void {
  try {
    const { code, message } = error;
    channel.send({ type: "abort", transfer: channel.transfer, code, message });
  } catch {
    // The control stream is gone.
  }
}
