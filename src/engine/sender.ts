// The sending half of a transfer, without I/O or clock: lets a file flow once nothing is left to ask,
// and finishes when every entry is sealed or failed. The session feeds it walk batches, packed frames
// and the receiver's messages, and drains messages and frame plans. Refuses a message out of place.

import { type ErrorCode, SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type {
  Accept,
  Deleted,
  EntryFailure,
  Message,
  Offer,
  Omission,
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
import { aborted, outOfPlace } from "./violation.ts";

export type { PlannedChunk, PlannedFrame } from "./frame_planner.ts";
export type { Origin } from "./send_file.ts";
export type { FoundEntries } from "./pending_entries.ts";

export interface SenderOptions {
  readonly hashing: Hashing;
  /** Entries are told by `pollEntry`. */
  readonly tellEntries?: boolean;
  /** The whole manifest, where the receiver was told it by `earlyManifest` already; else it is added. */
  readonly announced?: readonly FoundEntries[] | null;
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
  readonly #omissions: Omission[] = [];
  readonly #messages: Message[] = [];
  readonly #notices: string[] = [];
  /** The manifest as it was announced before the accept; null where none was. */
  readonly #announced: readonly FoundEntries[] | null;
  #accept: Accept | null = null;
  #gathersFirst = false;
  #finishSent = false;
  #result: TransferResult | null = null;

  constructor(offer: Offer, { hashing, tellEntries = false, announced = null }: SenderOptions) {
    this.#offer = offer;
    this.#announced = announced;
    const log = new RootLog();
    const outcome = new SendOutcome(log, { offer, hashing, tellEntries });
    this.#outcome = outcome;
    this.#manifest = new SendManifest(offer.transfer, { log, files: this.#files });
    const sealing = new Sealing(this.#files, { log, outcome, hashing });
    this.#sealing = sealing;
    const context = { log, outcome, sealing, planner: this.#planner, tally: this.#tally };
    this.#verdicts = new SendVerdicts(this.#files, context);
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
    return this.#accept !== null && this.#manifest.wantsEntries && this.#hasRoomAhead;
  }

  /** Of every entry all is known: what is not stored is on its way, or was lost there. */
  get isSealed(): boolean {
    return this.#finishSent;
  }

  /** From now on the manifest's beginning goes as far ahead as files may be open at all. */
  gatherFirst(): void {
    this.#gathersFirst = true;
  }

  /** The manifest is not whole, and more of it may be added though nothing is sent. */
  get isGathering(): boolean {
    return this.#accept !== null && !this.#manifest.isClosed && this.#hasRoomAhead;
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
      ...heldOf(this.#verdicts.inParts, this.chunkBytes),
      filesDone: this.#outcome.filesDone,
      changed: this.#outcome.changed,
      filesTotal: totals?.files ?? null,
      phase: phaseOf({ isClosed, hasMoved, isMissing, isVerified: this.#finishSent }),
    };
  }

  /** A manifest that ends with what may go first is known whole early. */
  get #hasRoomAhead(): boolean {
    const { openEntries, openEntriesAhead, entriesPerMessage } = LIMITS;
    const isFirst = this.#gathersFirst && this.#manifest.length < openEntries;
    const most = isFirst ? openEntries : openEntriesAhead;
    return this.#files.size + entriesPerMessage <= most;
  }

  /** Takes the next entries of the manifest; they are announced as the receiver has room. */
  addEntries(found: FoundEntries): void {
    this.#manifest.add(found);
    this.#announcePending();
  }

  /** Something asked for is no entry: the receiver is told, and counts it as failed. */
  omit(omission: { path: string; code: ErrorCode; message: string }): void {
    this.#omissions.push(this.#outcome.omitted(omission));
  }

  /** The walk is over: the manifest is closed once all of it is announced. */
  endEntries(): void {
    this.#manifest.end();
    this.#closeManifest();
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
    const omissions = this.#omissions.splice(0, LIMITS.omissionsPerMessage);
    if (omissions.length > 0) return { type: "omitted", transfer, omissions };
    const news = this.#sealing.poll(transfer);
    if (news !== null) return news;
    this.#announcePending();
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

  /**
   * Announces what the receiver has room for (I8). Failures leave first, so that it never counts a file
   * as open that this end counts no more; a seal need not, for until it is said its file is open here.
   * A manifest that went ahead is known whole with the accept: answers to any of it may be next.
   */
  #announcePending(): void {
    while (this.#announced !== null || !this.#sealing.hasFailures) {
      const announced = this.#manifest.announce(this.chunkBytes);
      if (announced === null) break;
      if (this.#announced === null) this.#messages.push(announced.message);
      for (const index of announced.oversized) {
        const message = `Cannot send it: over ${LIMITS.chunksPerFile} chunks`;
        this.#sealing.fail(index, { code: "limit", message });
      }
      this.#sealing.opened(announced.opened.length);
      for (const { file, source } of announced.opened) {
        if (this.#accept?.fresh[source] !== true) continue;
        this.#verdicts.release(file, this.chunkBytes);
      }
    }
    this.#closeManifest();
  }

  #closeManifest(): void {
    const end = this.#manifest.close();
    if (end === null) return;
    if (this.#announced === null) this.#messages.push(end);
    this.#maybeFinish();
  }

  #handleAccept(message: Accept): void {
    if (this.#accept !== null) throw outOfPlace("accept");
    if (message.fresh.length !== this.#offer.sources.length) {
      throw new SftpxError("protocol", "Cannot start: the accept names other sources", {
        remote: true,
      });
    }
    this.#accept = message;
    const { chunkBytes } = message;
    if (chunkBytes !== this.#offer.chunkBytes) this.#notices.push(chunkSizeNotice(chunkBytes));
    if (this.#announced === null) return;
    // Before anything else is heard: answers to it may be right behind.
    for (const found of this.#announced) this.addEntries(found);
    this.endEntries();
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
    this.#settleRest();
    this.#messages.push({ type: "done", transfer: this.#offer.transfer });
  }

  /** What is in place was stored, also where a chunk came twice and the second was not acknowledged. */
  #settleRest(): void {
    for (const file of this.#files.all()) {
      for (const chunk of file.storeRest(this.chunkBytes)) this.#tally.count(chunk);
      this.#sealing.drop(file.index);
    }
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
