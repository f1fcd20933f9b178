// The receiving half of a transfer, without I/O or clock: takes the sender's messages and hands them to
// the parts it is made of, and answers what to do next. The session feeds it messages, frame records
// and the answers of store and workers, and carries out the actions it polls. Refuses a message out of
// place.

import type { ErrorCode } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { OpenSpill } from "../base/spill.ts";
import type { JournalRun, Outcome, Placement, Pruned } from "../store/store.ts";
import type { Offer, TransferMessage } from "../wire/messages.ts";
import type { ChunkRecord } from "../wire/frame.ts";
import { Arrivals } from "./arrivals.ts";
import { DurabilityLedger } from "./durability.ts";
import type { Hashing } from "./hashing.ts";
import { Intake } from "./intake.ts";
import type { IsAsked } from "./manifest_check.ts";
import { phaseOf } from "./phase.ts";
import { Pruning } from "./pruning.ts";
import { Queue } from "./queue.ts";
import type { FramePlan, ReceiverAction } from "./receive_action.ts";
import { ReceiveFiles } from "./receive_files.ts";
import { ReceiveNews } from "./receive_news.ts";
import {
  chunkSizeNotice,
  deletedEntry,
  type EntryReport,
  type FailureReport,
  type TransferCounts,
  type TransferResult,
} from "./report.ts";
import { Settlement } from "./settlement.ts";
import { heldOf, Tally } from "./tally.ts";
import { aborted, violation } from "./violation.ts";

export type { FramePlan, ReceiverAction } from "./receive_action.ts";

export interface ReceiverOptions {
  readonly fresh: readonly boolean[];
  readonly chunkBytes: number;
  /** Where what is missing begins in the manifest; null where nothing is known of it. */
  readonly from?: string | null;
  readonly hashing: Hashing;
  /** What is extraneous is removed though the offer does not ask for it: a pull's own matter. */
  readonly localDelete?: boolean;
  /** The directory that entries go into is none of them, and is made. */
  readonly makesBase?: boolean;
  /** Entries are told by `pollEntry`. */
  readonly tellEntries?: boolean;
  /** What a pull holds its server to. */
  readonly isAsked?: IsAsked | null;
  /** Every whole file is read again before it is committed. */
  readonly paranoid?: boolean;
  /** Bytes stored since the last journal entry, before the journal is written. */
  readonly journalBytes?: number;
  /** The store syncs small files, many at once. */
  readonly syncsTogether?: boolean;
  /** Where what is kept of many entries may go; nowhere by default. */
  readonly spill?: OpenSpill | undefined;
}

export class Receiver {
  readonly #chunkBytes: number;
  readonly #settlement: Settlement;
  readonly #pruning: Pruning;
  readonly #ledger: DurabilityLedger;
  readonly #tally = new Tally();
  readonly #news: ReceiveNews;
  readonly #files: ReceiveFiles;
  readonly #intake: Intake;
  readonly #arrivals: Arrivals;
  readonly #actions = new Queue<ReceiverAction>();
  readonly #notices: string[] = [];

  constructor(
    offer: Offer,
    {
      fresh,
      chunkBytes,
      from = null,
      hashing,
      localDelete = false,
      makesBase = false,
      tellEntries = false,
      isAsked = null,
      paranoid = false,
      journalBytes = LIMITS.journalBytes,
      syncsTogether = false,
      spill,
    }: ReceiverOptions,
  ) {
    const ledger = new DurabilityLedger({ intervalBytes: journalBytes });
    this.#ledger = ledger;
    const tally = this.#tally;
    const pruning = new Pruning(offer, { localDelete, tellPaths: tellEntries });
    const { atomic } = offer;
    const settled = { hashing, atomic, makesBase, pruning, tellEntries, paranoid, spill };
    const settlement = new Settlement(settled);
    const news = new ReceiveNews(offer.transfer, { ledger, settlement, pruning });
    const bounds = { chunkBytes, journalBytes, syncsTogether };
    const context = { ...bounds, hashing, settlement, ledger, news, tally };
    const files = new ReceiveFiles(context);
    const act = (action: ReceiverAction) => this.#actions.add(action);
    const intake = new Intake(offer, { fresh, from, isAsked, files, settlement, news, tally, act });
    this.#chunkBytes = chunkBytes;
    this.#settlement = settlement;
    this.#pruning = pruning;
    this.#news = news;
    this.#files = files;
    this.#intake = intake;
    this.#arrivals = new Arrivals(context, { files, intake, act });
    if (chunkBytes !== offer.chunkBytes) this.#notices.push(chunkSizeNotice(chunkBytes));
    const { transfer } = offer;
    const hint = from === null ? {} : { from };
    act({ kind: "send", message: { type: "accept", transfer, fresh, chunkBytes, ...hint } });
  }

  get chunkBytes(): number {
    return this.#chunkBytes;
  }

  /** Set once the sender confirmed the receipt. */
  get result(): TransferResult | null {
    return this.#settlement.confirmed;
  }

  get counts(): TransferCounts {
    const { bytesDone, reusedBytes, hasMoved } = this.#tally;
    const { isVerified, entries: { isClosed, hasOpenFiles, counts } } = this.#settlement;
    const isMissing = hasOpenFiles && bytesDone < (counts.bytesTotal ?? Infinity);
    const phase = phaseOf({ isClosed, hasMoved, isMissing, isVerified });
    const held = heldOf(this.#files.inParts, this.#chunkBytes);
    return { bytesDone, reusedBytes, ...held, ...counts, phase };
  }

  /**
   * Open files, announced ones too, and whole ones that await the journal; of all others the root log has a
   * record, and no more is known (I8).
   */
  get heldFiles(): number {
    return this.#files.held;
  }

  /** Time passes: the journal's interval is measured by it. */
  tick(nowMs: number): void {
    this.#ledger.tick(nowMs);
  }

  /** Takes a message of the sender; throws SftpxError when it breaks the protocol. */
  handle(message: TransferMessage): void {
    switch (message.type) {
      case "entries":
        return this.#intake.take(message);
      case "manifest_end":
        return this.#intake.close(message);
      case "sealed":
        return message.files.forEach((file) => this.#files.seal(file));
      case "failed":
        return message.failures.forEach((failure) => this.#intake.failedThere(failure));
      case "omitted":
        return message.omissions.forEach((omission) => this.#files.omittedThere(omission));
      case "finish":
        return this.#settlement.finish(message);
      case "done":
        return this.#settlement.confirm();
      case "abort":
        throw aborted(message);
      default:
        throw violation(`the message "${message.type}" is out of place`);
    }
  }

  /** The store placed entries; the sender learns what is needed of those that are not fresh. */
  registered(first: number, placements: readonly Placement[]): void {
    this.#intake.registered(first, placements);
  }

  /** A standing file was hashed, or could not be. */
  digested(entry: number, digests: Uint8Array | null): void {
    this.#intake.digested(entry, digests);
  }

  /** Says what to do with a frame; records were read from its table. */
  frame(frame: number, records: readonly ChunkRecord[]): FramePlan {
    return this.#arrivals.frame(frame, records);
  }

  /** The workers dealt with a frame (or with copies of our own, negative). */
  landed(
    frame: number,
    failures: readonly { entry: number; code: ErrorCode; message: string }[],
  ): void {
    this.#arrivals.landed(frame, failures);
  }

  /** A whole file was read again, or could not be. */
  reread(entry: number, digests: Uint8Array | null): void {
    const lost = this.#files.reread(entry, digests);
    if (lost !== null) this.#actions.add({ kind: "distrust", chunks: [lost] });
  }

  /** The store dropped from the journal what it was asked to. */
  forgotten(): void {
    this.#arrivals.forgotten();
  }

  journalled(): void {
    for (const file of this.#ledger.journalled()) this.#settlement.entries.journalled(file);
  }

  directoriesPlaced(outcome: Outcome): void {
    this.#settlement.placed();
    this.#files.settle(outcome);
  }

  committed(outcome: Outcome): void {
    this.#settlement.commitEnded();
    this.#files.settle(outcome);
  }

  /** The store removed what is extraneous. */
  pruned(pruned: Pruned): void {
    this.#pruning.take(pruned);
    this.#settlement.pruned();
  }

  storeFinished(outcome: Outcome): void {
    this.#files.settle(outcome);
    this.#settlement.storeFinished();
    const skipped = this.#settlement.entries.skippedNotice;
    if (skipped !== null) this.#notices.push(skipped);
  }

  /** What the store was not told of, for a transfer that breaks off and may be resumed. */
  unjournalled(): { readonly runs: readonly JournalRun[]; readonly leaveOut: readonly number[] } {
    this.#files.reclaim();
    return { runs: this.#ledger.takeRest(), leaveOut: this.#settlement.entries.takeFailed() };
  }

  /** The next thing to do, or null. */
  poll(): ReceiverAction | null {
    return this.#actions.take() ?? this.#pollNews() ?? this.#pollJournal() ??
      this.#settlement.poll();
  }

  /** An entry that failed since the last call, or null. */
  pollFailure(): FailureReport | null {
    return this.#news.pollReport();
  }

  /** An entry that is done with since the last call, or null; only with `tellEntries`. */
  pollEntry(): EntryReport | null {
    return this.#settlement.entries.pollEntry() ?? deletedEntry(this.#pruning.pollPath());
  }

  /** Something the user is to hear once, or null. */
  pollNotice(): string | null {
    return this.#notices.shift() ?? this.#pruning.pollNotice();
  }

  #pollNews(): ReceiverAction | null {
    const message = this.#news.poll();
    return message === null ? null : { kind: "send", message };
  }

  #pollJournal(): ReceiverAction | null {
    const runs = this.#ledger.takeDue((file) => this.#settlement.commitsSoon(file.index));
    if (runs === null) return null;
    return { kind: "journal", runs, leaveOut: this.#settlement.entries.takeFailed() };
  }
}
