// Drives the receiving engine: lanes in, store and workers out. Everything that happens ends in
// `#pump`, which carries out what the engine asks for until it asks for nothing.

import { toSftpxError } from "../base/errors.ts";
import type { IsAsked } from "../engine/manifest_check.ts";
import { Receiver, type ReceiverAction } from "../engine/receiver.ts";
import type { TransferResult } from "../engine/report.ts";
import { DigestDesk } from "../pool/digest_desk.ts";
import type { FileToReread, FrameToLand, JobReply } from "../pool/messages.ts";
import type { Begun, Outcome, Store } from "../store/store.ts";
import type { FilterRule, Message, Offer, Receipt, Widen } from "../wire/messages.ts";
import { sayAbort, whenAborted } from "./abort.ts";
import { bothOutcomes, comparedWith } from "./comparing.ts";
import { BATCH_FRAMES, type Equipment } from "./equipment.ts";
import type { TransferChannel } from "./hub.ts";
import { type ArrivedFrame, LaneReader } from "./lane_reader.ts";
import type { Movement } from "./movement.ts";
import type { SessionEvent, TransferSummary } from "./options.ts";
import { PacedSender } from "./paced_sender.ts";
import { Progress } from "./progress.ts";

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
  readonly #digests: DigestDesk;
  readonly #stop = new AbortController();
  readonly #ended = Promise.withResolvers<TransferResult>();
  readonly #toLand: FrameToLand[] = [];
  readonly #landJobs = new Set<Promise<void>>();
  /** What is told of deletions, which may be many, and the receipt behind them. */
  readonly #told: PacedSender;
  /** The peer said itself why the transfer ends: it need not be told. */
  #isAborted = false;
  /** Resolved and renewed after every answer of the store: held frames ask again. */
  #placed = Promise.withResolvers<void>();

  constructor(options: ReceiveRunOptions) {
    this.#options = options;
    const { offer, channel, slots, equipment: { hashing, rateLimit } } = options;
    this.#receiver = new Receiver(offer, { ...options, ...options.begun, hashing });
    this.#told = new PacedSender(channel, this.#stop.signal);
    const { begun: { chunkBytes }, equipment: { pool } } = options;
    this.#digests = new DigestDesk({ pool, chunkBytes, signal: this.#stop.signal });
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
      await Promise.allSettled(this.#landJobs);
      await this.#keepForResume().catch(() => {});
      await store.abandon(begun.id).catch(() => {});
      return this.#progress.broken(error, begun.chunkBytes);
    } finally {
      this.#halt();
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
      if (message === null) return;
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
      this.#toLand.push({ frame, buffer, bodyOffset, bodyBytes, chunks: plan.chunks });
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
      this.#land();
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
        return await this.#work(action);
    }
  }

  /** A sender that knows the limit of this end does not run ahead of it. */
  #withRate(message: Message): Message {
    const { rateLimit } = this.#options.equipment;
    if (message.type !== "accept" || rateLimit === null) return message;
    return { ...message, rateBytesPerSecond: rateLimit.bytesPerSecond };
  }

  async #work(action: Exclude<ReceiverAction, { kind: "send" | "receipt" }>): Promise<void> {
    const { store, begun, movement } = this.#options;
    using _work = movement?.work();
    const receiver = this.#receiver;
    switch (action.kind) {
      case "register": {
        const { first, entries, sources, refused } = action;
        const placed = store.register(begun.id, first, entries, sources, refused);
        receiver.registered(first, await placed);
        break;
      }
      case "digest":
        return await this.#digest(action);
      case "land": {
        const frame = { frame: action.frame, buffer: new ArrayBuffer(0), bodyOffset: 0 };
        this.#toLand.push({ ...frame, bodyBytes: 0, chunks: action.chunks });
        break;
      }
      case "forget":
        await store.forget(begun.id, action.chunks);
        receiver.forgotten();
        break;
      case "reread":
        return await this.#reread(action.files);
      case "distrust":
        await store.forget(begun.id, action.chunks);
        break;
      case "journal":
        await store.journal(begun.id, action.runs, action.leaveOut);
        receiver.journalled();
        break;
      case "place":
        this.#options.onMoved?.();
        receiver.directoriesPlaced(await store.placeDirectories(begun.id, action.leaveOut));
        break;
      case "commit":
        receiver.committed(await this.#commit(action));
        break;
      case "prune":
        await this.#prune();
        break;
      case "finish":
        receiver.storeFinished(await store.finish(begun.id, action.leaveOut));
        break;
    }
    this.#wakeHeld();
    this.#pump();
  }

  /** Under an append-only grant some files are compared before they are committed. */
  async #commit(
    { files, leaveOut }: Extract<ReceiverAction, { kind: "commit" }>,
  ): Promise<Outcome> {
    const { store, begun, equipment: { pool } } = this.#options;
    const outcome = await store.commit(begun.id, files, leaveOut);
    if (outcome.compare === undefined) return outcome;
    const begins = await comparedWith(pool, outcome.compare, this.#stop.signal);
    const rest = files.flatMap((file) => {
      const seen = begins.get(file.entry);
      return seen === undefined ? [] : [{ ...file, begins: seen }];
    });
    return bothOutcomes(outcome, await store.commit(begun.id, rest));
  }

  async #prune(): Promise<void> {
    const { store, begun, spared } = this.#options;
    const pruned = await store.prune(begun.id, spared);
    this.#progress.addDeleted(pruned.deleted.length);
    this.#receiver.pruned(pruned);
  }

  async #digest(
    { entry, path, stamp }: Extract<ReceiverAction, { kind: "digest" }>,
  ): Promise<void> {
    const { digests } = await this.#digests.digest({ path, stamp });
    this.#receiver.digested(entry, digests);
    this.#wakeHeld();
    this.#pump();
  }

  async #reread(files: readonly FileToReread[]): Promise<void> {
    const { equipment: { pool }, begun } = this.#options;
    await pool.run({ kind: "reread", files, chunkBytes: begun.chunkBytes }, {
      onReply: (reply) => {
        if (reply.kind !== "reread" || this.#stop.signal.aborted) return;
        this.#receiver.reread(reply.entry, reply.digests);
        this.#pump();
      },
      signal: this.#stop.signal,
    });
  }

  /** Frames gather while all workers are busy, and leave as one batch when one is not. */
  #land(): void {
    const { pool } = this.#options.equipment;
    while (this.#toLand.length > 0 && this.#landJobs.size < 2 * pool.count) {
      const job = this.#runJob(this.#toLand.splice(0, BATCH_FRAMES));
      this.#landJobs.add(job);
      this.#task(job.finally(() => this.#landJobs.delete(job)).then(() => this.#pump()));
    }
  }

  async #runJob(frames: readonly FrameToLand[]): Promise<void> {
    using _work = this.#options.movement?.work();
    await this.#options.equipment.pool.run({ kind: "land", frames }, {
      onReply: (reply) => this.#take(reply),
      signal: this.#stop.signal,
    });
  }

  #take(reply: JobReply): void {
    if (reply.kind !== "landed") return;
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
