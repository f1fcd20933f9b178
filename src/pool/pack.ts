// Source files into frames: positional read straight into the frame's place, BLAKE3, zstd if it pays.
// Promises that a chunk of a frame is what the walk's stamp describes, or is left out with a reason.
// Source bytes are read once and hashed once (I6).

import { closeSync } from "node:fs";
import { equalBytes } from "../base/bytes.ts";
import { LEAST_SAVING, SAMPLED_BYTES, sampledRatio, SampleScratch } from "../codec/sample.ts";
import { readWhole } from "../runtime/whole_io.ts";
import type { Stamp } from "../wire/messages.ts";
import {
  type ChunkRecord,
  FRAME_HEADER_BYTES,
  frameCapacityBytes,
  RECORD_BYTES,
  writeFrameHeader,
  writeRecord,
} from "../wire/frame.ts";
import type { Codecs } from "./codecs.ts";
import { openToRead, readError, sameStamp, sourceChanged, stampOf } from "./files.ts";
import type {
  ChunkFailure,
  ChunkToPack,
  Compression,
  FileToPack,
  FrameToPack,
  Packed,
  PackJob,
  PackWork,
} from "./messages.ts";
import { isZero, PackedZeros } from "./zeros.ts";

/** What reads a small file whole, if it is the one that was seen; "unread" where `node:fs` is to say why not. */
export interface SmallSources {
  read(
    path: string,
    how: { readonly seen: Stamp; readonly into: Uint8Array },
  ): "read" | "changed" | "unread";
}

/** Packs jobs one after the other, with memory it keeps. */
export class Packer {
  readonly #codecs: Codecs;
  readonly #small: SmallSources | null;
  readonly #scratch = new SampleScratch();
  readonly #zeros: PackedZeros;
  /** Of the frame it is at. */
  #work = new Work();

  /** `small` reads small files in fewer calls; null to open each of them by `node:fs`. */
  constructor(codecs: Codecs, { small = null }: { readonly small?: SmallSources | null } = {}) {
    this.#codecs = codecs;
    this.#zeros = new PackedZeros(codecs.zstd);
    this.#small = small;
  }

  /** Packs every frame of a job; each is posted as soon as it is ready. */
  pack(job: PackJob, post: (reply: Packed) => void): void {
    for (const frame of job.frames) post(this.#packFrame(frame, job));
  }

  #packFrame(frame: FrameToPack, job: PackJob): Packed {
    const startMs = performance.now();
    this.#work = new Work();
    const draft = new FrameDraft(frame);
    for (const run of runsOf(frame.chunks)) {
      const mark = draft.mark();
      const file = job.files[run[0]!.file]!;
      try {
        this.#packRun(run, { file, draft, compression: job.compression });
      } catch (thrown) {
        draft.rewind(mark, run[0]!.entry, readError(thrown, file.path));
      }
    }
    const finished = draft.finish();
    const work = { ...this.#work, busyMs: performance.now() - startMs };
    return { kind: "packed", job: job.job, frame: frame.frame, ...finished, work };
  }

  // The stamp is compared around the reads of one frame, so that a frame is right when it is posted.
  #packRun(run: readonly ChunkToPack[], into: RunTarget): void {
    const { file, draft } = into;
    if (run.length === 1 && this.#packWhole(run[0]!, into)) return;
    const fd = openToRead(file.path);
    try {
      expectStamp(fd, file);
      for (const chunk of run) {
        const place = draft.place(chunk.rawBytes);
        if (readWhole(fd, place, chunk.offsetBytes) < place.length) throw sourceChanged(file.path);
        draft.push(this.#encode(chunk, place, into.compression));
      }
      expectStamp(fd, file);
    } finally {
      closeSync(fd);
    }
  }

  /** A chunk that is a whole file; false where it is to be read as any other. */
  #packWhole(chunk: ChunkToPack, { file, draft, compression }: RunTarget): boolean {
    const { path, stamp } = file;
    if (this.#small === null || chunk.rawBytes !== stamp.sizeBytes) return false;
    const place = draft.place(chunk.rawBytes);
    const found = this.#small.read(path, { seen: stamp, into: place });
    if (found === "unread") return false;
    if (found === "changed") throw sourceChanged(path);
    draft.push(this.#encode(chunk, place, compression));
    return true;
  }

  // Leaves the stored bytes at the beginning of `place`.
  #encode(chunk: ChunkToPack, place: Uint8Array, compression: Compression): ChunkRecord {
    const { entry, rawBytes } = chunk;
    const digest = this.#codecs.hash.digest(place);
    const base = { entry, chunk: chunk.chunk, rawBytes, digest };
    if (chunk.held !== undefined && equalBytes(chunk.held, digest)) {
      return { ...base, encoding: "same", storedBytes: 0 };
    }
    const packed = this.#compress(place, compression);
    if (packed === null || packed.length >= rawBytes) {
      return { ...base, encoding: "raw", storedBytes: rawBytes };
    }
    place.set(packed);
    return { ...base, encoding: "zstd", storedBytes: packed.length };
  }

  #compress(bytes: Uint8Array, compression: Compression): Uint8Array | null {
    const { zstd } = this.#codecs;
    if (compression.kind !== "none" && isZero(bytes)) return this.#packZeros(bytes);
    switch (compression.kind) {
      case "none":
      case "zeros":
        return null;
      case "auto":
        return this.#compressIfShrinks(bytes, compression);
      case "zstd":
        return zstd.compress(bytes, compression.level);
    }
  }

  #packZeros(bytes: Uint8Array): Uint8Array | null {
    const packed = this.#zeros.of(bytes);
    if (packed !== null) this.#work.zeroBytes += bytes.length;
    return packed;
  }

  #compressIfShrinks(
    bytes: Uint8Array,
    { level, leastSaving = LEAST_SAVING }: Extract<Compression, { readonly kind: "auto" }>,
  ): Uint8Array | null {
    const { zstd } = this.#codecs;
    const work = this.#work;
    work.sampledBytes += bytes.length;
    const isSmall = bytes.length <= SAMPLED_BYTES;
    const ratio = isSmall ? 0 : sampledRatio(zstd, bytes, this.#scratch);
    if (ratio > 1 - leastSaving) return null;
    const startMs = performance.now();
    const packed = zstd.compress(bytes, level);
    work.triedMs += performance.now() - startMs;
    const kept = Math.min(packed?.length ?? bytes.length, bytes.length);
    work.triedBytes += bytes.length;
    work.keptBytes += kept;
    work.sampleBytes += isSmall ? kept : ratio * bytes.length;
    return packed;
  }
}

/** What compressing took, but for all the rest. */
class Work implements Omit<PackWork, "busyMs"> {
  zeroBytes = 0;
  sampledBytes = 0;
  triedBytes = 0;
  keptBytes = 0;
  triedMs = 0;
  sampleBytes = 0;
}

interface RunTarget {
  readonly file: FileToPack;
  readonly draft: FrameDraft;
  readonly compression: Compression;
}

// A frame under construction. The table is laid out for every chunk asked for; stored bytes follow
// one another behind it, so a chunk that shrank or failed leaves no gap.
class FrameDraft {
  readonly #frame: FrameToPack;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #records: ChunkRecord[] = [];
  readonly #failures: ChunkFailure[] = [];
  readonly #storedAt: number;
  #end: number;

  constructor(frame: FrameToPack) {
    const rawBytes = frame.chunks.reduce((sum, chunk) => sum + chunk.rawBytes, 0);
    if (frame.buffer.byteLength < frameCapacityBytes(frame.chunks.length, rawBytes)) {
      throw new RangeError(`frame ${frame.frame}: ${frame.buffer.byteLength} bytes do not hold it`);
    }
    this.#frame = frame;
    this.#bytes = new Uint8Array(frame.buffer);
    this.#storedAt = FRAME_HEADER_BYTES + frame.chunks.length * RECORD_BYTES;
    this.#end = this.#storedAt;
  }

  /** Where the next chunk is read to. */
  place(rawBytes: number): Uint8Array {
    return this.#bytes.subarray(this.#end, this.#end + rawBytes);
  }

  push(record: ChunkRecord): void {
    this.#records.push(record);
    this.#end += record.storedBytes;
  }

  mark(): { readonly records: number; readonly end: number } {
    return { records: this.#records.length, end: this.#end };
  }

  /** Takes back what came after `mark`, for a reason. */
  rewind(
    mark: { records: number; end: number },
    entry: number,
    reason: ReturnType<typeof readError>,
  ): void {
    this.#records.length = mark.records;
    this.#end = mark.end;
    this.#failures.push({ entry, code: reason.code, message: reason.message });
  }

  finish(): Pick<Packed, "buffer" | "frameBytes" | "records" | "failures"> {
    const { buffer } = this.#frame;
    const records = this.#records;
    const failures = this.#failures;
    if (records.length === 0) return { buffer, frameBytes: 0, records, failures };
    const storedAt = FRAME_HEADER_BYTES + records.length * RECORD_BYTES;
    if (storedAt < this.#storedAt) this.#bytes.copyWithin(storedAt, this.#storedAt, this.#end);
    const frameBytes = storedAt + this.#end - this.#storedAt;
    records.forEach((record, index) => writeRecord(this.#bytes, index, record));
    writeFrameHeader(this.#bytes, {
      transfer: this.#frame.transfer,
      frame: this.#frame.frame,
      records: records.length,
      bodyBytes: frameBytes - FRAME_HEADER_BYTES,
    });
    return { buffer, frameBytes, records, failures };
  }
}

// Consecutive chunks of one entry.
function* runsOf(chunks: readonly ChunkToPack[]): Generator<readonly ChunkToPack[]> {
  let first = 0;
  for (let next = 1; next <= chunks.length; next++) {
    const same = next < chunks.length && chunks[next]!.file === chunks[first]!.file &&
      chunks[next]!.entry === chunks[first]!.entry;
    if (same) continue;
    yield chunks.slice(first, next);
    first = next;
  }
}

function expectStamp(fd: number, file: FileToPack): void {
  if (!sameStamp(stampOf(fd), file.stamp)) throw sourceChanged(file.path);
}
