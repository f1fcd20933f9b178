// Chunk frames: what travels on a lane. A frame is a fixed header, a table of chunk records and the
// chunks' stored bytes in the same order. Workers build and read them in place; the main thread
// looks at headers and records only. All integers are big-endian.

import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";

/** Bytes of a frame header. */
export const FRAME_HEADER_BYTES = 16;
/** Bytes of one chunk record. */
export const RECORD_BYTES = 52;
/** Bytes of a BLAKE3 digest. */
export const DIGEST_BYTES = 32;

const KIND_CHUNKS = 1;
const KIND_END = 2;

/** How a chunk's bytes are stored in a frame. */
export type Encoding = "raw" | "zstd" | "same";
const ENCODINGS: readonly Encoding[] = ["raw", "zstd", "same"];

/** First bytes of every frame. */
export type FrameHeader =
  | {
    readonly kind: "chunks";
    readonly transfer: number;
    /** Number of this frame in its transfer; a chunk sent again travels in a new frame. */
    readonly frame: number;
    readonly records: number;
    /** Bytes after the header: record table and stored bytes. */
    readonly bodyBytes: number;
  }
  /** Explicit end of a lane (I4); `frame` counts the frames it carried. */
  | { readonly kind: "end"; readonly transfer: number; readonly frame: number };

/** One chunk of a frame. */
export interface ChunkRecord {
  /** Index of the entry in the manifest. */
  readonly entry: number;
  /** Index of the chunk in its file. */
  readonly chunk: number;
  /** Bytes of the chunk itself. */
  readonly rawBytes: number;
  /** Bytes of it in this frame; `rawBytes` when raw, 0 when the receiver has the same. */
  readonly storedBytes: number;
  readonly encoding: Encoding;
  /** BLAKE3 of the raw bytes, 32 bytes. */
  readonly digest: Uint8Array;
}

/** Bytes a frame buffer needs for `records` chunks of `rawBytes` in all, whatever the encoding. */
export function frameCapacityBytes(records: number, rawBytes: number): number {
  return FRAME_HEADER_BYTES + records * RECORD_BYTES + rawBytes;
}

/** Largest body of any frame in a transfer with this chunk size. */
export function maxBodyBytes(chunkBytes: number): number {
  return LIMITS.recordsPerFrame * RECORD_BYTES + chunkBytes;
}

/** Bytes of a buffer that holds any frame of a transfer with this chunk size. */
export function frameBufferBytes(chunkBytes: number): number {
  return FRAME_HEADER_BYTES + maxBodyBytes(chunkBytes);
}

/** Writes the header of a chunks frame at the start of `into`. */
export function writeFrameHeader(
  into: Uint8Array,
  header: { transfer: number; frame: number; records: number; bodyBytes: number },
): void {
  const view = viewOf(into);
  view.setUint8(0, KIND_CHUNKS);
  view.setUint8(1, 0);
  view.setUint16(2, header.records);
  view.setUint32(4, header.transfer);
  view.setUint32(8, header.frame);
  view.setUint32(12, header.bodyBytes);
}

/** The end record of a lane. */
export function encodeLaneEnd(transfer: number, frames: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES);
  const view = viewOf(bytes);
  view.setUint8(0, KIND_END);
  view.setUint32(4, transfer);
  view.setUint32(8, frames);
  return bytes;
}

/** Reads a frame header and refuses what no sender may write (I3). */
export function decodeFrameHeader(bytes: Uint8Array, chunkBytes: number): FrameHeader {
  const view = viewOf(bytes);
  const kind = view.getUint8(0);
  const records = view.getUint16(2);
  const transfer = view.getUint32(4);
  const frame = view.getUint32(8);
  const bodyBytes = view.getUint32(12);
  if (view.getUint8(1) !== 0) throw malformed(`unknown flags ${view.getUint8(1)}`);
  if (kind === KIND_END) {
    if (records !== 0 || bodyBytes !== 0) throw malformed("an end record with a body");
    return { kind: "end", transfer, frame };
  }
  if (kind !== KIND_CHUNKS) throw malformed(`unknown kind ${kind}`);
  if (records === 0 || records > LIMITS.recordsPerFrame) throw malformed(`${records} records`);
  const tableBytes = records * RECORD_BYTES;
  if (bodyBytes < tableBytes || bodyBytes > tableBytes + chunkBytes) {
    throw malformed(`a body of ${bodyBytes} bytes`);
  }
  return { kind: "chunks", transfer, frame, records, bodyBytes };
}

/** Writes record number `index` into a frame buffer. */
export function writeRecord(into: Uint8Array, index: number, record: ChunkRecord): void {
  const at = FRAME_HEADER_BYTES + index * RECORD_BYTES;
  const view = viewOf(into);
  view.setUint32(at, record.entry);
  view.setUint32(at + 4, record.chunk);
  view.setUint32(at + 8, record.rawBytes);
  view.setUint32(at + 12, record.storedBytes);
  view.setUint32(at + 16, ENCODINGS.indexOf(record.encoding) << 24);
  into.set(record.digest, at + 20);
}

/**
 * Reads the record table of a frame's body (the bytes after its header). Lengths are checked
 * against the body, so that slicing the stored bytes in order is safe afterwards.
 */
export function decodeRecords(
  body: Uint8Array,
  records: number,
  chunkBytes: number,
): ChunkRecord[] {
  if (body.byteLength < records * RECORD_BYTES) throw malformed("a body too short for its records");
  const view = viewOf(body);
  // Digests outlive the body, and are parts of one copy: a buffer for each is dear to make and to collect.
  const table = body.slice(0, records * RECORD_BYTES);
  const out: ChunkRecord[] = [];
  let storedTotal = 0;
  let rawTotal = 0;
  for (let at = 0; at < records * RECORD_BYTES; at += RECORD_BYTES) {
    const rawBytes = view.getUint32(at + 8);
    const storedBytes = view.getUint32(at + 12);
    const encoding = ENCODINGS[view.getUint8(at + 16)];
    if (encoding === undefined || (view.getUint32(at + 16) & 0xffffff) !== 0) {
      throw malformed("an unknown encoding");
    }
    if (rawBytes === 0 || rawBytes > chunkBytes) throw malformed(`a chunk of ${rawBytes} bytes`);
    const fits = encoding === "raw"
      ? storedBytes === rawBytes
      : encoding === "zstd"
      ? storedBytes > 0 && storedBytes < rawBytes
      : storedBytes === 0;
    if (!fits) throw malformed(`${storedBytes} stored bytes for a ${encoding} chunk`);
    storedTotal += storedBytes;
    rawTotal += rawBytes;
    out.push({
      entry: view.getUint32(at),
      chunk: view.getUint32(at + 4),
      rawBytes,
      storedBytes,
      encoding,
      digest: table.subarray(at + 20, at + 20 + DIGEST_BYTES),
    });
  }
  if (storedTotal !== body.byteLength - records * RECORD_BYTES) {
    throw malformed("stored bytes that do not fill the body");
  }
  if (rawTotal > chunkBytes) throw malformed(`${rawTotal} raw bytes in one frame`);
  return out;
}

/** The records of a whole frame of chunks, header and all. */
export function decodeFrameRecords(frame: Uint8Array): ChunkRecord[] {
  const body = frame.subarray(FRAME_HEADER_BYTES);
  return decodeRecords(body, viewOf(frame).getUint16(2), LIMITS.maxChunkBytes);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function malformed(found: string): SftpxError {
  return new SftpxError("protocol", `Cannot read frame: it has ${found}`, { remote: true });
}
