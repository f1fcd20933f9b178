// The sending half of a transfer, without I/O or clock: lets a file flow once nothing is left to ask,
// and finishes when every entry is sealed or failed. The session feeds it walk batches, packed frames
// and the receiver's messages, and drains messages and frame plans. Refuses a message out of place.

import type { ErrorCode } from "../base/errors.ts";
import type { OpenSpill } from "../base/spill.ts";
import type {
  Accept,
  Deleted,
  EntryFailure,
  Message,
  Offer,
  Range,
  Receipt,
  TransferMessage,
} from "../wire/messages.ts";
import type { ChunkRecord } from "../wire/frame.ts";
import { FramePlanner, type PlannedFrame } from "./frame_planner.ts";
import type { Hashing } from "./hashing.ts";
import { OpenFiles } from "./open_files.ts";
import type { FoundEntries } from "./pending_entries.ts";
import { phaseOf } from "./phase.ts";
import {
  chunkSizeNotice,
  type EntryReport,
  type FailureReport,
  type TransferCounts,
  type TransferResult,
} from "./report.ts";
import { RootLog } from "./root.ts";
import { Sealing } from "./sealing.ts";
import type { SendFile } from "./send_file.ts";
import { SendManifest } from "./send_manifest.ts";
import { SendOutcome } from "./send_outcome.ts";
import { SendVerdicts } from "./send_verdicts.ts";
import { heldOf, Tally } from "./tally.ts";
import { aborted, outOfPlace, violation } from "./violation.ts";

export type { PlannedChunk, PlannedFrame } from "./frame_planner.ts";
export type { Origin } from "./send_file.ts";
export type { FoundEntries } from "./pending_entries.ts";

export interface SenderOptions {
  readonly hashing: Hashing;
  /** Entries are told by `pollEntry`. */
  readonly tellEntries?: boolean;
  /** The whole manifest, where the receiver was told it by `earlyManifest` already; else it is added. */
  readonly announced?: readonly FoundEntries[] | null;
  /** Where what is kept of many entries may go; nowhere by default. */
  readonly spill?: OpenSpill | undefined;
}

export class Sender {
  readonly #offer: Offer;
  readonly #files = new OpenFiles<SendFile>();
  readonly #planner = new FramePlanner(this.#files);
  readonly #manifest: SendManifest;
  readonly #outcome: SendOutcome;
  readonly #sealing: Sealing;
  readonly #verdicts: SendVerdicts;
  readonly #tally = new Tally();
  readonly #messages: Message[] = [];
  readonly #notices: string[] = [];
  #accept: Accept | null = null;
  #finishSent = false;
  #result: TransferResult | null = null;

  constructor(
    offer: Offer,
    { hashing, tellEntries = false, announced = null, spill }: SenderOptions,
  ) {
    this.#offer = offer;
    const [log, files] = [new RootLog({ spill }), this.#files];
    const outcome = this.#outcome = new SendOutcome(log, { offer, hashing, tellEntries });
    const sealing = this.#sealing = new Sealing(files, { log, outcome, hashing });
    const context = { log, outcome, sealing, planner: this.#planner, tally: this.#tally };
    const verdicts = this.#verdicts = new SendVerdicts(files, context);
    const rooms = { files, log, sealing, verdicts };
    this.#manifest = new SendManifest(offer.transfer, { ...rooms, announced });
    this.#messages.push(offer);
  }

  /** Chunk size in force; the offered one until the receiver accepts. */
  get chunkBytes(): number {
    return this.#accept?.chunkBytes ?? this.#offer.chunkBytes;
  }

  /** Path at which the manifest should begin, see `isFromOn`; null where it need not. */
  get from(): string | null {
    return this.#accept?.from ?? null;
  }

  /** Whether another walk batch may be added: accepted, and not too far ahead of the receiver. */
  get wantsEntries(): boolean {
    return this.#manifest.wantsEntries;
  }

  /** Of every entry all is known: what is not stored is on its way, or was lost there. */
  get isSealed(): boolean {
    return this.#finishSent;
  }

  /** From now on the manifest's beginning goes as far ahead as files may be open at all. */
  gatherFirst(): void {
    this.#manifest.gatherFirst();
  }

  /** The manifest is not whole, and more of it may be added though nothing is sent. */
  get isGathering(): boolean {
    return this.#manifest.isGathering;
  }

  /** The receiver's receipt held and Done was queued. */
  get result(): TransferResult | null {
    return this.#result;
  }

  get counts(): TransferCounts {
    const { isClosed, totals } = this.#manifest;
    const { bytesDone, reusedBytes, hasMoved } = this.#tally;
    const isMissing = this.#files.size > 0;
    return {
      bytesDone,
      bytesTotal: totals?.bytes ?? null,
      reusedBytes,
      ...heldOf(this.#files.inParts, this.chunkBytes),
      filesDone: this.#outcome.filesDone,
      changed: this.#outcome.changed,
      filesTotal: totals?.files ?? null,
      phase: phaseOf({ isClosed, hasMoved, isMissing, isVerified: this.#finishSent }),
    };
  }

  /** Takes the next entries of the manifest; they are announced as the receiver has room. */
  addEntries(found: FoundEntries): void {
    this.#manifest.add(found);
    this.#announce();
  }

  /** Something asked for is no entry: the receiver is told, and counts it as failed. */
  omit(omission: { path: string; code: ErrorCode; message: string }): void {
    this.#outcome.omit(omission);
  }

  /** The walk is over: the manifest is closed once all of it is announced. */
  endEntries(): void {
    this.#manifest.end();
    this.#announce();
  }

  /** Takes a message of the receiver; throws SftpxError when it breaks the protocol. */
  handle(message: TransferMessage): void {
    switch (message.type) {
      case "accept":
        return this.#handleAccept(message);
      case "have":
        return this.#verdicts.have(message);
      case "need":
        this.#verdicts.need(message, this.chunkBytes);
        return this.#maybeFinish();
      case "stored":
        return message.frames.forEach((range) => this.#handleStored(range));
      case "durable":
        return;
      case "committed":
        return this.#outcome.committed(message);
      case "deleted":
        return this.#handleDeleted(message);
      case "failed":
        message.failures.forEach((failure) => this.#handleFailed(failure));
        return this.#maybeFinish();
      case "receipt":
        return this.#handleReceipt(message);
      case "abort":
        throw aborted(message);
      default:
        throw outOfPlace(message.type);
    }
  }

  /** The next message to send, or null. */
  pollMessage(): Message | null {
    if (this.#messages.length > 0 && this.#messages[0]!.type !== "finish") {
      return this.#messages.shift()!;
    }
    const { transfer } = this.#offer;
    const omissions = this.#outcome.takeOmissions();
    if (omissions.length > 0) return { type: "omitted", transfer, omissions };
    const news = this.#sealing.poll(transfer);
    if (news !== null) return news;
    this.#announce();
    return this.#messages.shift() ?? null;
  }

  /** An entry that failed since the last call, or null. */
  pollFailure(): FailureReport | null {
    return this.#outcome.pollReport();
  }

  /** An entry that is done with since the last call, or null; only with `tellEntries`. */
  pollEntry(): EntryReport | null {
    return this.#outcome.pollEntry();
  }

  /** Something the user is to hear once, or null. */
  pollNotice(): string | null {
    return this.#notices.shift() ?? this.#outcome.pollNotice();
  }

  /** Plans frames as `FramePlanner.poll` does. */
  pollFrames(max: number, how: { readonly mostRecords?: number } = {}): PlannedFrame[] {
    return this.#planner.poll(max, { ...how, chunkBytes: this.chunkBytes });
  }

  /** Frames planned so far. */
  get frames(): number {
    return this.#planner.frames;
  }

  /** A frame was built; chunks that failed have no record. */
  packed(
    frame: number,
    { records, failures }: {
      records: readonly ChunkRecord[];
      failures: readonly { entry: number; code: ErrorCode; message: string }[];
    },
  ): void {
    this.#planner.packed(frame, records);
    for (const { entry, code, message } of failures) {
      if (this.#files.find(entry) !== undefined) this.#sealing.fail(entry, { code, message });
    }
    for (const record of records) {
      if (record.encoding !== "same") this.#tally.move();
      this.#sealing.know(record, this.chunkBytes);
    }
    this.#maybeFinish();
  }

  /** Whether a frame is on its way and not acknowledged. */
  isUnstored(frame: number): boolean {
    return this.#planner.isUnstored(frame);
  }

  /** A lane died with these frames on it: what is not stored is planned again. */
  lost(frames: Iterable<number>): void {
    this.#planner.lost(frames);
  }

  /** What may be said of the manifest by now. */
  #announce(): void {
    this.#messages.push(...this.#manifest.announce());
    this.#maybeFinish();
  }

  #handleAccept(message: Accept): void {
    if (this.#accept !== null) throw outOfPlace("accept");
    if (message.fresh.length !== this.#offer.sources.length) {
      throw violation("the accept names other sources");
    }
    this.#accept = message;
    const { chunkBytes } = message;
    if (chunkBytes !== this.#offer.chunkBytes) this.#notices.push(chunkSizeNotice(chunkBytes));
    // Before anything else is heard: answers to what went ahead may be right behind.
    this.#manifest.begin(message);
    this.#announce();
  }

  #handleStored(range: Range): void {
    for (const record of this.#planner.stored(range)) {
      if (this.#sealing.store(record)) this.#tally.count(record);
    }
  }

  #handleFailed(failure: EntryFailure): void {
    this.#outcome.failed(failure);
    this.#sealing.drop(failure.entry);
  }

  #handleDeleted(message: Deleted): void {
    if (!this.#finishSent || this.#result !== null) throw outOfPlace("deleted");
    this.#outcome.deleted(message);
  }

  #handleReceipt(message: Receipt): void {
    if (!this.#finishSent || this.#result !== null) throw outOfPlace("receipt");
    this.#result = this.#outcome.confirm(message);
    for (const chunk of this.#sealing.storeRest(this.chunkBytes)) this.#tally.count(chunk);
    this.#messages.push({ type: "done", transfer: this.#offer.transfer });
  }

  /** Every entry is sealed or failed: states the root it stands by. */
  #maybeFinish(): void {
    if (!this.#manifest.isClosed || this.#finishSent || !this.#sealing.isOver) return;
    this.#finishSent = true;
    const { transfer } = this.#offer;
    const frames = this.#planner.frames;
    this.#messages.push({ type: "finish", transfer, root: this.#outcome.root(), frames });
  }
}
