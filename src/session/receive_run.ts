// Drives the receiving engine: lanes in, store and workers out. Everything that happens ends in
// `#pump`, which carries out what the engine asks for until it asks for nothing.

import { toSftpxError } from "../base/errors.ts";
import type { IsAsked } from "../engine/manifest_check.ts";
import { Receiver, type ReceiverAction } from "../engine/receiver.ts";
import type { TransferResult } from "../engine/report.ts";
import type { Landed } from "../pool/messages.ts";
import { SpillFiles } from "../runtime/spill_file.ts";
import type { Begun, Store } from "../store/store.ts";
import type { FilterRule, Message, Offer, Receipt, Widen } from "../wire/messages.ts";
import { sayAbort, whenAborted } from "./abort.ts";
import type { Equipment } from "./equipment.ts";
import type { TransferChannel } from "./hub.ts";
import { Landing } from "./landing.ts";
import { type ArrivedFrame, LaneReader } from "./lane_reader.ts";
import type { Movement } from "./movement.ts";
import type { SessionEvent, TransferSummary } from "./options.ts";
import { PacedSender } from "./paced_sender.ts";
import { Progress } from "./progress.ts";
import { type ReceiverWork, ReceiveWork } from "./receive_work.ts";

export interface ReceiveRunOptions {
  readonly channel: TransferChannel;
  readonly offer: Offer;
  readonly begun: Begun;
  readonly store: Store;
  readonly equipment: Equipment;
  /** Frames in the pipeline at once. */
  readonly slots: number;
  /** Removes what is extraneous though the offer does not ask for it. */
  readonly localDelete: boolean;
  /** Every whole file is read again before it is committed. */
  readonly paranoid: boolean;
  /** What removing spares. */
  readonly spared: readonly FilterRule[];
  /** Signs what was committed. */
  readonly sign: (result: TransferResult) => Promise<Receipt>;
  /** What a pull holds its server to. */
  readonly isAsked?: IsAsked | null;
  /** Called before the first entry is put in place. */
  readonly onMoved?: () => void;
  /** The sender would have further connections. */
  readonly onWiden?: (goal: Widen) => void;
  /** Learns of what is done for the transfer. */
  readonly movement?: Movement;
  /** Tells each entry that is in place. */
  readonly tellEntries: boolean;
  readonly onEvent: (event: SessionEvent) => void;
  readonly signal: AbortSignal;
}

/** Runs one receiving transfer until the sender confirmed the receipt. Never rejects. */
export async function runReceive(options: ReceiveRunOptions): Promise<TransferSummary> {
  return await new ReceiveRun(options).run();
}

class ReceiveRun {
  readonly #options: ReceiveRunOptions;
  readonly #receiver: Receiver;
  readonly #progress: Progress;
  readonly #lanes: LaneReader;
  readonly #landing: Landing;
  readonly #work: ReceiveWork;
  readonly #stop = new AbortController();
  readonly #spill = new SpillFiles();
  readonly #ended = Promise.withResolvers<TransferResult>();
  /** What is told of deletions, which may be many, and the receipt behind them. */
  readonly #told: PacedSender;
  /** The peer said itself why the transfer ends: it need not be told. */
  #isAborted = false;
  /** Resolved and renewed after every answer of the store: held frames ask again. */
  #placed = Promise.withResolvers<void>();

  constructor(options: ReceiveRunOptions) {
    this.#options = options;
    const { offer, channel, slots, equipment: { hashing, rateLimit } } = options;
    this.#receiver = new Receiver(offer, {
      ...options,
      ...options.begun,
      hashing,
      spill: this.#spill.make,
    });
    this.#told = new PacedSender(channel, this.#stop.signal);
    const { equipment: { pool }, movement } = options;
    const { signal } = this.#stop;
    const landing = this.#landing = new Landing({
      pool,
      movement,
      onLanded: (reply) => this.#take(reply),
      onError: this.#ended.reject,
      signal,
    });
    this.#work = new ReceiveWork({
      ...options,
      receiver: this.#receiver,
      landing,
      told: () => this.#told.flushed(),
      onPruned: (deleted) => this.#progress.addDeleted(deleted),
      onAnswer: () => this.#pump(),
      signal,
    });
    this.#lanes = new LaneReader({
      channel,
      limit: rateLimit,
      chunkBytes: options.begun.chunkBytes,
      slots,
      onLane: (path) => this.#progress.addLane(path),
      onFrame: async (frame, path) => {
        this.#progress.addFrame(frame.records, path);
        await this.#placeFrame(frame);
      },
      onError: this.#ended.reject,
    });
    this.#progress = new Progress(options.onEvent, {
      moving: "receive",
      counts: () => this.#receiver.counts,
      onTick: (nowMs) => {
        this.#receiver.tick(nowMs);
        this.#pump();
      },
    });
    this.#progress.limitTo(rateLimit?.bytesPerSecond ?? null);
  }

  async run(): Promise<TransferSummary> {
    const { channel, begun, signal, store } = this.#options;
    using _aborted = whenAborted(signal, this.#ended.reject);
    try {
      this.#receiver.tick(performance.now());
      this.#task(this.#takeMessages());
      this.#task(this.#lanes.run());
      this.#pump();
      const result = await this.#ended.promise;
      this.#progress.stop(channel);
      return this.#progress.finished(result, begun.chunkBytes);
    } catch (thrown) {
      const error = toSftpxError(thrown);
      this.#progress.stop(channel);
      if (!this.#isAborted) sayAbort(channel, error);
      this.#halt();
      // A worker that still writes must not meet the transfer that resumes this one in its parts.
      await this.#landing.settled();
      await this.#keepForResume().catch(() => {});
      await store.abandon(begun.id).catch(() => {});
      return this.#progress.broken(error, begun.chunkBytes);
    } finally {
      this.#halt();
      this.#spill[Symbol.dispose]();
      channel.close();
    }
  }

  /** A stop in order sends nothing again: what is stored is journalled before the end. */
  async #keepForResume(): Promise<void> {
    const { store, begun } = this.#options;
    const { runs, leaveOut } = this.#receiver.unjournalled();
    if (runs.length > 0) await store.journal(begun.id, runs, leaveOut);
  }

  /** Nothing new begins, and what waits for its turn gives up. */
  #halt(): void {
    this.#stop.abort();
    this.#lanes.halt();
    this.#placed.resolve();
  }

  #task(work: Promise<void>): void {
    work.catch((error) => this.#ended.reject(error));
  }

  async #takeMessages(): Promise<void> {
    for (;;) {
      const message = await this.#options.channel.messages.take();
      if (message === null || this.#stop.signal.aborted) return;
      const { onWiden } = this.#options;
      if (message.type === "widen" && onWiden !== undefined) {
        onWiden(message);
        continue;
      }
      this.#isAborted = message.type === "abort";
      this.#receiver.handle(message);
      this.#wakeHeld(); // an end of the manifest or a failure may settle a held frame
      this.#pump();
      if (this.#receiver.result !== null) return this.#ended.resolve(this.#receiver.result);
    }
  }

  /** Waits until every entry of a frame is placed, then queues it for the workers. */
  async #placeFrame({ frame, records, body }: ArrivedFrame): Promise<void> {
    let plan = this.#receiver.frame(frame, records);
    while (plan.kind === "hold") {
      this.#pump();
      await this.#placed.promise;
      if (this.#stop.signal.aborted) return;
      plan = this.#receiver.frame(frame, records);
    }
    if (plan.kind === "skip") {
      this.#lanes.giveBack(body.buffer);
    } else {
      const { buffer, byteOffset: bodyOffset, byteLength: bodyBytes } = body;
      this.#landing.put({ frame, buffer, bodyOffset, bodyBytes, chunks: plan.chunks });
    }
    this.#pump();
  }

  #pump(): void {
    if (this.#stop.signal.aborted) return;
    try {
      for (let action = this.#receiver.poll(); action !== null; action = this.#receiver.poll()) {
        this.#task(this.#carryOut(action));
      }
      this.#progress.tell(this.#receiver);
      this.#landing.flush();
    } catch (error) {
      this.#ended.reject(error);
    }
  }

  async #carryOut(action: ReceiverAction): Promise<void> {
    const { channel, sign } = this.#options;
    switch (action.kind) {
      case "send":
        if (action.message.type === "deleted") return await this.#told.send(action.message);
        return channel.send(this.#withRate(action.message));
      case "receipt":
        return await this.#told.send(await sign(action.result));
      default:
        return await this.#carryOutHere(action);
    }
  }

  /** A sender that knows the limit of this end does not run ahead of it. */
  #withRate(message: Message): Message {
    const { rateLimit } = this.#options.equipment;
    if (message.type !== "accept" || rateLimit === null) return message;
    return { ...message, rateBytesPerSecond: rateLimit.bytesPerSecond };
  }

  async #carryOutHere(action: ReceiverWork): Promise<void> {
    await this.#work.carryOut(action);
    this.#wakeHeld();
    this.#pump();
  }

  #take(reply: Landed): void {
    if (reply.frame >= 0) this.#lanes.giveBack(reply.buffer);
    if (this.#stop.signal.aborted) return;
    try {
      this.#receiver.landed(reply.frame, reply.failures);
    } catch (error) {
      return this.#ended.reject(error);
    }
    this.#pump();
  }

  #wakeHeld(): void {
    this.#placed.resolve();
    this.#placed = Promise.withResolvers();
  }
}
