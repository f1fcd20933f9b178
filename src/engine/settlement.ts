// The end of a receiving transfer: from files that are whole to a receipt. Holds the manifest's
// root log, lets nothing be placed before the manifest is closed (I1), commits in batches, checks the
// sender's root before anything is signed (I4), and has nothing removed unless nothing failed.

import { equalBytes } from "../base/bytes.ts";
import { type ErrorCode, SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { WholeFile } from "../store/store.ts";
import type { Entry, Finish, ManifestEnd } from "../wire/messages.ts";
import { CommitNews } from "./commit_news.ts";
import type { Hashing } from "./hashing.ts";
import { InPlace } from "./in_place.ts";
import { ManifestCounts } from "./manifest_counts.ts";
import { NOTHING_DELETED, type Pruning } from "./pruning.ts";
import type { ReceiverAction } from "./receive_action.ts";
import type { ReceiveFile } from "./receive_file.ts";
import { type EntryReport, skippedNotice, type TransferResult } from "./report.ts";
import { Rereading } from "./rereading.ts";
import { RootLog } from "./root.ts";
import { violation } from "./violation.ts";
import { WholeEntries } from "./whole_entries.ts";

/** Files one store call commits: large enough for one SQLite transaction to be cheap. */
const COMMIT_BATCH = 256;

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
  readonly #log = new RootLog();
  readonly #failed = new Set<number>();
  /** Of these, those the store was not told of. */
  #failedUntold: number[] = [];
  /** Entries the sender called failed: its root leaves them out, whatever became of them here. */
  readonly #peerFailed = new Set<number>();
  /** Links that are not taken here: neither in place nor failed. */
  readonly #skipped = new Set<number>();
  readonly #inPlace: InPlace;
  readonly #pruning: Pruning | null;
  /** Directories offered that hold nothing, once the manifest is closed. */
  #hollow: readonly string[] = [];
  readonly #news: CommitNews;
  /** Whole and not committed. */
  readonly #whole: WholeEntries;
  /** What is to be read again before it is committed; null where nothing is. */
  readonly #rereading: Rereading | null;
  #stage: Stage = "open";
  #committing = false;
  /** Files neither whole nor failed, by entry. */
  readonly #open = new Set<number>();
  readonly #manifest = new ManifestCounts();
  #finish: Finish | null = null;
  #firstFailure: ErrorCode | null = null;
  #result: TransferResult | null = null;

  constructor(
    { hashing, atomic, makesBase = false, pruning = null, tellEntries = false, paranoid = false }: {
      readonly hashing: Hashing;
      readonly atomic: boolean;
      /** The directory that entries go into is none of them, and is made. */
      readonly makesBase?: boolean;
      /** Null when nothing is ever to be removed. */
      readonly pruning?: Pruning | null;
      readonly tellEntries?: boolean;
      /** Every whole file is read again before it is committed. */
      readonly paranoid?: boolean;
    },
  ) {
    this.#hashing = hashing;
    this.#atomic = atomic;
    this.#makesBase = makesBase;
    this.#pruning = pruning;
    this.#inPlace = new InPlace(this.#log, { tellEntries });
    this.#news = new CommitNews(this.#inPlace);
    this.#rereading = paranoid ? new Rereading() : null;
    this.#whole = new WholeEntries(this.#log);
  }

  get isClosed(): boolean {
    return this.#manifest.isClosed;
  }

  get counts(): { filesDone: number; filesTotal: number | null; bytesTotal: number | null } {
    const { totals } = this.#manifest;
    return {
      filesDone: this.#inPlace.filesDone,
      filesTotal: totals?.files ?? null,
      bytesTotal: totals?.bytes ?? null,
    };
  }

  /** Files are neither whole nor failed. */
  get hasOpenFiles(): boolean {
    return this.#open.size > 0;
  }

  /** The sender named its root, and it is ours. */
  get isVerified(): boolean {
    return this.#finish !== null;
  }

  /** Set once the sender confirmed the receipt. */
  get confirmed(): TransferResult | null {
    return this.#stage === "confirmed" ? this.#result : null;
  }

  path(index: number): string {
    return this.#log.path(index);
  }

  sizeBytes(index: number): number {
    return this.#log.sizeBytes(index);
  }

  add(entry: Entry): void {
    const index = this.#log.length;
    this.#log.add(entry);
    this.#manifest.add(entry);
    if (entry.kind === "file") this.#open.add(index);
  }

  /** `hollow` are the directories offered that hold nothing. */
  closeManifest(end: ManifestEnd, hollow: readonly string[] = []): void {
    this.#manifest.close(end);
    this.#hollow = hollow;
  }

  /** The sender stands by a file with this digest. */
  seal(index: number, digest: Uint8Array): void {
    if (!this.#log.isFile(index)) throw violation("a file is sealed that was not announced");
    if (this.#log.isComplete(index)) throw violation("a file is sealed twice");
    this.#log.seal(index, digest);
  }

  /** A file stands as it should already. */
  unchanged(index: number, digest: Uint8Array): void {
    this.#log.seal(index, digest);
    this.#open.delete(index);
    this.#news.settle(index);
  }

  /**
   * A file's chunks are all verified and written, and its digest is the sealed one. It is kept itself
   * only while it `awaitsJournal`, see `journalled`: a manifest may be long, and no file is committed
   * before its end (I8).
   */
  whole(
    file: ReceiveFile,
    { awaitsJournal = true }: { readonly awaitsJournal?: boolean } = {},
  ): void {
    this.#open.delete(file.index);
    const whole = this.#whole.add(file, { awaitsJournal });
    if (this.#rereading === null || file.chunks === 0) this.#whole.queue(file.index);
    else this.#rereading.add(file, whole());
    file.shed();
  }

  /** The journal has heard of all that there is of a file. */
  journalled(file: ReceiveFile): void {
    this.#whole.shed(file.index);
  }

  /** A whole file was read again; answers the digest it must have, null where it failed meanwhile. */
  takeReread(index: number): WholeFile | null {
    const whole = this.#rereading?.take(index) ?? null;
    return this.#whole.has(index) ? whole : null;
  }

  /** It is what it was: it may be committed. */
  trust(index: number): void {
    this.#whole.queue(index);
  }

  /** A whole file that awaits the journal or a commit in its place. */
  wholeFile(index: number): ReceiveFile | null {
    return this.#whole.file(index);
  }

  /** Whole files that are held in full. */
  get heldWhole(): number {
    return this.#whole.held;
  }

  /** A whole file whose commit is near needs no journal entry before it. */
  commitsSoon(index: number): boolean {
    return this.#stage === "placed" && this.#whole.has(index);
  }

  /**
   * Records a failure; false when it changes nothing. A file that is whole is verified against the
   * digest the sender stood by: that its source changed since does not undo it.
   */
  fail(index: number, { code, remote }: { code: ErrorCode; remote: boolean }): boolean {
    if (remote) this.#peerFailed.add(index);
    if (this.#failed.has(index)) return false;
    if (remote && (this.#whole.has(index) || this.#inPlace.has(index))) return false;
    this.#failed.add(index);
    this.#skipped.delete(index);
    this.#failedUntold.push(index);
    this.#firstFailure ??= code;
    this.#open.delete(index);
    this.#whole.delete(index);
    return true;
  }

  /** A link that is not taken: no root covers it, and nothing failed. False when it is known already. */
  skip(index: number): boolean {
    if (this.#failed.has(index) || this.#skipped.has(index)) return false;
    this.#skipped.add(index);
    return true;
  }

  /** What was skipped, once nothing more can be. */
  get skippedNotice(): string | null {
    const [first] = this.#skipped;
    return first === undefined ? null : skippedNotice(this.#skipped.size, this.path(first));
  }

  /** Entries that failed and that the store was not told of; they count as told. */
  takeFailed(): readonly number[] {
    const failed = this.#failedUntold;
    this.#failedUntold = [];
    return failed;
  }

  /** Something asked for never became an entry. */
  omit(code: ErrorCode): void {
    if (this.#finish !== null) throw violation("it leaves something out after its finish");
    this.#manifest.omit();
    this.#firstFailure ??= code;
  }

  /** The sender names its root. Checked before the last commit, so that `atomic` means it. */
  finish(message: Finish): void {
    if (!this.isClosed || this.#finish !== null) throw violation("its finish is out of place");
    for (const index of this.#open) {
      if (!this.#log.isComplete(index)) throw violation("its finish leaves a file out");
    }
    const root = this.#log.root(this.#hashing, {
      leaveOut: (index) => this.#peerFailed.has(index),
    });
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

  /** The store committed an entry; answers the file if it was one. */
  committed(index: number): ReceiveFile | null {
    const file = this.#whole.file(index);
    this.#whole.delete(index);
    if (this.#failed.has(index)) return null;
    this.#news.settle(index);
    return file;
  }

  /** The store made or replaced an entry, or gave it another mode or time. */
  changed(index: number): void {
    if (!this.#failed.has(index)) this.#news.change(index);
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
    this.#inPlace.end();
  }

  /** The sender checked the receipt. */
  confirm(): void {
    if (this.#stage !== "signed") throw violation("it is called done before its receipt");
    this.#stage = "confirmed";
  }

  /** Entries committed and changed since the last call, or null. */
  drainCommitted(limit: number): ReturnType<CommitNews["drain"]> {
    return this.#news.drain(limit);
  }

  /** The next entry that is done with, or null. */
  pollEntry(): EntryReport | null {
    return this.#inPlace.poll(this.#failed);
  }

  /** The next step towards the receipt, or null while something is under way. */
  poll(): ReceiverAction | null {
    switch (this.#stage) {
      case "open":
        if (!this.#mayPlace()) return null;
        if (this.#atomic && this.#rereading?.isIdle === false) return this.#pollReread();
        this.#stage = "placing";
        this.#failedUntold = [];
        return { kind: "place", leaveOut: [...this.#failed] };
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
    if (!this.isClosed) return false;
    if (!this.#atomic) return true;
    if (this.#finish === null || this.#open.size > 0) return false;
    if (this.#firstFailure !== null) {
      throw new SftpxError(
        this.#firstFailure,
        "Cannot commit the transfer: an entry failed, and it is to be all or nothing",
      );
    }
    return true;
  }

  #pollCommit(): ReceiverAction | null {
    const reread = this.#pollReread();
    if (reread !== null) return reread;
    if (this.#committing) return null;
    const files = this.#whole.takeQueued(COMMIT_BATCH);
    if (files.length > 0) {
      this.#committing = true;
      return { kind: "commit", files, leaveOut: this.takeFailed() };
    }
    if (this.#finish === null || this.#open.size > 0) return null;
    if (this.#rereading?.isIdle === false) return null;
    const failed = this.#failed.size + this.#manifest.omitted;
    if (this.#pruning?.begins({ failed, hollow: this.#hollow, notice: NOTHING_DELETED })) {
      this.#stage = "pruning";
      return { kind: "prune" };
    }
    this.#stage = "finishing";
    return { kind: "finish", leaveOut: [...this.#failed] };
  }

  /** As late as can be: what is read is what is put in place next, or all of it with `atomic`. */
  #pollReread(): ReceiverAction | null {
    const files = this.#rereading?.next() ?? null;
    return files === null ? null : { kind: "reread", files };
  }

  /** What it all came to, and what of it the receipt states. */
  #conclude(): TransferResult {
    const leaveOut = (index: number) => this.#failed.has(index) || this.#skipped.has(index);
    const root = this.#log.root(this.#hashing, { leaveOut });
    const counts = this.#inPlace.counts(this.#failed);
    // Where nothing goes into it, a destination that is made is all that changes.
    const changed = this.#makesBase && this.#log.length === 0 ? 1 : counts.changed;
    const result = (pruned: { deleted: number; kept: number }): TransferResult => ({
      root,
      ...counts,
      changed,
      failed: Math.min(
        this.#failed.size + this.#manifest.omitted + pruned.kept,
        LIMITS.entriesPerTransfer,
      ),
      deleted: pruned.deleted,
    });
    const none = { deleted: 0, kept: 0 };
    this.#result = result(this.#pruning?.counts ?? none);
    return result(this.#pruning?.countsTold ?? none);
  }
}
