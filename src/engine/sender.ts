// The sending half of a transfer, without I/O or clock: what to announce, which chunks to pack next,
// when a file is sealed, when the transfer is over. The session feeds it walk batches, packed
// frames and the receiver's messages, and drains messages and frame plans. A chunk is planned once;
// only a lost lane makes it planned again (I6).

import { type ErrorCode, isErrorCode, SftpxError } from "../base/errors.ts";
import { equalBytes } from "../base/bytes.ts";
import { LIMITS } from "../base/limits.ts";
import { RangeSet } from "../base/ranges.ts";
import type {
  Accept,
  Entry,
  EntryFailure,
  Have,
  Message,
  Need,
  Offer,
  Range,
  Receipt,
  SealedFile,
  TransferMessage,
} from "../wire/messages.ts";
import { type ChunkRecord, DIGEST_BYTES } from "../wire/frame.ts";
import { chunkCount, chunkLengthBytes } from "./geometry.ts";
import type { Hashing } from "./hashing.ts";
import type { FailureReport, TransferCounts, TransferResult } from "./report.ts";
import { fileDigest, RootLog } from "./root.ts";
import { mayTrustUnread, type Origin, SendFile } from "./send_file.ts";

export type { Origin } from "./send_file.ts";

/** A walk's findings, in manifest order; the three lists run in parallel. */
export interface FoundEntries {
  readonly entries: readonly Entry[];
  /** Absolute path of each. */
  readonly paths: readonly string[];
  /** Index of each one's source in the offer. */
  readonly sources: readonly number[];
}

/** One chunk to read, hash and perhaps compress. */
export interface PlannedChunk {
  readonly origin: Origin;
  readonly entry: number;
  readonly chunk: number;
  readonly offsetBytes: number;
  readonly rawBytes: number;
  readonly held?: Uint8Array;
}

/** One frame to build. */
export interface PlannedFrame {
  readonly frame: number;
  readonly rawBytes: number;
  readonly chunks: readonly PlannedChunk[];
}

/** An entry that was found and is not announced yet. */
interface Pending {
  readonly entry: Entry;
  readonly path: string;
  readonly source: number;
}

interface OutstandingFrame {
  readonly chunks: readonly PlannedChunk[];
  /** The records that were really sent; null until packed. */
  records: readonly ChunkRecord[] | null;
}

const ENTRIES_MESSAGE_BYTES = LIMITS.controlMessageBytes / 2;
const FAILURES_PER_MESSAGE = 256;

export class Sender {
  readonly #offer: Offer;
  readonly #hashing: Hashing;
  readonly #log = new RootLog();
  #pending: Pending[] = [];
  readonly #files = new Map<number, SendFile>();
  readonly #kinds: Entry["kind"][] = [];
  /** Files with chunks to plan, oldest first. */
  readonly #ready: SendFile[] = [];
  readonly #again: PlannedChunk[] = [];
  readonly #frames = new Map<number, OutstandingFrame>();
  readonly #messages: Message[] = [];
  readonly #sealed: SealedFile[] = [];
  readonly #failures: EntryFailure[] = [];
  readonly #reports: FailureReport[] = [];
  /** Files that failed after their seal: whether they stand over there, the receipt tells. */
  readonly #doubtful: EntryFailure[] = [];
  readonly #ownFailed = new Set<number>();
  readonly #peerFailed = new Set<number>();
  readonly #committed = new RangeSet();
  #accept: Accept | null = null;
  #nextFrame = 0;
  #totals: { files: number; bytes: number } = { files: 0, bytes: 0 };
  #entriesEnded = false;
  #finishSent = false;
  /** Files neither sealed nor failed. */
  #unsealed = 0;
  /** Chunks of all files in `#files`. */
  #openChunks = 0;
  #result: TransferResult | null = null;
  #bytesDone = 0;
  #reusedBytes = 0;
  #filesDone = 0;

  constructor(offer: Offer, { hashing }: { hashing: Hashing }) {
    this.#offer = offer;
    this.#hashing = hashing;
    this.#messages.push(offer);
  }

  /** Chunk size in force; the offered one until the receiver accepts. */
  get chunkBytes(): number {
    return this.#accept?.chunkBytes ?? this.#offer.chunkBytes;
  }

  /** Whether another walk batch may be added: accepted, and not too far ahead of the receiver. */
  get wantsEntries(): boolean {
    return this.#accept !== null && !this.#entriesEnded && this.#pending.length === 0 &&
      this.#files.size + LIMITS.entriesPerMessage <= LIMITS.openEntries;
  }

  /** The receiver's receipt held and Done was queued. */
  get result(): TransferResult | null {
    return this.#result;
  }

  get counts(): TransferCounts {
    const totals = this.#isManifestWhole ? this.#totals : null;
    return {
      bytesDone: this.#bytesDone,
      bytesTotal: totals?.bytes ?? null,
      reusedBytes: this.#reusedBytes,
      filesDone: this.#filesDone,
      filesTotal: totals?.files ?? null,
    };
  }

  /** Takes the next entries of the manifest; they are announced as the receiver has room. */
  addEntries(found: FoundEntries): void {
    const { entries, paths, sources } = found;
    entries.forEach((entry, at) => {
      this.#pending.push({ entry, path: paths[at]!, source: sources[at]! });
    });
    this.#announcePending();
  }

  /** The walk is over: the manifest is closed once all of it is announced. */
  endEntries(): void {
    this.#entriesEnded = true;
    this.#closeManifest();
  }

  /** Takes a message of the receiver; throws SftpxError when it breaks the protocol. */
  handle(message: TransferMessage): void {
    switch (message.type) {
      case "accept":
        return this.#handleAccept(message);
      case "have":
        return this.#handleHave(message);
      case "need":
        return this.#handleNeed(message);
      case "stored":
        return this.#handleStored(message.frames);
      case "durable":
        return;
      case "committed":
        return this.#handleCommitted(message.entries);
      case "failed":
        return this.#handleFailed(message.failures);
      case "receipt":
        return this.#handleReceipt(message);
      case "abort": {
        const code = isErrorCode(message.code) ? message.code : "failed";
        throw new SftpxError(code, message.message, { remote: true });
      }
      default:
        throw outOfPlace(message.type);
    }
  }

  /** The next message to send, or null. */
  pollMessage(): Message | null {
    const transfer = this.#offer.transfer;
    if (this.#messages.length > 0 && this.#messages[0]!.type !== "finish") {
      return this.#messages.shift()!;
    }
    if (this.#sealed.length > 0) {
      const files = this.#sealed.splice(0, LIMITS.entriesPerMessage);
      for (const { entry } of files) this.#sealSent(entry);
      return { type: "sealed", transfer, files };
    }
    if (this.#failures.length > 0) {
      return {
        type: "failed",
        transfer,
        failures: this.#failures.splice(0, FAILURES_PER_MESSAGE),
      };
    }
    this.#announcePending();
    return this.#messages.shift() ?? null;
  }

  /** An entry that failed since the last call, or null. */
  pollFailure(): FailureReport | null {
    return this.#reports.shift() ?? null;
  }

  /** Plans at most `max` frames; an empty answer means nothing is ready or too much is unstored. */
  pollFrames(max: number): PlannedFrame[] {
    const frames: PlannedFrame[] = [];
    while (frames.length < max && this.#frames.size < LIMITS.unstoredFrames) {
      const frame = this.#planFrame();
      if (frame === null) break;
      frames.push(frame);
    }
    return frames;
  }

  /** A frame was built; chunks that failed have no record. */
  packed(
    frame: number,
    { records, failures }: {
      records: readonly ChunkRecord[];
      failures: readonly { entry: number; code: ErrorCode; message: string }[];
    },
  ): void {
    const outstanding = this.#frames.get(frame);
    if (outstanding === undefined) throw new RangeError(`No frame ${frame} was planned`);
    for (const { entry, code, message } of failures) {
      if (this.#files.has(entry)) this.#fail(entry, code, message);
    }
    outstanding.records = records;
    for (const record of records) {
      const file = this.#files.get(record.entry);
      if (file === undefined) continue;
      const known = file.know(record.chunk, record.digest);
      if (known === "differs") {
        this.#fail(record.entry, "source_changed", "Cannot send it: it changed while it was read");
      } else if (known === "new" && file.isKnown) {
        this.#seal(file);
      }
    }
    if (records.length === 0) this.#frames.delete(frame);
    this.#maybeFinish();
  }

  /** Whether a frame is on its way and not acknowledged. */
  isUnstored(frame: number): boolean {
    return this.#frames.has(frame);
  }

  /** A lane died with these frames on it: what is not stored is planned again. */
  lost(frames: Iterable<number>): void {
    for (const frame of frames) {
      const outstanding = this.#frames.get(frame);
      if (outstanding === undefined) continue;
      this.#frames.delete(frame);
      const sent = outstanding.records === null
        ? null
        : new Set(outstanding.records.map((record) => `${record.entry}/${record.chunk}`));
      for (const chunk of outstanding.chunks) {
        if (sent === null || sent.has(`${chunk.entry}/${chunk.chunk}`)) this.#again.push(chunk);
      }
    }
  }

  /**
   * Announces what the receiver has room for (I8). Seals and failures leave first, so that it never
   * counts a file as open that this end counts no more.
   */
  #announcePending(): void {
    let announced = 0;
    while (this.#sealed.length === 0 && this.#failures.length === 0) {
      const count = this.#announceSome(announced);
      if (count === 0) break;
      announced += count;
    }
    if (announced === 0) return;
    this.#pending = this.#pending.slice(announced);
    this.#closeManifest();
  }

  /** Announces one message of pending entries from `start`; answers how many went. */
  #announceSome(start: number): number {
    const first = this.#log.length;
    const entries: Entry[] = [];
    const sources: number[] = [];
    let bytes = 0;
    for (let at = start; at < this.#pending.length; at++) {
      const { entry, path, source } = this.#pending[at]!;
      bytes += 160 + 3 * (entry.path.length + (entry.target?.length ?? 0));
      const full = entries.length > 0 && bytes > ENTRIES_MESSAGE_BYTES;
      if (full || entries.length >= LIMITS.entriesPerMessage || !this.#hasRoom(entry)) break;
      this.#addEntry(entry, { path, source });
      entries.push(entry);
      sources.push(source);
    }
    if (entries.length > 0) {
      const transfer = this.#offer.transfer;
      this.#messages.push({ type: "entries", transfer, first, entries, sources });
    }
    return entries.length;
  }

  #hasRoom(entry: Entry): boolean {
    const chunks = chunkCount(entry.sizeBytes, this.chunkBytes);
    return chunks > LIMITS.chunksPerFile || this.#files.size < LIMITS.openEntries &&
        this.#openChunks + chunks <= LIMITS.openChunks;
  }

  #addEntry(entry: Entry, { path, source }: { path: string; source: number }): void {
    const index = this.#log.length;
    if (index >= LIMITS.entriesPerTransfer) {
      throw new SftpxError("limit", `Cannot send: over ${LIMITS.entriesPerTransfer} entries`);
    }
    this.#log.add(entry);
    this.#kinds.push(entry.kind);
    if (entry.kind !== "file") return;
    this.#totals.files++;
    this.#totals.bytes += entry.sizeBytes;
    if (entry.stamp === undefined) throw new TypeError(`File "${path}" has no stamp`);
    const chunks = chunkCount(entry.sizeBytes, this.chunkBytes);
    if (chunks > LIMITS.chunksPerFile) {
      return this.#fail(index, "limit", `Cannot send it: over ${LIMITS.chunksPerFile} chunks`);
    }
    const file = new SendFile(index, { origin: { path, stamp: entry.stamp }, entry, chunks });
    this.#files.set(index, file);
    this.#openChunks += chunks;
    this.#unsealed++;
    if (this.#accept?.fresh[source] === true) this.#release(file);
  }

  get #isManifestWhole(): boolean {
    return this.#entriesEnded && this.#pending.length === 0;
  }

  #closeManifest(): void {
    if (!this.#isManifestWhole) return;
    this.#messages.push({
      type: "manifest_end",
      transfer: this.#offer.transfer,
      entries: this.#log.length,
      files: this.#totals.files,
      bytes: this.#totals.bytes,
    });
    this.#maybeFinish();
  }

  /** The file may flow: nothing is left to ask. */
  #release(file: SendFile): void {
    file.decided = true;
    if (file.isKnown) return this.#seal(file);
    this.#ready.push(file);
  }

  #handleAccept(message: Accept): void {
    if (this.#accept !== null) throw outOfPlace("accept");
    if (message.fresh.length !== this.#offer.sources.length) {
      throw new SftpxError("protocol", "Cannot start: the accept names other sources", {
        remote: true,
      });
    }
    this.#accept = message;
  }

  #handleHave(message: Have): void {
    const file = this.#files.get(message.entry);
    if (file === undefined && this.#ownFailed.has(message.entry)) return;
    const count = message.digests.byteLength / DIGEST_BYTES;
    if (file === undefined || file.decided || message.first + count > file.chunks) {
      throw outOfPlace("have");
    }
    file.hold(message.first, message.digests);
    file.trusted = message.stamp !== undefined && message.recordedNs !== undefined &&
      mayTrustUnread(file.entry.stamp, message.stamp, message.recordedNs);
  }

  #handleNeed(message: Need): void {
    for (const verdict of message.verdicts) {
      const file = this.#files.get(verdict.entry);
      if (file === undefined && this.#ownFailed.has(verdict.entry)) continue;
      if (file === undefined || file.decided) throw outOfPlace("need");
      switch (verdict.want) {
        case "none":
          this.#log.seal(file.index, verdict.digest);
          this.#reuse(file.entry.sizeBytes);
          this.#drop(file.index);
          break;
        case "all":
          file.forgetHeld();
          this.#release(file);
          break;
        case "rest":
          if (file.trusted) this.#reuse(file.keepHeld(this.chunkBytes));
          this.#release(file);
          break;
      }
    }
    this.#maybeFinish();
  }

  #handleCommitted(ranges: readonly Range[]): void {
    for (const [first, count] of ranges) {
      if (first + count > this.#kinds.length) throw outOfPlace("committed");
      const before = this.#committed.size;
      this.#committed.add(first, count);
      if (this.#committed.size !== before + count) throw outOfPlace("committed");
      for (let index = first; index < first + count; index++) {
        if (this.#kinds[index] === "file") this.#filesDone++;
      }
    }
  }

  #handleFailed(failures: readonly EntryFailure[]): void {
    for (const failure of failures) {
      if (failure.entry >= this.#kinds.length) throw outOfPlace("failed");
      if (this.#peerFailed.has(failure.entry)) continue;
      this.#peerFailed.add(failure.entry);
      const isReported = this.#ownFailed.has(failure.entry) &&
        !this.#doubtful.some(({ entry }) => entry === failure.entry);
      if (!isReported) this.#report(failure.entry, failure.code, failure.message, true);
      this.#drop(failure.entry);
    }
    this.#maybeFinish();
  }

  #handleReceipt(message: Receipt): void {
    if (!this.#finishSent || this.#result !== null) throw outOfPlace("receipt");
    // A file this end gave up on after its seal may have been whole over there: that one stands.
    const root = this.#log.root(this.#hashing, {
      leaveOut: (index) =>
        this.#peerFailed.has(index) ||
        this.#ownFailed.has(index) && !this.#committed.has(index),
    });
    if (!equalBytes(root, message.root)) {
      throw new SftpxError("integrity", "Cannot confirm the transfer: the receiver's root differs");
    }
    for (const { entry, code, message: text } of this.#doubtful) {
      const known = this.#committed.has(entry) || this.#peerFailed.has(entry);
      if (!known) this.#report(entry, code, text, false);
    }
    this.#result = {
      root,
      files: message.files,
      bytes: message.bytes,
      failed: message.failed,
    };
    this.#messages.push({ type: "done", transfer: this.#offer.transfer });
  }

  #handleStored(ranges: readonly Range[]): void {
    for (const [first, count] of ranges) {
      const end = first + count;
      if (end > this.#nextFrame) throw outOfPlace("stored");
      // Most numbers of a range from a liar name nothing: what is outstanding bounds the work (I3).
      for (const [frame, { records }] of this.#frames) {
        if (frame < first || frame >= end) continue;
        if (records === null) throw outOfPlace("stored");
        this.#frames.delete(frame);
        for (const record of records) this.#stored(record);
      }
    }
  }

  #stored(record: ChunkRecord): void {
    const file = this.#files.get(record.entry);
    if (file === undefined || !file.store(record.chunk)) return;
    this.#bytesDone += record.rawBytes;
    if (record.encoding === "same") this.#reusedBytes += record.rawBytes;
    this.#maybeForget(file);
  }

  #planFrame(): PlannedFrame | null {
    const chunks: PlannedChunk[] = [];
    let rawBytes = 0;
    while (chunks.length < LIMITS.recordsPerFrame) {
      const chunk = this.#peekChunk();
      if (chunk === null || rawBytes + chunk.rawBytes > this.chunkBytes) break;
      this.#takeChunk(chunk);
      chunks.push(chunk);
      rawBytes += chunk.rawBytes;
    }
    if (chunks.length === 0) return null;
    const frame = this.#nextFrame++;
    this.#frames.set(frame, { chunks, records: null });
    return { frame, rawBytes, chunks };
  }

  /** Next chunk to plan: lost ones first, then the oldest file's next one. */
  #peekChunk(): PlannedChunk | null {
    for (let chunk = this.#again[0]; chunk !== undefined; chunk = this.#again[0]) {
      if (this.#files.get(chunk.entry)?.isStored(chunk.chunk) === false) return chunk;
      this.#again.shift();
    }
    for (let file = this.#ready[0]; file !== undefined; file = this.#ready[0]) {
      const next = this.#files.has(file.index) ? file.nextChunk() : null;
      if (next === null) {
        this.#ready.shift();
        continue;
      }
      const held = file.heldDigest(next);
      return {
        origin: file.origin,
        entry: file.index,
        chunk: next,
        offsetBytes: next * this.chunkBytes,
        rawBytes: chunkLengthBytes(file.entry.sizeBytes, this.chunkBytes, next),
        ...(held === null ? {} : { held }),
      };
    }
    return null;
  }

  #takeChunk(chunk: PlannedChunk): void {
    if (this.#again[0] === chunk) this.#again.shift();
    else this.#ready[0]!.advance();
  }

  #seal(file: SendFile): void {
    const digest = fileDigest(this.#hashing, {
      sizeBytes: file.entry.sizeBytes,
      chunkBytes: this.chunkBytes,
      digests: file.digests,
    });
    this.#log.seal(file.index, digest);
    this.#sealed.push({ entry: file.index, digest, kept: file.kept });
    file.sealed = "yes";
    this.#unsealed--;
    this.#maybeFinish();
  }

  #sealSent(index: number): void {
    const file = this.#files.get(index);
    if (file === undefined) return;
    file.sealed = "sent";
    this.#maybeForget(file);
  }

  /** While the receiver has not heard of the seal the file is open there, and so it is here. */
  #maybeForget(file: SendFile): void {
    if (file.sealed === "sent" && file.isAllStored) this.#close(file);
  }

  #close(file: SendFile): void {
    this.#files.delete(file.index);
    this.#openChunks -= file.chunks;
  }

  #fail(index: number, code: ErrorCode, message: string): void {
    this.#ownFailed.add(index);
    const failure = { entry: index, code, message: message.slice(0, LIMITS.textBytes / 4) };
    this.#failures.push(failure);
    const sealed = this.#files.get(index)?.sealed ?? "no";
    if (sealed === "no") this.#report(index, code, message, false);
    else this.#doubtful.push(failure);
    this.#drop(index);
  }

  #drop(index: number): void {
    const file = this.#files.get(index);
    if (file === undefined) return;
    if (file.sealed === "no") this.#unsealed--;
    this.#close(file);
  }

  #report(index: number, code: string, message: string, remote: boolean): void {
    this.#reports.push({
      path: this.#log.path(index),
      code: isErrorCode(code) ? code : "failed",
      message,
      remote,
    });
  }

  #reuse(bytes: number): void {
    this.#bytesDone += bytes;
    this.#reusedBytes += bytes;
  }

  /** Every entry is sealed or failed: states the root it stands by. */
  #maybeFinish(): void {
    if (!this.#isManifestWhole || this.#finishSent || this.#unsealed > 0) return;
    this.#finishSent = true;
    this.#messages.push({
      type: "finish",
      transfer: this.#offer.transfer,
      root: this.#log.root(this.#hashing, { leaveOut: (index) => this.#ownFailed.has(index) }),
      frames: this.#nextFrame,
    });
  }
}

function outOfPlace(type: string): SftpxError {
  return new SftpxError("protocol", `Cannot go on: the message "${type}" is out of place`, {
    remote: true,
  });
}
