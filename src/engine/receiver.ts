// The receiving half of a transfer, without I/O or clock: what is needed, where chunks land, what to
// journal, what to commit, when to sign a receipt. The session feeds it messages, frame records and
// the answers of store and workers, and carries out the actions it polls.

import { type ErrorCode, isErrorCode, SftpxError } from "../base/errors.ts";
import { equalBytes } from "../base/bytes.ts";
import { LIMITS } from "../base/limits.ts";
import { RangeSet } from "../base/ranges.ts";
import type { ChunkToLand } from "../pool/messages.ts";
import type { JournalRun, Outcome, Placement, WholeFile } from "../store/store.ts";
import type {
  Entries,
  Entry,
  EntryFailure,
  Message,
  Offer,
  SealedFile,
  Stamp,
  TransferMessage,
  Verdict,
} from "../wire/messages.ts";
import { type ChunkRecord, DIGEST_BYTES } from "../wire/frame.ts";
import { DurabilityLedger } from "./durability.ts";
import { chunkCount, chunkLengthBytes } from "./geometry.ts";
import type { Hashing } from "./hashing.ts";
import { type Landing, LandingFrames, type StoredFrame } from "./landing.ts";
import { ManifestCheck } from "./manifest_check.ts";
import { ReceiveFile } from "./receive_file.ts";
import { fileDigest } from "./root.ts";
import { sameStamp } from "./send_file.ts";
import type { FailureReport, TransferCounts, TransferResult } from "./report.ts";
import { Settlement } from "./settlement.ts";

/** What the session is to do; each answer comes back through the method of the same matter. */
export type ReceiverAction =
  | { readonly kind: "send"; readonly message: Message }
  /** Store: `register`; answer with `registered`. */
  | {
    readonly kind: "register";
    readonly first: number;
    readonly entries: readonly Entry[];
    readonly sources: readonly number[];
  }
  /** Hash a standing file; answer with `digested`. */
  | { readonly kind: "digest"; readonly entry: number; readonly path: string }
  /** Copy chunks of a standing file (no frame carried them); answer with `landed`. */
  | { readonly kind: "land"; readonly frame: number; readonly chunks: readonly ChunkToLand[] }
  /** Store: `forget`; answer with `forgotten`. */
  | { readonly kind: "forget"; readonly entry: number }
  /** Store: `journal`; answer with `journalled`. */
  | { readonly kind: "journal"; readonly runs: readonly JournalRun[] }
  /** Store: `placeDirectories`; answer with `directoriesPlaced`. */
  | { readonly kind: "place" }
  /** Store: `commit`; answer with `committed`. */
  | { readonly kind: "commit"; readonly files: readonly WholeFile[] }
  /** Store: `finish`; answer with `storeFinished`. */
  | { readonly kind: "finish" }
  /** Sign this and send it as the receipt. */
  | { readonly kind: "receipt"; readonly result: TransferResult };

/** What to do with a frame that arrived. */
export type FramePlan =
  /** An entry of it is not placed yet: ask again after any next message, placement or answer. */
  | { readonly kind: "hold" }
  /** Nothing to write; the buffer is free. */
  | { readonly kind: "skip" }
  | { readonly kind: "land"; readonly chunks: readonly (ChunkToLand | null)[] };

const FAILURES_PER_MESSAGE = 256;

export class Receiver {
  readonly #offer: Offer;
  readonly #fresh: readonly boolean[];
  readonly #chunkBytes: number;
  readonly #hashing: Hashing;
  readonly #check: ManifestCheck;
  readonly #settlement: Settlement;
  readonly #ledger = new DurabilityLedger();
  readonly #files = new Map<number, ReceiveFile>();
  readonly #actions: ReceiverAction[] = [];
  readonly #landing = new LandingFrames();
  readonly #storedFrames = new RangeSet();
  readonly #verdicts: Verdict[] = [];
  readonly #failures: EntryFailure[] = [];
  readonly #reports: FailureReport[] = [];
  #registered = 0;
  /** Chunks of all files in `#files`. */
  #openChunks = 0;
  #nextCopy = -1;
  #bytesDone = 0;
  #reusedBytes = 0;

  constructor(
    offer: Offer,
    { fresh, chunkBytes, hashing }: {
      fresh: readonly boolean[];
      chunkBytes: number;
      hashing: Hashing;
    },
  ) {
    this.#offer = offer;
    this.#fresh = fresh;
    this.#chunkBytes = chunkBytes;
    this.#hashing = hashing;
    this.#check = new ManifestCheck(offer.sources);
    this.#settlement = new Settlement({ hashing, atomic: offer.atomic });
    this.#send({ type: "accept", transfer: offer.transfer, fresh, chunkBytes });
  }

  get chunkBytes(): number {
    return this.#chunkBytes;
  }

  /** Set once the sender confirmed the receipt. */
  get result(): TransferResult | null {
    return this.#settlement.confirmed;
  }

  get counts(): TransferCounts {
    return {
      bytesDone: this.#bytesDone,
      reusedBytes: this.#reusedBytes,
      ...this.#settlement.counts,
    };
  }

  /** Time passes: the journal's interval is measured by it. */
  tick(nowMs: number): void {
    this.#ledger.tick(nowMs);
  }

  /** Takes a message of the sender; throws SftpxError when it breaks the protocol. */
  handle(message: TransferMessage): void {
    switch (message.type) {
      case "entries":
        return this.#handleEntries(message);
      case "manifest_end":
        return this.#settlement.closeManifest(message);
      case "sealed":
        return message.files.forEach((file) => this.#handleSealed(file));
      case "failed":
        return message.failures.forEach((failure) => this.#handleFailed(failure));
      case "finish":
        return this.#settlement.finish(message);
      case "done":
        return this.#settlement.confirm();
      case "abort": {
        const code = isErrorCode(message.code) ? message.code : "failed";
        throw new SftpxError(code, message.message, { remote: true });
      }
      default:
        throw broken(`the message "${message.type}" is out of place`);
    }
  }

  /** The store placed entries; the sender learns what is needed of those that are not fresh. */
  registered(first: number, placements: readonly Placement[]): void {
    placements.forEach((placement, offset) => this.#place(first + offset, placement));
    this.#registered = first + placements.length;
  }

  /** A standing file was hashed, or could not be. */
  digested(entry: number, digests: Uint8Array | null): void {
    const file = this.#files.get(entry);
    if (file === undefined || file.standing === null) return;
    const heldBytes = Math.floor((digests?.byteLength ?? 0) / DIGEST_BYTES) * DIGEST_BYTES;
    const usable = digests?.subarray(0, Math.min(heldBytes, file.chunks * DIGEST_BYTES));
    if (usable === undefined || usable.byteLength === 0) {
      file.standing = null;
      return this.#decide(file, { entry, want: "all" });
    }
    const run = { first: 0, digests: usable };
    file.hold(run);
    this.#sendHave(file, run, {});
    this.#decide(file, { entry, want: "rest" });
  }

  /** Says what to do with a frame; records were read from its table. */
  frame(frame: number, records: readonly ChunkRecord[]): FramePlan {
    for (const record of records) {
      if (record.entry >= this.#registered) return this.#holdUnplaced(record);
      const file = this.#files.get(record.entry);
      if (file === undefined) continue;
      this.#checkPlace(file, record);
      if (!file.placed || this.#awaitsForget(file, record)) return { kind: "hold" };
    }
    if (!this.#landing.isOpen(frame)) this.#ledger.opened(frame);
    const landings: Landing[] = [];
    const carriers = new Set<number>();
    const repeats = new Set<ReceiveFile>();
    const chunks = records.map((record) => {
      const file = this.#files.get(record.entry);
      const known = file ?? this.#settlement.wholeFile(record.entry);
      if (known === null) return null;
      if (file === undefined || !file.wants(record.chunk)) {
        repeats.add(known);
        const carrier = known.carrierOf(record.chunk);
        if (carrier !== null) carriers.add(carrier);
        return null;
      }
      const chunk = this.#planRecord(file, record, frame);
      if (chunk !== null) landings.push({ file, record });
      return chunk;
    });
    if (landings.length > 0) {
      this.#landing.start(frame, landings);
      carriers.add(frame);
    }
    this.#framesStored(this.#landing.await(frame, { carriers, repeats }));
    return landings.length > 0 ? { kind: "land", chunks } : { kind: "skip" };
  }

  /** The workers dealt with a frame (or with copies of our own, negative). */
  landed(
    frame: number,
    failures: readonly { entry: number; code: ErrorCode; message: string }[],
  ): void {
    const landings = this.#landing.take(frame);
    for (const failure of failures) this.#fail(failure.entry, failure.code, failure.message);
    for (const { file, record } of landings) {
      if (!this.#files.has(file.index)) continue;
      file.store(record, { written: true });
      this.#ledger.stored(file, frame, record.rawBytes);
      // What is copied here was counted when its record came (I10).
      if (frame >= 0) this.#count(record);
      this.#maybeWhole(file);
    }
    this.#framesStored(this.#landing.over(frame));
  }

  /** The store dropped what it had journalled of an entry. */
  forgotten(entry: number): void {
    const file = this.#files.get(entry);
    if (file === undefined) return;
    file.forgotten = "yes";
    file.reopen();
    this.#ledger.reopened(file);
  }

  journalled(): void {
    this.#ledger.journalled();
  }

  directoriesPlaced(outcome: Outcome): void {
    this.#settlement.placed();
    this.#take(outcome);
  }

  committed(outcome: Outcome): void {
    this.#settlement.commitEnded();
    this.#take(outcome);
  }

  storeFinished(outcome: Outcome): void {
    this.#take(outcome);
    this.#settlement.storeFinished();
  }

  /** The next thing to do, or null. */
  poll(): ReceiverAction | null {
    return this.#actions.shift() ?? this.#pollReport() ?? this.#pollJournal() ??
      this.#settlement.poll();
  }

  /** An entry that failed since the last call, or null. */
  pollFailure(): FailureReport | null {
    return this.#reports.shift() ?? null;
  }

  #handleEntries(message: Entries): void {
    if (message.first !== this.#check.count || this.#settlement.isClosed) {
      throw broken("its entries do not follow each other");
    }
    message.entries.forEach((entry, offset) => {
      const index = message.first + offset;
      const source = message.sources[offset]!;
      const problem = this.#check.next(entry, source);
      this.#settlement.add(entry);
      if (problem !== null) this.#fail(index, "bad_name", `Cannot take the name: ${problem}`);
      else if (entry.kind === "file") this.#open(index, entry, this.#fresh[source] === true);
    });
    const { first, entries, sources } = message;
    this.#actions.push({ kind: "register", first, entries, sources });
  }

  /** A file comes: bounds what is held for it before anything is (I3, I8). */
  #open(index: number, entry: Entry, fresh: boolean): void {
    const chunks = chunkCount(entry.sizeBytes, this.#chunkBytes);
    if (chunks > LIMITS.chunksPerFile) {
      return this.#fail(index, "limit", `Cannot take it: over ${LIMITS.chunksPerFile} chunks`);
    }
    this.#openChunks += chunks;
    if (this.#files.size >= LIMITS.openEntries || this.#openChunks > LIMITS.openChunks) {
      throw broken("too many files are announced ahead of their chunks");
    }
    this.#files.set(index, new ReceiveFile(index, { entry, chunks, fresh }));
  }

  #close(file: ReceiveFile): void {
    this.#files.delete(file.index);
    this.#openChunks -= file.chunks;
  }

  #place(index: number, placement: Placement): void {
    if (placement.kind === "failed") return this.#fail(index, placement.code, placement.message);
    const file = this.#files.get(index);
    if (file === undefined) return;
    switch (placement.kind) {
      case "later":
        return;
      case "new":
        file.part = placement.part;
        return this.#decide(file, { entry: index, want: "all" });
      case "unchanged":
        this.#settlement.unchanged(index, file.entry, placement.digest);
        this.#reuse(file.entry.sizeBytes);
        this.#close(file);
        this.#verdicts.push({ entry: index, want: "none", digest: placement.digest });
        return;
      case "held":
        file.part = placement.part;
        file.heldStamp = placement.stamp;
        for (const run of placement.runs) {
          file.hold(run);
          this.#sendHave(file, run, placement);
        }
        return this.#decide(file, { entry: index, want: "rest" });
      case "stands":
        file.part = placement.part;
        file.standing = { path: placement.path, sizeBytes: placement.sizeBytes };
        this.#actions.push({ kind: "digest", entry: index, path: placement.path });
        return;
    }
  }

  /** The file may take chunks; tells the sender unless its source is fresh. */
  #decide(file: ReceiveFile, verdict: Verdict): void {
    file.placed = true;
    if (!file.fresh) this.#verdicts.push(verdict);
    this.#maybeWhole(file);
  }

  #sendHave(
    file: ReceiveFile,
    run: { first: number; digests: Uint8Array },
    recorded: { stamp?: Stamp; recordedNs?: bigint },
  ): void {
    const stepBytes = LIMITS.digestsPerMessage * DIGEST_BYTES;
    for (let at = 0; at < run.digests.byteLength; at += stepBytes) {
      this.#send({
        type: "have",
        transfer: this.#offer.transfer,
        entry: file.index,
        first: run.first + at / DIGEST_BYTES,
        digests: run.digests.slice(at, at + stepBytes),
        ...(recorded.stamp === undefined ? {} : { stamp: recorded.stamp }),
        ...(recorded.recordedNs === undefined ? {} : { recordedNs: recorded.recordedNs }),
      });
    }
  }

  /** A chunk the journal claims is overwritten only once the claim is gone (I2). */
  #awaitsForget(file: ReceiveFile, record: ChunkRecord): boolean {
    const overwrites = record.encoding !== "same" && file.standing === null &&
      file.isHeld(record.chunk);
    if (!overwrites || file.forgotten === "yes") return false;
    if (file.forgotten === "no") this.#actions.push({ kind: "forget", entry: file.index });
    file.forgotten = "asked";
    return true;
  }

  #checkPlace(file: ReceiveFile, record: ChunkRecord): void {
    const { sizeBytes } = file.entry;
    if (
      record.chunk >= file.chunks ||
      record.rawBytes !== chunkLengthBytes(sizeBytes, this.#chunkBytes, record.chunk)
    ) {
      throw broken("a chunk lies outside its file");
    }
  }

  /** Frames may overtake the entries they belong to, but not the end of the manifest. */
  #holdUnplaced(record: ChunkRecord): FramePlan {
    if (this.#settlement.isClosed && record.entry >= this.#check.count) {
      throw broken("a chunk is of an entry that was not announced");
    }
    return { kind: "hold" };
  }

  /** Plans one record; null when nothing is to be written for it. */
  #planRecord(file: ReceiveFile, record: ChunkRecord, frame: number): ChunkToLand | null {
    if (record.encoding === "same") return this.#planSame(file, record, frame);
    this.#openPart(file);
    file.land(record.chunk, frame);
    return this.#chunkToLand(file, record, null);
  }

  #planSame(file: ReceiveFile, record: ChunkRecord, frame: number): ChunkToLand | null {
    if (!file.isHeld(record.chunk) || !equalBytes(file.digestOf(record.chunk), record.digest)) {
      throw broken("a chunk is called the same that is not held");
    }
    if (file.standing === null) {
      const claimed = file.forgotten === "no" && this.#keepsStamp(file);
      file.store(record, { written: !claimed });
      if (!claimed) this.#ledger.stored(file, frame, 0);
      this.#count(record);
      this.#maybeWhole(file);
      return null;
    }
    if (file.keepsStanding) {
      // Nothing differs so far: perhaps the whole file stays as it stands.
      file.store(record, { written: false });
      file.deferred.push(record);
      this.#count(record);
      this.#maybeWhole(file);
      return null;
    }
    file.land(record.chunk, frame);
    return this.#chunkToLand(file, record, file.standing.path);
  }

  /** The journal goes on with the part's row; for another stamp it begins a new one. */
  #keepsStamp(file: ReceiveFile): boolean {
    const { heldStamp: then, entry: { stamp: now } } = file;
    return then !== null && now !== undefined && sameStamp(now, then);
  }

  /** The first chunk that differs opens the part: what was kept back is copied into it. */
  #openPart(file: ReceiveFile): void {
    file.touched = true;
    const records = file.deferred;
    file.deferred = [];
    if (records.length === 0 || file.standing === null) return;
    const path = file.standing.path;
    const frame = this.#nextCopy--;
    for (const record of records) file.unstore(record.chunk, frame);
    this.#landing.start(frame, records.map((record) => ({ file, record })));
    const chunks = records.map((record) => this.#chunkToLand(file, record, path));
    this.#actions.push({ kind: "land", frame, chunks });
  }

  #chunkToLand(file: ReceiveFile, record: ChunkRecord, copyFrom: string | null): ChunkToLand {
    return {
      record,
      path: file.part,
      offsetBytes: record.chunk * this.#chunkBytes,
      fileBytes: file.entry.sizeBytes,
      sparse: file.entry.sparse === true,
      sync: file.chunks === 1,
      copyFrom,
    };
  }

  #handleSealed(sealed: SealedFile): void {
    this.#settlement.seal(sealed.entry, sealed.digest);
    const file = this.#files.get(sealed.entry);
    if (file === undefined) return;
    if (!file.placed && !file.fresh) throw broken("a file is sealed before it was asked for");
    if (sealed.kept && !this.#keepsStamp(file)) throw broken("a file is kept that is not held");
    file.sealed = sealed;
    if (sealed.kept) this.#reuse(file.heldBytes(this.#chunkBytes));
    this.#maybeWhole(file);
  }

  #maybeWhole(file: ReceiveFile): void {
    if (file.sealed === null || !file.placed || !file.isComplete) return;
    const { sizeBytes } = file.entry;
    const digest = fileDigest(this.#hashing, {
      sizeBytes,
      chunkBytes: this.#chunkBytes,
      digests: file.digests,
    });
    if (!equalBytes(digest, file.sealed.digest)) {
      return this.#fail(file.index, "integrity", "Cannot keep it: its digest is not the sender's");
    }
    this.#close(file);
    this.#settlement.whole(file);
  }

  #handleFailed(failure: EntryFailure): void {
    if (failure.entry >= this.#check.count) throw broken("an entry fails that was not announced");
    const code = isErrorCode(failure.code) ? failure.code : "failed";
    if (!this.#settlement.fail(failure.entry, { code, remote: true })) return;
    this.#report(failure.entry, code, failure.message, true);
    this.#drop(failure.entry);
  }

  /** Fails one entry and tells the sender; a full disk fails them all. */
  #fail(index: number, code: ErrorCode, message: string): void {
    if (code === "no_space") throw new SftpxError("no_space", message);
    if (!this.#settlement.fail(index, { code, remote: false })) return;
    this.#failures.push({ entry: index, code, message: message.slice(0, LIMITS.textBytes / 4) });
    this.#report(index, code, message, false);
    this.#drop(index);
  }

  #drop(index: number): void {
    const file = this.#files.get(index);
    if (file === undefined) return;
    this.#ledger.settled(file);
    this.#close(file);
  }

  #report(index: number, code: ErrorCode, message: string, remote: boolean): void {
    this.#reports.push({ path: this.#settlement.path(index), code, message, remote });
  }

  #take(outcome: Outcome): void {
    for (const index of outcome.committed) {
      const file = this.#settlement.committed(index);
      if (file !== null) this.#ledger.settled(file);
    }
    for (const failure of outcome.failures) {
      const code = isErrorCode(failure.code) ? failure.code : "io";
      const file = this.#settlement.wholeFile(failure.entry);
      this.#fail(failure.entry, code, failure.message);
      if (file !== null) this.#ledger.settled(file);
    }
  }

  #framesStored(stored: readonly StoredFrame[]): void {
    for (const { frame, repeats } of stored) {
      for (const file of repeats) {
        const known = this.#files.get(file.index) ?? this.#settlement.wholeFile(file.index);
        if (known === file) this.#ledger.stored(file, frame, 0);
      }
      this.#storedFrames.add(frame);
      this.#ledger.frameStored(frame);
    }
  }

  #count(record: ChunkRecord): void {
    this.#bytesDone += record.rawBytes;
    if (record.encoding === "same") this.#reusedBytes += record.rawBytes;
  }

  #reuse(bytes: number): void {
    this.#bytesDone += bytes;
    this.#reusedBytes += bytes;
  }

  #send(message: Message): void {
    this.#actions.push({ kind: "send", message });
  }

  /** Acknowledgements, verdicts and failures gather between polls and leave as few messages. */
  #pollReport(): ReceiverAction | null {
    const transfer = this.#offer.transfer;
    const limit = LIMITS.rangesPerMessage;
    if (this.#verdicts.length > 0) {
      const verdicts = this.#verdicts.splice(0, LIMITS.entriesPerMessage);
      return { kind: "send", message: { type: "need", transfer, verdicts } };
    }
    if (this.#failures.length > 0) {
      const failures = this.#failures.splice(0, FAILURES_PER_MESSAGE);
      return { kind: "send", message: { type: "failed", transfer, failures } };
    }
    if (this.#storedFrames.size > 0) {
      const frames = this.#storedFrames.drain(limit);
      return { kind: "send", message: { type: "stored", transfer, frames } };
    }
    if (this.#ledger.hasDurable) {
      const frames = this.#ledger.drain(limit);
      return { kind: "send", message: { type: "durable", transfer, frames } };
    }
    const entries = this.#settlement.drainCommitted(limit);
    if (entries.length === 0) return null;
    return { kind: "send", message: { type: "committed", transfer, entries } };
  }

  #pollJournal(): ReceiverAction | null {
    const runs = this.#ledger.takeDue((file) => this.#settlement.commitsSoon(file.index));
    return runs === null ? null : { kind: "journal", runs };
  }
}

function broken(found: string): SftpxError {
  return new SftpxError("protocol", `Cannot go on with the transfer: ${found}`, { remote: true });
}
