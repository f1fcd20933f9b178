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
import type { SendStream } from "../transport/transport.ts";
import { encodeLaneEnd, frameCapacityBytes } from "../wire/frame.ts";
import type { Offer, Receipt, TransferMessage } from "../wire/messages.ts";
import type { TransferChannel } from "./hub.ts";
import { Mailbox } from "./mailbox.ts";
import type { SessionEvent, TransferSummary } from "./options.ts";
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
  /** Frames in the pipeline at once. */
  readonly slots: number;
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
  readonly stream: SendStream;
  /** Frames written to it, perhaps stored since. */
  frames: number[];
}

class SendRun {
  readonly #options: SendRunOptions;
  readonly #sender: Sender;
  readonly #progress: Progress;
  readonly #packed = new Mailbox<Packed>();
  readonly #stop = new AbortController();
  readonly #ended = Promise.withResolvers<TransferResult>();
  #buffers: BufferPool | null = null;
  #lanes = 0;
  #lanesDone: Promise<void>[] = [];
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
        this.#progress.entryFailed({ path, code, message, remote: false });
      }
      this.#task(this.#takeMessages());
      this.#pump();
      const result = await this.#ended.promise;
      this.#packed.close();
      await Promise.all(this.#lanesDone);
      this.#progress.stop();
      return this.#progress.finished(result, this.#sender.chunkBytes);
    } catch (thrown) {
      const error = toSftpxError(thrown);
      this.#stop.abort();
      this.#progress.stop();
      this.#packed.fail(error);
      sayAbort(channel, error);
      return this.#progress.broken(error, this.#sender.chunkBytes);
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#stop.abort();
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
    const bufferBytes = frameCapacityBytes(LIMITS.recordsPerFrame, this.#sender.chunkBytes);
    this.#buffers = new BufferPool({ bufferBytes, budgetBytes: bufferBytes * this.#options.slots });
    for (let lane = 0; lane < this.#options.lanes; lane++) {
      this.#lanes++;
      this.#lanesDone.push(this.#runLane());
    }
    this.#task(this.#walk());
  }

  async #walk(): Promise<void> {
    const { store, sources } = this.#options;
    for await (const batch of store.walk(sources, this.#stop.signal)) {
      for (const { path, code, message } of batch.notices) {
        if (code === null) this.#progress.notice(message);
        else this.#progress.entryFailed({ path, code, message, remote: false });
      }
      while (!this.#sender.wantsEntries) await this.#wanted.promise;
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
    const { pool, slots } = this.#options;
    const batch = Math.max(1, Math.min(BATCH_FRAMES, Math.floor(slots / (2 * pool.count))));
    while (this.#buffers !== null && this.#buffers.available > 0) {
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
    let lane: Lane | null = null;
    let written = 0;
    try {
      lane = { stream: await this.#options.channel.openLane(), frames: [] };
      for (;;) {
        const packed = await this.#packed.take();
        if (packed === null) break;
        lane.frames.push(packed.frame);
        await lane.stream.write(new Uint8Array(packed.buffer, 0, packed.frameBytes));
        written++;
        this.#progress.addFrame(packed.records);
        this.#buffers?.give(packed.buffer);
        if (lane.frames.length > LANE_MEMORY_FRAMES) {
          lane.frames = lane.frames.filter((frame) => this.#sender.isUnstored(frame));
        }
        this.#pump();
      }
      await lane.stream.write(encodeLaneEnd(this.#options.channel.transfer, written));
      await lane.stream.close();
    } catch (error) {
      this.#loseLane(lane, toSftpxError(error, "lost"));
    }
  }

  /** A lane died. The others carry on with its frames; the last one takes the transfer with it. */
  #loseLane(lane: Lane | null, error: SftpxError): void {
    lane?.stream.abort();
    if (this.#stop.signal.aborted) return;
    if (--this.#lanes === 0) this.#ended.reject(error);
    if (lane === null) return;
    this.#buffers?.forfeit(1);
    this.#sender.lost(lane.frames);
    this.#pump();
  }
}

/** Tells the peer why a transfer ends here, unless it said so itself or is gone. */
export function sayAbort(channel: TransferChannel, error: SftpxError): void {
  if (error.remote || error.code === "lost") return;
  try {
    const message = error.message.slice(0, LIMITS.textBytes / 4);
    channel.send({ type: "abort", transfer: channel.transfer, code: error.code, message });
  } catch {
    // The control stream is gone: the peer learns of the end by that.
  }
}
