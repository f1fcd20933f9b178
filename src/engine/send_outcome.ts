// What became of each entry a sender announced: given up here, failed there, committed there. From it
// follow the root the sender states, the one it accepts in a receipt (I4), and what the user is told.

import { equalBytes } from "../base/bytes.ts";
import { type ErrorCode, isErrorCode, SftpxError } from "../base/errors.ts";
import { RangeSet } from "../base/ranges.ts";
import type { EntryFailure, Omission, Range, Receipt } from "../wire/messages.ts";
import type { Hashing } from "./hashing.ts";
import { type FailureReport, failureToTell, type TransferResult } from "./report.ts";
import type { RootLog } from "./root.ts";
import { outOfPlace } from "./violation.ts";

export class SendOutcome {
  readonly #log: RootLog;
  readonly #hashing: Hashing;
  readonly #reports: FailureReport[] = [];
  readonly #ownFailed = new Set<number>();
  readonly #peerFailed = new Set<number>();
  readonly #committed = new RangeSet();
  /** Files that failed after their seal: whether they stand over there, the receipt tells. */
  readonly #doubtful: EntryFailure[] = [];
  #filesDone = 0;

  constructor(log: RootLog, { hashing }: { readonly hashing: Hashing }) {
    this.#log = log;
    this.#hashing = hashing;
  }

  /** Files under their final names. */
  get filesDone(): number {
    return this.#filesDone;
  }

  /** An entry that failed since the last call, or null. */
  pollReport(): FailureReport | null {
    return this.#reports.shift() ?? null;
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

  /** Something never became an entry; answers what the receiver is told. */
  omitted({ path, code, message }: { path: string; code: ErrorCode; message: string }): Omission {
    this.#reports.push({ path, code, message, remote: false });
    return { path: path.toWellFormed(), code, message };
  }

  /** The receiver calls an entry failed. */
  failed({ entry, code, message }: EntryFailure): void {
    if (entry >= this.#log.length) throw outOfPlace("failed");
    if (this.#peerFailed.has(entry)) return;
    this.#peerFailed.add(entry);
    const isReported = this.#ownFailed.has(entry) &&
      !this.#doubtful.some((failure) => failure.entry === entry);
    if (!isReported) this.#report(entry, { code, message, remote: true });
  }

  /** The receiver put entries in place. */
  committed([first, count]: Range): void {
    if (first + count > this.#log.length) throw outOfPlace("committed");
    const before = this.#committed.size;
    this.#committed.add(first, count);
    if (this.#committed.size !== before + count) throw outOfPlace("committed");
    for (let index = first; index < first + count; index++) {
      if (this.#log.isFile(index)) this.#filesDone++;
    }
  }

  /** Root over what this end stands by. */
  root(): Uint8Array {
    return this.#log.root(this.#hashing, { leaveOut: (index) => this.#ownFailed.has(index) });
  }

  /** Checks a receipt against what the receiver said before. */
  confirm({ root: stated, files, bytes, failed }: Receipt): TransferResult {
    // A file this end gave up on after its seal may have been whole over there: that one stands.
    const root = this.#log.root(this.#hashing, {
      leaveOut: (index) =>
        this.#peerFailed.has(index) ||
        this.#ownFailed.has(index) && !this.#committed.has(index),
    });
    if (!equalBytes(root, stated)) {
      throw new SftpxError("integrity", "Cannot confirm the transfer: the receiver's root differs");
    }
    for (const { entry, code, message } of this.#doubtful) {
      const known = this.#committed.has(entry) || this.#peerFailed.has(entry);
      if (!known) this.#report(entry, { code, message, remote: false });
    }
    return { root, files, bytes, failed };
  }

  #report(
    index: number,
    { code, message, remote }: { code: string; message: string; remote: boolean },
  ): void {
    this.#reports.push({
      path: this.#log.path(index),
      code: isErrorCode(code) ? code : "failed",
      message,
      remote,
    });
  }
}
