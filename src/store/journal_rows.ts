// The rows of `state.db` as values: how stamps, digests and lists of names lie in columns, and what
// several rows about one part come to. FORMAT.md describes every byte. No SQL.

import { LIMITS } from "../base/limits.ts";
import type { Range } from "../base/ranges.ts";
import { DIGEST_BYTES } from "../wire/frame.ts";
import type { Stamp } from "../wire/messages.ts";
import { rowSum } from "./row_sum.ts";
import type { ChunkRun, HeldChunks } from "./store.ts";

/** Bytes of a stamp in a row: five 64-bit integers, big-endian. */
const STAMP_BYTES = 40;

export interface TransferRow {
  readonly key: Uint8Array;
  readonly destination: string;
  readonly chunkBytes: number;
  readonly startedNs: bigint;
  /** Identity of the peer. */
  readonly peer: Uint8Array;
  /** The first of the source names as given, and how many more there were. */
  readonly given: readonly string[];
  readonly moreGiven?: number;
  /** When something was last journalled. */
  readonly touchedNs: bigint;
  /** Manifest path of the first entry that was not durable then; null where none is known. */
  readonly frontier: string | null;
}

export interface PartRow {
  readonly id: number;
  /** Entry path in the manifest. */
  readonly path: string;
  /** File name under `.sftpx/parts`. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly stamp: Stamp;
  readonly recordedNs: bigint;
}

/** A part that was found when the state was begun anew: nothing is known of what is in it. */
export interface StrayRow {
  /** Entry path in the manifest. */
  readonly path: string;
  /** File name under `.sftpx/parts`. */
  readonly name: string;
  readonly sizeBytes: number;
}

export interface CommittedRow {
  readonly path: string;
  readonly digest: Uint8Array;
  readonly chunkBytes: number;
  /** As the manifest had it; the disk may round it. */
  readonly mtimeNs: bigint;
  /** What stood under the final name right after the commit. */
  readonly stamp: Stamp;
}

/** What a stamp is packed into: rows come by the ten thousand. */
const PACKED = new DataView(new ArrayBuffer(STAMP_BYTES));
const PACKED_BYTES = new Uint8Array(PACKED.buffer);

/** Stamps in rows: device, inode, size unsigned; both times signed. Good until the next is packed. */
export function packStamp(stamp: Stamp): Uint8Array {
  PACKED.setBigUint64(0, stamp.device);
  PACKED.setBigUint64(8, stamp.inode);
  PACKED.setBigUint64(16, BigInt(stamp.sizeBytes));
  PACKED.setBigInt64(24, stamp.mtimeNs);
  PACKED.setBigInt64(32, stamp.ctimeNs);
  return PACKED_BYTES;
}

export function unpackStamp(bytes: Uint8Array): Stamp {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    device: view.getBigUint64(0),
    inode: view.getBigUint64(8),
    sizeBytes: Number(view.getBigUint64(16)),
    mtimeNs: view.getBigInt64(24),
    ctimeNs: view.getBigInt64(32),
  };
}

/** Rows as they were written, made into one; later rows win, and nothing is past `chunks`. */
export function mergeRuns(rows: readonly ChunkRun[], chunks: number): HeldChunks {
  const first = rows.reduce((least, row) => Math.min(least, row.first), chunks);
  const end = rows.reduce((most, row) => Math.max(most, Math.min(endOf(row), chunks)), first);
  const digests = new Uint8Array((end - first) * DIGEST_BYTES);
  const isHeld = new Uint8Array(end - first);
  for (const row of rows) {
    const count = Math.min(endOf(row), end) - row.first;
    if (count <= 0) continue;
    const at = row.first - first;
    digests.set(row.digests.subarray(0, count * DIGEST_BYTES), at * DIGEST_BYTES);
    isHeld.fill(1, at, at + count);
  }
  const ranges: Range[] = [];
  let keptBytes = 0;
  for (let at = isHeld.indexOf(1); at >= 0;) {
    const gap = isHeld.indexOf(0, at);
    const to = gap < 0 ? isHeld.length : gap;
    ranges.push([first + at, to - at]);
    digests.copyWithin(keptBytes, at * DIGEST_BYTES, to * DIGEST_BYTES);
    keptBytes += (to - at) * DIGEST_BYTES;
    at = isHeld.indexOf(1, to);
  }
  return { ranges, digests: digests.slice(0, keptBytes) };
}

/** One past the last chunk of a row. */
function endOf({ first, digests }: ChunkRun): number {
  return first + Math.floor(digests.byteLength / DIGEST_BYTES);
}

/** Null for one that no file can have: whoever plants a row gives it its sum. */
export function runOf(row: Record<string, unknown>): ChunkRun | null {
  const run = { first: Number(row["first"]), digests: bytesOf(row["digests"]) };
  const isPossible = run.first >= 0 && endOf(run) <= LIMITS.chunksPerFile &&
    run.digests.byteLength % DIGEST_BYTES === 0;
  return isPossible ? run : null;
}

/** Chunks of a run within a range, and what is left of it on either side. */
export function cutRun(
  { first, digests }: ChunkRun,
  range: { readonly first: number; readonly end: number },
): { readonly within: readonly number[]; readonly rest: readonly ChunkRun[] } {
  const end = first + digests.byteLength / DIGEST_BYTES;
  const from = Math.max(first, range.first);
  const to = Math.min(end, range.end);
  const part = (a: number, b: number): ChunkRun[] =>
    a < b
      ? [{
        first: a,
        digests: digests.slice((a - first) * DIGEST_BYTES, (b - first) * DIGEST_BYTES),
      }]
      : [];
  return {
    within: Array.from({ length: Math.max(to - from, 0) }, (_, at) => from + at),
    rest: [...part(first, from), ...part(to, end)],
  };
}

export function transferOf(row: Record<string, unknown>): TransferRow {
  const moreGiven = Number(row["more_given"]);
  return {
    key: bytesOf(row["key"]),
    destination: String(row["destination"]),
    chunkBytes: Number(row["chunk_bytes"]),
    startedNs: timeOf(row["started_ns"]),
    peer: bytesOf(row["peer"]),
    given: namesOf(row["given"]),
    ...(moreGiven > 0 ? { moreGiven } : {}),
    touchedNs: timeOf(row["touched_ns"]),
    frontier: row["frontier"] === null ? null : String(row["frontier"]),
  };
}

/** No sum covers it: what is no time any more was long ago. */
function timeOf(value: unknown): bigint {
  return typeof value === "bigint" ? value : 0n;
}

function namesOf(value: unknown): string[] {
  const names: unknown = JSON.parse(String(value));
  if (!Array.isArray(names)) throw new TypeError("Cannot read state: not a list of names");
  return names.map(String);
}

export function partOf(row: Record<string, unknown>): PartRow {
  return {
    id: Number(row["id"]),
    path: String(row["path"]),
    name: String(row["name"]),
    sizeBytes: Number(row["size_bytes"]),
    stamp: unpackStamp(bytesOf(row["stamp"])),
    recordedNs: BigInt(row["recorded_ns"] as bigint),
  };
}

/** What `committedOf` reads. Digest and stamp as one blob: for each one more, a row costs a fifth more. */
export const COMMITTED_COLUMNS =
  "path, CAST(digest || stamp AS BLOB) AS blobs, chunk_bytes, mtime_ns, sum";

/** Null for a row that does not read as it was written. */
export function committedOf(row: Record<string, unknown>): CommittedRow | null {
  const { path, blobs, chunk_bytes: chunkBytes, mtime_ns: mtimeNs } = row;
  const isTyped = typeof path === "string" && blobs instanceof Uint8Array &&
    typeof chunkBytes === "bigint" && typeof mtimeNs === "bigint";
  if (!isTyped || blobs.byteLength !== DIGEST_BYTES + STAMP_BYTES) return null;
  const digest = blobs.subarray(0, DIGEST_BYTES);
  const stamp = blobs.subarray(DIGEST_BYTES);
  const sum = rowSum([path, digest, chunkBytes, mtimeNs, stamp]);
  if (Number(row["sum"]) !== sum) return null;
  return { path, digest, chunkBytes: Number(chunkBytes), mtimeNs, stamp: unpackStamp(stamp) };
}

/** What decides nothing (times, the frontier) is left out, so that it may change by itself. */
export function transferSum(row: Record<string, unknown>): number {
  return sumOf(row, ["key", "destination", "chunk_bytes", "peer", "given"]);
}

export function partSum(row: Record<string, unknown>): number {
  return sumOf(row, ["key", "path", "name", "size_bytes", "stamp", "recorded_ns"]);
}

/** Goes on from the sum of the part: a row that came to another part is none of it. */
export function runSum(row: Record<string, unknown>, part: number): number {
  return sumOf(row, ["first", "digests"], part);
}

export function committedSum(row: Record<string, unknown>): number {
  return sumOf(row, ["path", "digest", "chunk_bytes", "mtime_ns", "stamp"]);
}

/** Whether a row reads as it was written. */
export function isTrue(
  row: Record<string, unknown>,
  sumOf: (row: Record<string, unknown>) => number,
): boolean {
  try {
    return Number(row["sum"]) === sumOf(row);
  } catch {
    return false; // A column of another type.
  }
}

function sumOf(row: Record<string, unknown>, columns: readonly string[], before = 0): number {
  const values = columns.map((column) => {
    const value = row[column];
    if (value instanceof Uint8Array || typeof value === "string") return value;
    if (typeof value === "bigint") return value;
    throw new TypeError(`Cannot read state: ${column} is not what it was`);
  });
  return rowSum(values, before);
}

export function bytesOf(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError("Cannot read state: not a blob");
  return value;
}
