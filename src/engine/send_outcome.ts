// What became of each entry a sender announced: given up here, failed there, committed there; and of
// what the offer had removed. From it follow the root the sender states, the one it accepts in a
// receipt, whose counts are to be those it was told (I4), and what the user hears.

import { equalBytes } from "../base/bytes.ts";
import { type ErrorCode, SftpxError, toldCode } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type {
  Committed,
  Deleted,
  EntryFailure,
  Offer,
  Omission,
  Receipt,
} from "../wire/messages.ts";
import type { Hashing } from "./hashing.ts";
import { InPlace } from "./in_place.ts";
import { NOTHING_DELETED } from "./pruning.ts";
import { Queue } from "./queue.ts";
import {
  deletedEntry,
  type EntryReport,
  type FailureReport,
  failureToTell,
  SKIPPED,
  skippedNotice,
  type TransferResult,
} from "./report.ts";
import type { RootLog } from "./root.ts";
import { outOfPlace, violation } from "./violation.ts";

export class SendOutcome {
  readonly #log: RootLog;
  readonly #deletes: boolean;
  readonly #tells: boolean;
  readonly #hashing: Hashing;
  readonly #reports: FailureReport[] = [];
  readonly #ownFailed = new Set<number>();
  readonly #peerFailed = new Set<number>();
  /** Links that the receiver takes none of. */
  readonly #skipped = new Set<number>();
  readonly #inPlace: InPlace;
  /** Files that failed after their seal: whether they stand over there, the receipt tells. */
  readonly #doubtful: EntryFailure[] = [];
  /** Of which the receiver has not been told. */
  readonly #omissions: Omission[] = [];
  readonly #deletedPaths = new Queue<string>();
  readonly #notices: string[] = [];
  #deleted = 0;
  /** The receiver said what it deleted, if only that it was nothing. */
  #hasDeleted = false;

  constructor(
    log: RootLog,
    { offer, hashing, tellEntries }: {
      readonly offer: Pick<Offer, "delete">;
      readonly hashing: Hashing;
      readonly tellEntries: boolean;
    },
  ) {
    this.#log = log;
    this.#deletes = offer.delete;
    this.#tells = tellEntries;
    this.#hashing = hashing;
    this.#inPlace = new InPlace(log, { tellEntries });
  }

  /** Files under their final names. */
  get filesDone(): number {
    return this.#inPlace.filesDone;
  }

  /** Entries that the receiver had to change. */
  get changed(): number {
    return this.#inPlace.changed;
  }

  /** An entry that failed since the last call, or null. */
  pollReport(): FailureReport | null {
    return this.#reports.shift() ?? null;
  }

  /** The next entry that is done with, or null. */
  pollEntry(): EntryReport | null {
    return this.#inPlace.poll(this.#peerFailed) ?? deletedEntry(this.#deletedPaths.take());
  }

  /** Something the user is to hear once, or null. */
  pollNotice(): string | null {
    return this.#notices.shift() ?? null;
  }

  /** Whether this end gave an entry up: the receiver may not have heard of it. */
  isGivenUp(index: number): boolean {
    return this.#ownFailed.has(index);
  }

  /** This end gives an entry up; answers what the receiver is told. */
  giveUp(
    index: number,
    { code, message, sealed }: { code: ErrorCode; message: string; sealed: boolean },
  ): EntryFailure {
    this.#ownFailed.add(index);
    const failure = failureToTell(index, { code, message });
    if (sealed) this.#doubtful.push(failure);
    else this.#report(index, { code, message, remote: false });
    return failure;
  }

  /** Something never became an entry: the receiver is to be told. */
  omit({ path, code, message }: { path: string; code: ErrorCode; message: string }): void {
    this.#reports.push({ path, code, message, remote: false });
    this.#omissions.push({ path: path.toWellFormed(), code, message });
  }

  /** What one message tells of that; it counts as said. */
  takeOmissions(): readonly Omission[] {
    return this.#omissions.splice(0, LIMITS.omissionsPerMessage);
  }

  /** The receiver calls an entry failed. */
  failed({ entry, code, message }: EntryFailure): void {
    if (entry >= this.#log.length) throw outOfPlace("failed");
    if (this.#peerFailed.has(entry) || this.#skipped.has(entry)) return;
    // Of anything else it would pass over in silence that nothing arrived.
    if (code === SKIPPED && this.#log.describe(entry).kind === "link") {
      this.#skipped.add(entry);
      return;
    }
    this.#peerFailed.add(entry);
    const isReported = this.#ownFailed.has(entry) &&
      !this.#doubtful.some((failure) => failure.entry === entry);
    if (!isReported) this.#report(entry, { code, message, remote: true });
  }

  /** The receiver put entries in place, some of which it had to change. */
  committed({ entries, changed }: Committed): void {
    for (const [first, count] of entries) {
      if (!this.#inPlace.settle(first, count)) throw outOfPlace("committed");
    }
    for (const [first, count] of changed) {
      if (!this.#inPlace.change(first, count)) throw outOfPlace("committed");
    }
  }

  /** The receiver removed what is extraneous. */
  deleted({ paths, kept }: Deleted): void {
    if (!this.#deletes) throw outOfPlace("deleted");
    this.#hasDeleted = true;
    this.#deleted += paths.length;
    if (this.#tells) paths.forEach((path) => this.#deletedPaths.add(path));
    for (const { path, code, message } of kept) {
      const known = toldCode(code, "failed");
      this.#reports.push({ path, code: known, message, remote: true });
    }
  }

  /** Root over what this end stands by. */
  root(): Uint8Array {
    if (this.#ownFailed.size === 0) return this.#log.root(this.#hashing);
    return this.#log.root(this.#hashing, { leaveOut: (index) => this.#ownFailed.has(index) });
  }

  /** Checks a receipt against what the receiver said before. */
  confirm(
    { root: stated, files, bytes, failed, changed, deleted }: Receipt,
  ): TransferResult {
    // A file this end gave up on after its seal may have been whole over there: that one stands.
    const leaveOut = (index: number) =>
      this.#peerFailed.has(index) || this.#skipped.has(index) ||
      this.#ownFailed.has(index) && !this.#inPlace.has(index);
    const isAll = this.#peerFailed.size + this.#skipped.size + this.#ownFailed.size === 0;
    const root = this.#log.root(this.#hashing, isAll ? {} : { leaveOut });
    if (!equalBytes(root, stated)) {
      throw new SftpxError("integrity", "Cannot confirm the transfer: the receiver's root differs");
    }
    for (const { entry, code, message } of this.#doubtful) {
      const known = this.#inPlace.has(entry) || this.#peerFailed.has(entry);
      if (!known) this.#report(entry, { code, message, remote: false });
    }
    const told = this.#inPlace.counts(this.#peerFailed).changed;
    // No entry goes with a destination that is made for none.
    const isBase = this.#log.length === 0 && changed === 1;
    if (changed !== told && !isBase || deleted !== this.#deleted) {
      throw violation("its receipt does not count what it told");
    }
    if (this.#deletes && !this.#hasDeleted) {
      if (failed === 0) throw violation("its receipt comes before what it deleted");
      this.#notices.push(NOTHING_DELETED);
    }
    const [skipped] = this.#skipped;
    const notice = skipped === undefined
      ? null
      : skippedNotice(this.#skipped.size, this.#log.path(skipped));
    if (notice !== null) this.#notices.push(notice);
    this.#inPlace.end();
    return { root, files, bytes, failed, changed, deleted };
  }

  #report(
    index: number,
    { code, message, remote }: { code: string; message: string; remote: boolean },
  ): void {
    this.#reports.push({
      path: this.#log.path(index),
      code: toldCode(code, "failed"),
      message,
      remote,
    });
  }
}
