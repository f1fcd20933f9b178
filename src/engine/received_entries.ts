// What became of each entry of a receiving transfer until now: open, whole, in place, failed or not taken.
// Holds the manifest's root log and with it what either end's root covers. In what order things are done is
// the settlement's.

import type { ErrorCode } from "../base/errors.ts";
import type { OpenSpill } from "../base/spill.ts";
import type { FileToReread } from "../pool/messages.ts";
import type { WholeFile } from "../store/store.ts";
import type { Entry, ManifestEnd } from "../wire/messages.ts";
import { CommitNews } from "./commit_news.ts";
import type { Hashing } from "./hashing.ts";
import { InPlace, type InPlaceCounts } from "./in_place.ts";
import { ManifestCounts } from "./manifest_counts.ts";
import type { ReceiveFile } from "./receive_file.ts";
import { type EntryReport, skippedNotice, type TransferCounts } from "./report.ts";
import { Rereading } from "./rereading.ts";
import { RootLog } from "./root.ts";
import { violation } from "./violation.ts";
import { WholeEntries } from "./whole_entries.ts";

export class ReceivedEntries {
  readonly #log: RootLog;
  readonly #manifest = new ManifestCounts();
  /** Directories offered that hold nothing, once the manifest is closed. */
  #hollow: readonly string[] = [];
  /** Files neither whole nor failed, by entry. */
  readonly #open = new Set<number>();
  /** Whole and not committed. */
  readonly #whole: WholeEntries;
  /** What is to be read again before it is committed; null where nothing is. */
  readonly #rereading: Rereading | null;
  readonly #inPlace: InPlace;
  readonly #news: CommitNews;
  #unchangedFiles = 0;
  readonly #failed = new Set<number>();
  /** Of these, those the store was not told of. */
  #failedUntold: number[] = [];
  /** Entries the sender called failed: its root leaves them out, whatever became of them here. */
  readonly #peerFailed = new Set<number>();
  #firstFailure: ErrorCode | null = null;
  /** Links that are not taken here: neither in place nor failed. */
  readonly #skipped = new Set<number>();

  constructor(
    { tellEntries = false, paranoid = false, spill }: {
      readonly tellEntries?: boolean | undefined;
      /** Where what is kept of many entries may go. */
      readonly spill?: OpenSpill | undefined;
      /** Every whole file is read again before it is committed. */
      readonly paranoid?: boolean | undefined;
    },
  ) {
    this.#log = new RootLog({ spill });
    this.#whole = new WholeEntries(this.#log);
    this.#rereading = paranoid ? new Rereading() : null;
    this.#inPlace = new InPlace(this.#log, { tellEntries });
    this.#news = new CommitNews(this.#inPlace);
  }

  get isClosed(): boolean {
    return this.#manifest.isClosed;
  }

  get counts(): Pick<TransferCounts, "filesDone" | "filesTotal" | "bytesTotal" | "changed"> {
    const { totals } = this.#manifest;
    return {
      filesDone: this.#inPlace.filesDone,
      changed: this.#inPlace.changed,
      filesTotal: totals?.files ?? null,
      bytesTotal: totals?.bytes ?? null,
    };
  }

  /** Whole files that may be committed. */
  get queued(): number {
    return this.#whole.queued;
  }

  /** Files are neither whole nor failed. */
  get hasOpenFiles(): boolean {
    return this.#open.size > 0;
  }

  get length(): number {
    return this.#log.length;
  }

  /** Directories offered that hold nothing, once the manifest is closed. */
  get hollow(): readonly string[] {
    return this.#hollow;
  }

  get failed(): ReadonlySet<number> {
    return this.#failed;
  }

  /** Entries that failed, and what never became one. */
  get failures(): number {
    return this.#failed.size + this.#manifest.omitted;
  }

  get firstFailure(): ErrorCode | null {
    return this.#firstFailure;
  }

  /** Every file of the manifest stood as it should, and there is one. */
  get stoodAlready(): boolean {
    const files = this.#manifest.totals?.files ?? 0;
    return files > 0 && this.#unchangedFiles >= files;
  }

  /** Nothing whole is to be read again. */
  get isReread(): boolean {
    return this.#rereading?.isIdle !== false;
  }

  /** What is in place, entries that failed left out. */
  get inPlace(): InPlaceCounts {
    return this.#inPlace.counts(this.#failed);
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
    this.#unchangedFiles++;
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

  isWhole(index: number): boolean {
    return this.#whole.has(index);
  }

  /** The next files to read again, or null while none are or enough are under way. */
  nextReread(): readonly FileToReread[] | null {
    return this.#rereading?.next() ?? null;
  }

  /** The next whole files to commit. */
  takeQueued(most: number): WholeFile[] {
    return this.#whole.takeQueued(most);
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

  /** Something asked for never became an entry. */
  omit(code: ErrorCode): void {
    this.#manifest.omit();
    this.#firstFailure ??= code;
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

  /** Throws where the sender stands by a file that it gave no digest of. */
  requireSealed(): void {
    for (const index of this.#open) {
      if (!this.#log.isComplete(index)) throw violation("its finish leaves a file out");
    }
  }

  /** The root that the sender should name. */
  senderRoot(hashing: Hashing): Uint8Array {
    if (this.#peerFailed.size === 0) return this.#log.root(hashing);
    return this.#log.root(hashing, { leaveOut: (index) => this.#peerFailed.has(index) });
  }

  /** The root of what is in place. */
  root(hashing: Hashing): Uint8Array {
    if (this.#failed.size === 0 && this.#skipped.size === 0) return this.#log.root(hashing);
    const leaveOut = (index: number) => this.#failed.has(index) || this.#skipped.has(index);
    return this.#log.root(hashing, { leaveOut });
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

  /** Nothing is changed from here on. */
  end(): void {
    this.#inPlace.end();
  }

  /** Entries committed and changed since the last call, or null. */
  drainCommitted(limit: number): ReturnType<CommitNews["drain"]> {
    return this.#news.drain(limit);
  }

  /** The next entry that is done with, or null. */
  pollEntry(): EntryReport | null {
    return this.#inPlace.poll(this.#failed);
  }
}
