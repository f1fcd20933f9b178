// The end of a receiving transfer: from files that are whole to a receipt. Lets nothing be placed before
// the manifest is closed (I1), commits in batches, checks the sender's root before anything of it is signed,
// and in any case before it is confirmed (I4), and has nothing removed unless nothing failed.

import { equalBytes } from "../base/bytes.ts";
import { type ErrorCode, SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { OpenSpill } from "../base/spill.ts";
import type { Finish } from "../wire/messages.ts";
import type { Hashing } from "./hashing.ts";
import { NOTHING_DELETED, type Pruning } from "./pruning.ts";
import type { ReceiverAction } from "./receive_action.ts";
import { ReceivedEntries } from "./received_entries.ts";
import type { TransferResult } from "./report.ts";
import { violation } from "./violation.ts";

/** Files one store call commits: large enough for one sync and one SQLite transaction to be cheap. */
const COMMIT_BATCH = 1024;
/** A batch of files no larger is what is stored before the journal is written, at most. */
const SMALL_BYTES = LIMITS.journalBytes / COMMIT_BATCH;

/** `placed` is left for each commit to come, and for the removal of what is extraneous. */
type Stage =
  | "open"
  | "placing"
  | "placed"
  | "pruning"
  | "finishing"
  | "finished"
  | "signed"
  | "confirmed";

export class Settlement {
  readonly #hashing: Hashing;
  readonly #atomic: boolean;
  readonly #makesBase: boolean;
  readonly #pruning: Pruning | null;
  /** What became of each entry until now. */
  readonly entries: ReceivedEntries;
  #stage: Stage = "open";
  #committing = false;
  #finish: Finish | null = null;
  #result: TransferResult | null = null;

  constructor(
    { hashing, atomic, makesBase = false, pruning = null, tellEntries, paranoid, spill }: {
      readonly hashing: Hashing;
      readonly atomic: boolean;
      /** The directory that entries go into is none of them, and is made. */
      readonly makesBase?: boolean;
      /** Null when nothing is ever to be removed. */
      readonly pruning?: Pruning | null;
      readonly tellEntries?: boolean;
      /** Every whole file is read again before it is committed. */
      readonly paranoid?: boolean;
      /** Where what is kept of many entries may go. */
      readonly spill?: OpenSpill | undefined;
    },
  ) {
    this.#hashing = hashing;
    this.#atomic = atomic;
    this.#makesBase = makesBase;
    this.#pruning = pruning;
    this.entries = new ReceivedEntries({ tellEntries, paranoid, spill });
  }

  /** The sender named its root, and it is ours. */
  get isVerified(): boolean {
    return this.#finish !== null;
  }

  /** Set once the sender confirmed the receipt. */
  get confirmed(): TransferResult | null {
    return this.#stage === "confirmed" ? this.#result : null;
  }

  /**
   * A whole file whose commit is near needs no journal entry before it. Behind more than a batch no large
   * one waits for it: so much is not to be lost, and no more would be taken in meanwhile.
   */
  commitsSoon(index: number): boolean {
    const { entries } = this;
    if (this.#stage !== "placed" || !entries.isWhole(index)) return false;
    return entries.queued <= COMMIT_BATCH || entries.sizeBytes(index) <= SMALL_BYTES;
  }

  /** Something asked for never became an entry. */
  omit(code: ErrorCode): void {
    const isConcluding = !["open", "placing", "placed"].includes(this.#stage);
    if (this.#finish !== null || isConcluding) {
      throw violation("it leaves something out after its finish");
    }
    this.entries.omit(code);
  }

  /** The sender names its root. Checked before the last commit, so that `atomic` means it. */
  finish(message: Finish): void {
    const { entries } = this;
    if (!entries.isClosed || this.#finish !== null) throw violation("its finish is out of place");
    entries.requireSealed();
    const root = entries.senderRoot(this.#hashing);
    if (!equalBytes(root, message.root)) {
      throw new SftpxError("integrity", "Cannot finish the transfer: the sender's root differs", {
        remote: true,
      });
    }
    this.#finish = message;
  }

  placed(): void {
    this.#stage = "placed";
  }

  commitEnded(): void {
    this.#committing = false;
  }

  /** What is extraneous was removed. */
  pruned(): void {
    this.#stage = "placed";
  }

  storeFinished(): void {
    this.#stage = "finished";
    this.entries.end();
  }

  /** The sender checked the receipt. */
  confirm(): void {
    if (this.#stage !== "signed" || this.#finish === null) {
      throw violation("it is called done before its receipt");
    }
    this.#stage = "confirmed";
  }

  /** The next step towards the receipt, or null while something is under way. */
  poll(): ReceiverAction | null {
    switch (this.#stage) {
      case "open":
        if (!this.#mayPlace()) return null;
        if (this.#atomic && !this.entries.isReread) return this.#pollReread();
        this.#stage = "placing";
        // All that failed is told with it.
        this.entries.takeFailed();
        return { kind: "place", leaveOut: [...this.entries.failed] };
      case "placed":
        return this.#pollCommit();
      case "finished":
        this.#stage = "signed";
        return { kind: "receipt", result: this.#conclude() };
      case "placing":
      case "pruning":
      case "finishing":
      case "signed":
      case "confirmed":
        return null;
    }
  }

  #mayPlace(): boolean {
    const { isClosed, hasOpenFiles, firstFailure } = this.entries;
    if (!isClosed) return false;
    if (!this.#atomic) return true;
    if (this.#finish === null || hasOpenFiles) return false;
    if (firstFailure !== null) {
      throw new SftpxError(
        firstFailure,
        "Cannot commit the transfer: an entry failed, and it is to be all or nothing",
      );
    }
    return true;
  }

  #pollCommit(): ReceiverAction | null {
    const reread = this.#pollReread();
    if (reread !== null) return reread;
    if (this.#committing) return null;
    const { entries } = this;
    const files = entries.takeQueued(COMMIT_BATCH);
    if (files.length > 0) {
      this.#committing = true;
      return { kind: "commit", files, leaveOut: entries.takeFailed() };
    }
    if (entries.hasOpenFiles) return null;
    if (this.#finish === null && !this.#stoodAlready) return null;
    if (!entries.isReread) return null;
    const { failures: failed, hollow } = entries;
    if (this.#pruning?.begins({ failed, hollow, notice: NOTHING_DELETED })) {
      this.#stage = "pruning";
      return { kind: "prune" };
    }
    this.#stage = "finishing";
    return { kind: "finish", leaveOut: [...entries.failed] };
  }

  /**
   * Every file stood as it should. The sender can only agree, since it has their digests from here, and does
   * so as soon as it hears of the last: the receipt does not wait a round trip for that. Its root is checked
   * when it comes.
   */
  get #stoodAlready(): boolean {
    const { stoodAlready, failures } = this.entries;
    return stoodAlready && failures === 0 && this.#pruning?.isDue !== true;
  }

  /** As late as can be: what is read is what is put in place next, or all of it with `atomic`. */
  #pollReread(): ReceiverAction | null {
    const files = this.entries.nextReread();
    return files === null ? null : { kind: "reread", files };
  }

  /** What it all came to, and what of it the receipt states. */
  #conclude(): TransferResult {
    const { inPlace: counts, failures, length } = this.entries;
    const root = this.entries.root(this.#hashing);
    // Where nothing goes into it, a destination that is made is all that changes.
    const changed = this.#makesBase && length === 0 ? 1 : counts.changed;
    const result = (pruned: { deleted: number; kept: number }): TransferResult => ({
      root,
      ...counts,
      changed,
      failed: Math.min(failures + pruned.kept, LIMITS.entriesPerTransfer),
      deleted: pruned.deleted,
    });
    const none = { deleted: 0, kept: 0 };
    this.#result = result(this.#pruning?.counts ?? none);
    return result(this.#pruning?.countsTold ?? none);
  }
}
