// Frames into parts: bounded decompress, verify, positional write. Promises that nothing is written
// for a chunk whose digest does not match, and that a frame is answered only after every chunk marked
// `sync` is durable (I2). A bad chunk fails alone; the others of its frame go on.

import { closeSync, fdatasync, ftruncateSync } from "node:fs";
import { promisify } from "node:util";
import { equalBytes } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { readWhole, writeWhole } from "../runtime/whole_io.ts";
import { type ChunkRecord, decodeRecords, RECORD_BYTES } from "../wire/frame.ts";
import type { Codecs } from "./codecs.ts";
import { DirectWriter } from "./direct.ts";
import {
  type OpenedPart,
  openToRead,
  type PartOpener,
  readError,
  sameFile,
  sourceChanged,
  stampOf,
  writeError,
} from "./files.ts";
import { writeAroundHoles } from "./holes.ts";
import {
  type SentChunk,
  type SentFrame,
  type SentLandJob,
  unpackChunks,
} from "./landing_columns.ts";
import type { ChunkFailure, Landed, StandingFile } from "./messages.ts";

/** Parts one worker holds open at once: synced together, which is three times as fast as singly. */
const OPEN_PARTS = 32;

/** Makes what was written to a descriptor durable. */
export type Sync = (fd: number) => Promise<void>;

/** Lands jobs one after the other, with memory it keeps. */
export class Lander {
  readonly #codecs: Codecs;
  readonly #sync: Sync;
  readonly #parts: PartOpener;
  readonly #direct: DirectWriter;
  #copy = new Uint8Array(0);

  /** `parts` confines what is written to: names of it are of a transfer's peer (I5). */
  constructor(
    codecs: Codecs,
    { parts, sync = promisify(fdatasync), direct = new DirectWriter() }: {
      readonly parts: PartOpener;
      readonly sync?: Sync;
      readonly direct?: DirectWriter;
    },
  ) {
    this.#codecs = codecs;
    this.#sync = sync;
    this.#parts = parts;
    this.#direct = direct;
  }

  /** Lands every frame of a job; each is answered as soon as it is dealt with. */
  async land(job: SentLandJob, post: (reply: Landed) => void): Promise<void> {
    for (const frame of job.frames) {
      const failures = await this.#landFrame(frame);
      const { frame: number, buffer } = frame;
      post({ kind: "landed", job: job.job, frame: number, buffer, failures });
    }
  }

  async #landFrame(frame: SentFrame): Promise<ChunkFailure[]> {
    const body = new Uint8Array(frame.buffer, frame.bodyOffset, frame.bodyBytes);
    const records = recordsOf(frame, body);
    const chunks = unpackChunks(frame.chunks);
    const failures = new Failures();
    const parts = new OpenParts({ failures, sync: this.#sync, opener: this.#parts });
    let at = records.length * RECORD_BYTES;
    try {
      for (const [index, record] of records.entries()) {
        const stored = body.subarray(at, at += record.storedBytes);
        const chunk = chunks[index];
        if (!chunk || failures.has(record.entry)) continue;
        if (parts.full) await parts.settle();
        try {
          this.#landChunk(chunk, { record, stored, parts });
        } catch (thrown) {
          failures.add(record.entry, writeError(thrown));
        }
      }
    } finally {
      // By now nothing more is opened for this frame: what comes next looks at the root anew.
      this.#parts.release();
      await parts.settle();
    }
    return failures.list;
  }

  #landChunk(chunk: SentChunk, from: ChunkSource): void {
    const { record, stored, parts } = from;
    if (chunk.offsetBytes + record.rawBytes > chunk.fileBytes) {
      const text = `Cannot write chunk ${record.chunk}: it lies past the end of its file`;
      throw new SftpxError("protocol", text, { remote: true });
    }
    const bytes = this.#contentOf(record, { stored, chunk });
    if (bytes === null) return;
    if (this.#put(chunk, { record, bytes })) return;
    const fd = parts.open(chunk, record);
    const { path, offsetBytes } = chunk;
    // A part that outlived the state which knew it: verified where it is.
    if (record.encoding === "same" && chunk.copyFrom?.path === path) return;
    if (chunk.sparse) return writeAroundHoles(fd, bytes, offsetBytes);
    const written = this.#direct.suits(bytes, offsetBytes) &&
      this.#direct.write({ path, fd }, bytes, offsetBytes);
    if (!written) writeWhole(fd, bytes, offsetBytes);
  }

  /** A file of one chunk that somebody else makes durable is written and closed at once. */
  #put(
    chunk: SentChunk,
    { record, bytes }: { readonly record: ChunkRecord; readonly bytes: Uint8Array },
  ): boolean {
    const { path, sync, sparse } = chunk;
    if (sync || sparse || !isWhole(chunk, record)) return false;
    return this.#parts.put(path, bytes);
  }

  // The verified bytes of a chunk, or null when the part has them.
  #contentOf(
    record: ChunkRecord,
    from: { stored: Uint8Array; chunk: SentChunk },
  ): Uint8Array | null {
    switch (record.encoding) {
      case "raw":
        return this.#verified(from.stored, record);
      case "zstd": {
        const { rawBytes } = record;
        return this.#verified(this.#codecs.zstd.decompress(from.stored, { rawBytes }), record);
      }
      case "same":
        return from.chunk.copyFrom === null
          ? null
          : this.#copied(from.chunk.copyFrom, { record, offsetBytes: from.chunk.offsetBytes });
    }
  }

  #verified(bytes: Uint8Array, record: ChunkRecord): Uint8Array {
    if (equalBytes(this.#codecs.hash.digest(bytes), record.digest)) return bytes;
    const text = `Cannot accept chunk ${record.chunk}: its bytes do not match its digest`;
    throw new SftpxError("integrity", text, { remote: true });
  }

  // A file of the receiver's own that changed since it was compared is nobody's corruption.
  #copied(
    { path, stamp }: StandingFile,
    from: { record: ChunkRecord; offsetBytes: number },
  ): Uint8Array {
    const { rawBytes, digest, chunk } = from.record;
    if (this.#copy.length < rawBytes) this.#copy = new Uint8Array(rawBytes);
    const bytes = this.#copy.subarray(0, rawBytes);
    let got = 0;
    try {
      const fd = openToRead(path);
      try {
        // Not the whole stamp: another name of this file may have been replaced meanwhile, which
        // changes its ctime, and the digest is checked below.
        if (!sameFile(stampOf(fd), stamp)) throw sourceChanged(path);
        got = readWhole(fd, bytes, from.offsetBytes);
      } finally {
        closeSync(fd);
      }
    } catch (thrown) {
      throw readError(thrown, path);
    }
    if (got === rawBytes && equalBytes(this.#codecs.hash.digest(bytes), digest)) return bytes;
    const text = `Cannot reuse chunk ${chunk} of the file that stands there: it has changed`;
    throw new SftpxError("source_changed", text);
  }
}

/** The table of a frame; copies that no frame carried name their records themselves. */
function recordsOf(frame: SentFrame, body: Uint8Array): readonly ChunkRecord[] {
  if (body.byteLength > 0) return decodeRecords(body, frame.chunks.length, LIMITS.maxChunkBytes);
  if ("paths" in frame.chunks) return [];
  return frame.chunks.flatMap((chunk) => chunk === null ? [] : [chunk.record]);
}

interface ChunkSource {
  readonly record: ChunkRecord;
  readonly stored: Uint8Array;
  readonly parts: OpenParts;
}

// The first failure of each entry.
class Failures {
  readonly list: ChunkFailure[] = [];
  readonly #entries = new Set<number>();

  has(entry: number): boolean {
    return this.#entries.has(entry);
  }

  add(entry: number, error: SftpxError): void {
    if (this.has(entry)) return;
    this.#entries.add(entry);
    this.list.push({ entry, code: error.code, message: error.message });
  }
}

interface PartInUse {
  readonly fd: number;
  /** Entries whose chunk is not durable before this part is synced. */
  readonly unsynced: Set<number>;
}

// The parts one frame writes to.
class OpenParts {
  readonly #failures: Failures;
  readonly #sync: Sync;
  readonly #opener: PartOpener;
  readonly #parts = new Map<string, PartInUse>();

  constructor(options: { failures: Failures; sync: Sync; opener: PartOpener }) {
    this.#failures = options.failures;
    this.#sync = options.sync;
    this.#opener = options.opener;
  }

  get full(): boolean {
    return this.#parts.size >= OPEN_PARTS;
  }

  open(chunk: SentChunk, record: ChunkRecord): number {
    let part = this.#parts.get(chunk.path);
    if (part === undefined) {
      const whole = !chunk.sparse && isWhole(chunk, record);
      // One of a single chunk is opened once, and then it is not there yet.
      const opened = this.#opener.open(chunk.path, whole);
      part = { fd: opened.fd, unsynced: new Set() };
      this.#parts.set(chunk.path, part);
      resize(opened, { fileBytes: chunk.fileBytes, whole });
    }
    if (chunk.sync) part.unsynced.add(record.entry);
    return part.fd;
  }

  /** Syncs what asks for it, all at once, then closes everything. */
  async settle(): Promise<void> {
    const parts = [...this.#parts.values()];
    this.#parts.clear();
    await Promise.all(parts.map((part) => this.#settle(part)));
  }

  async #settle({ fd, unsynced }: PartInUse): Promise<void> {
    try {
      if (unsynced.size > 0) await this.#sync(fd);
    } catch (thrown) {
      for (const entry of unsynced) this.#failures.add(entry, writeError(thrown));
    } finally {
      closeSync(fd);
    }
  }
}

/** Whether a chunk is all there is of its file. */
function isWhole({ offsetBytes, fileBytes }: SentChunk, { rawBytes }: ChunkRecord): boolean {
  return offsetBytes === 0 && rawBytes === fileBytes;
}

// Gives a part its file's size. One chunk that is the whole file extends it by being written.
function resize(
  { fd, sizeBytes, isFile }: OpenedPart,
  options: { fileBytes: number; whole: boolean },
): void {
  if (!isFile) throw new SftpxError("io", "Cannot write chunk: the part is not a file");
  if (sizeBytes === options.fileBytes) return;
  if (sizeBytes > options.fileBytes || !options.whole) ftruncateSync(fd, options.fileBytes);
}
