// The files on their way in, and how each stops being open: unchanged, whole against the digest the
// sender stands by, or failed at either end. Bounds what is held for a file before anything is (I3, I8).

import { equalBytes } from "../base/bytes.ts";
import { type ErrorCode, isErrorCode, SftpxError, toldCode } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { EntryChunks, Outcome } from "../store/store.ts";
import type { EntryFailure, Omission, SealedFile } from "../wire/messages.ts";
import { DIGEST_BYTES } from "../wire/frame.ts";
import { AnnouncedFiles } from "./announced_files.ts";
import type { DurabilityLedger } from "./durability.ts";
import { chunkCount } from "./geometry.ts";
import type { Hashing } from "./hashing.ts";
import { OpenFiles } from "./open_files.ts";
import { type ReceivedEntry, ReceiveFile } from "./receive_file.ts";
import type { ReceiveNews } from "./receive_news.ts";
import { failureToTell, SKIPPED } from "./report.ts";
import { fileDigest } from "./root.ts";
import type { Settlement } from "./settlement.ts";
import type { Tally } from "./tally.ts";
import { violation } from "./violation.ts";

/** What the rooms of a receiving transfer share. */
export interface ReceiveContext {
  readonly chunkBytes: number;
  /** Bytes stored before the journal is written. */
  readonly journalBytes: number;
  /** The store syncs small files, many at once. */
  readonly syncsTogether: boolean;
  readonly hashing: Hashing;
  readonly settlement: Settlement;
  readonly ledger: DurabilityLedger;
  readonly news: ReceiveNews;
  readonly tally: Tally;
}

export class ReceiveFiles {
  readonly #context: ReceiveContext;
  readonly #files = new OpenFiles<ReceiveFile>();
  /** Those of which nothing was said yet but their entry; each has room among the others. */
  readonly #announced = new AnnouncedFiles();

  constructor(context: ReceiveContext) {
    this.#context = context;
  }

  /** The open file of an entry; one that was only announced becomes an object by this. */
  find(index: number): ReceiveFile | undefined {
    return this.#files.find(index) ?? this.#made(index);
  }

  /** Files that count: those that are open, announced ones too, and whole ones that await the journal. */
  get held(): number {
    return this.#files.size + this.#context.settlement.entries.heldWhole;
  }

  /** Open files of which there is a part, whose chunks the sender has not taken over unread. */
  get inParts(): readonly ReceiveFile[] {
    return this.#files.inParts.filter(({ sealed }) => !sealed?.kept);
  }

  /** There is a part of an open file. */
  holdPart(file: ReceiveFile, heldAs: NonNullable<ReceiveFile["heldAs"]>): void {
    file.heldAs = heldAs;
    this.#files.holdPart(file);
  }

  /** Nothing more comes: what the journal is to hear of is said to the ledger. */
  reclaim(): void {
    for (const file of this.#files.all()) {
      if (file.reclaim()) this.#context.ledger.reopened(file);
    }
  }

  /** A file comes. */
  open(index: number, { entry, fresh }: { entry: ReceivedEntry; fresh: boolean }): void {
    const { sizeBytes, sparse, stamp } = entry;
    const chunks = chunkCount(sizeBytes, this.#context.chunkBytes);
    if (chunks > LIMITS.chunksPerFile) {
      const message = `Cannot take it: over ${LIMITS.chunksPerFile} chunks`;
      return this.fail(index, { code: "limit", message });
    }
    if (!this.#files.hasRoom(chunks)) {
      throw violation("too many files are announced ahead of their chunks");
    }
    // All that is new has something to be said of it soon.
    if (fresh) return void this.#open(index, { entry, chunks, fresh });
    this.#files.reserve(chunks);
    this.#announced.add(index, { sparse, stamp });
  }

  /** A file stands as it should already; nothing happens where it is not open any more. */
  unchanged(index: number, digest: Uint8Array): void {
    if (!this.#close(index)) return;
    const { settlement, tally, news } = this.#context;
    settlement.entries.unchanged(index, digest);
    tally.reuse(settlement.entries.sizeBytes(index));
    news.decided({ entry: index, want: "none", digest });
  }

  /** The sender stands by a file. */
  seal(sealed: SealedFile): void {
    const { settlement, tally, chunkBytes } = this.#context;
    settlement.entries.seal(sealed.entry, sealed.digest);
    const file = this.find(sealed.entry);
    if (file === undefined) return;
    if (!file.placed && !file.fresh) throw violation("a file is sealed before it was asked for");
    if (sealed.kept && !file.mayBeKept) throw violation("a file is kept that is not held");
    file.sealed = sealed;
    if (sealed.kept) tally.reuse(file.heldBytes(chunkBytes));
    this.maybeWhole(file);
  }

  /** Closes a file that is sealed and has its every chunk. */
  maybeWhole(file: ReceiveFile): void {
    if (file.sealed === null || !file.placed || !file.isComplete) return;
    const { settlement, ledger, hashing, chunkBytes } = this.#context;
    const { sizeBytes, digests } = file;
    const digest = fileDigest(hashing, { sizeBytes, chunkBytes, digests });
    if (!equalBytes(digest, file.sealed.digest)) {
      const message = "Cannot keep it: its digest is not the sender's";
      return this.fail(file.index, { code: "integrity", message });
    }
    this.#files.close(file);
    settlement.entries.whole(file, { awaitsJournal: ledger.awaits(file) });
  }

  /**
   * A whole file was read again before its commit; answers the chunks of one that is not what was
   * written: nothing of it is held any more.
   */
  reread(index: number, digests: Uint8Array | null): EntryChunks | null {
    const { settlement, ledger, hashing, chunkBytes } = this.#context;
    const file = settlement.entries.wholeFile(index);
    const whole = settlement.entries.takeReread(index);
    if (whole === null) return null;
    const sizeBytes = settlement.entries.sizeBytes(index);
    const chunks = chunkCount(sizeBytes, chunkBytes);
    if (digests?.byteLength === chunks * DIGEST_BYTES) {
      const digest = fileDigest(hashing, { sizeBytes, chunkBytes, digests });
      if (equalBytes(digest, whole.digest)) {
        settlement.entries.trust(index);
        return null;
      }
    }
    const message = "Cannot commit it: what is read back from the disk is not what was verified";
    this.fail(index, { code: "integrity", message });
    if (file !== null) ledger.settled(file);
    return { entry: index, ranges: [[0, chunks]] };
  }

  /** Fails one entry and tells the sender; a full disk fails them all. */
  fail(index: number, { code, message }: { code: ErrorCode; message: string }): void {
    if (code === "no_space") throw new SftpxError("no_space", message);
    const { settlement, news } = this.#context;
    if (!settlement.entries.fail(index, { code, remote: false })) return;
    news.failed(failureToTell(index, { code, message }));
    this.#report(index, { code, message, remote: false });
    this.#drop(index);
  }

  /** A link is not taken here: the sender is to know, and nothing failed. */
  skip(index: number): void {
    const { settlement, news } = this.#context;
    if (settlement.entries.skip(index)) news.failed({ entry: index, code: SKIPPED, message: "" });
  }

  /** The sender gave an entry up. */
  failedThere(failure: EntryFailure): void {
    const code = toldCode(failure.code, "failed");
    if (!this.#context.settlement.entries.fail(failure.entry, { code, remote: true })) return;
    this.#report(failure.entry, { code, message: failure.message, remote: true });
    this.#drop(failure.entry);
  }

  /** The sender left something out of the manifest. */
  omittedThere({ path, code: given, message }: Omission): void {
    const code = toldCode(given, "failed");
    this.#context.settlement.omit(code);
    this.#context.news.report({ path, code, message, remote: true });
  }

  /** The store put entries in place, or failed to. */
  settle(outcome: Outcome): void {
    const { settlement, ledger } = this.#context;
    for (const index of outcome.committed) {
      const file = settlement.entries.committed(index);
      if (file !== null) ledger.settled(file);
    }
    for (const failure of outcome.failures) {
      const code = isErrorCode(failure.code) ? failure.code : "io";
      const file = settlement.entries.wholeFile(failure.entry);
      this.fail(failure.entry, { code, message: failure.message });
      if (file !== null) ledger.settled(file);
    }
    // Last, so that an entry that failed is none of them.
    for (const index of outcome.changed) settlement.entries.changed(index);
  }

  #drop(index: number): void {
    const file = this.#files.find(index);
    if (file !== undefined) this.#context.ledger.settled(file);
    this.#close(index);
  }

  /** False where it was not open. */
  #close(index: number): boolean {
    const file = this.#files.find(index);
    if (file !== undefined) {
      this.#files.close(file);
      return true;
    }
    if (!this.#announced.delete(index)) return false;
    this.#files.release(this.#chunks(index));
    return true;
  }

  /** A file of which there is something to be said, out of those that were announced. */
  #made(index: number): ReceiveFile | undefined {
    const announced = this.#announced.take(index);
    if (announced === null) return undefined;
    const chunks = this.#chunks(index);
    const sizeBytes = this.#context.settlement.entries.sizeBytes(index);
    this.#files.release(chunks);
    return this.#open(index, { entry: { ...announced, sizeBytes }, chunks, fresh: false });
  }

  #open(
    index: number,
    about: { readonly entry: ReceivedEntry; readonly chunks: number; readonly fresh: boolean },
  ): ReceiveFile {
    const { syncsTogether: together } = this.#context;
    const file = new ReceiveFile(index, { ...about, together });
    this.#files.open(file);
    return file;
  }

  #chunks(index: number): number {
    const { settlement, chunkBytes } = this.#context;
    return chunkCount(settlement.entries.sizeBytes(index), chunkBytes);
  }

  #report(
    index: number,
    { code, message, remote }: { code: ErrorCode; message: string; remote: boolean },
  ): void {
    const { settlement, news } = this.#context;
    news.report({ path: settlement.entries.path(index), code, message, remote });
  }
}
