// The two digests that name content: the file digest over a file's chunk digests, and the root over
// a manifest. Both ends compute both; PROTOCOL.md gives their bytes.

import { compareBytes, decodeUtf8, encodeUtf8 } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Entry, EntryKind } from "../wire/messages.ts";
import { DIGEST_BYTES } from "../wire/frame.ts";
import type { Hashing } from "./hashing.ts";

const FILE_CONTEXT = "sftpx 1 file digest";
const ROOT_CONTEXT = "sftpx 1 root";
const KIND_NUMBERS: Record<EntryKind, number> = { file: 1, directory: 2, link: 3 };
const KINDS = ["file", "directory", "link"] as const;
const SLAB_BYTES = 1 << 20;
const EXECUTABLE_BITS = 0o111;

/** Digest of a file: its size, its chunk size and its chunk digests (32 bytes each) in order. */
export function fileDigest(
  hashing: Hashing,
  file: { sizeBytes: number; chunkBytes: number; digests: Uint8Array },
): Uint8Array {
  const head = new Uint8Array(12);
  const view = new DataView(head.buffer);
  view.setBigUint64(0, BigInt(file.sizeBytes));
  view.setUint32(8, file.chunkBytes);
  const hash = hashing.deriveKey(FILE_CONTEXT);
  hash.update(head);
  hash.update(file.digests);
  return hash.digest();
}

/**
 * The manifest as the root hashes it: one record an entry. Entries come in path-byte order, which may
 * begin anew once; the root is over all of them in that order. Holds about 60 bytes and the path for
 * each entry, bounded by `LIMITS.manifestBytes` (I8).
 */
export class RootLog {
  readonly #slabs: Uint8Array[] = [];
  /** Offset of each record, over all slabs laid end to end; a record never spans two slabs. */
  readonly #slabOf: number[] = [];
  readonly #startOf: number[] = [];
  readonly #endOf: number[] = [];
  /** Per entry: 1 when it has everything its record needs. */
  readonly #complete: number[] = [];
  #slab = new Uint8Array(0);
  #used = 0;
  #totalBytes = 0;
  /** First entry of the second section; null while there is one. */
  #secondFrom: number | null = null;
  readonly #limitBytes: number;

  constructor({ limitBytes = LIMITS.manifestBytes }: { limitBytes?: number } = {}) {
    this.#limitBytes = limitBytes;
  }

  /** Entries so far. */
  get length(): number {
    return this.#complete.length;
  }

  /** Appends the next entry; a file's digest follows with `seal`. */
  add(entry: Entry): void {
    const path = encodeUtf8(entry.path);
    const target = entry.kind === "link" ? encodeUtf8(entry.target ?? "") : null;
    const tailBytes = target === null
      ? (entry.kind === "file" ? DIGEST_BYTES : 0)
      : 4 + target.byteLength;
    const bytes = 1 + 4 + path.byteLength + 8 + 1 + tailBytes;
    const start = this.#reserve(bytes);
    const view = new DataView(this.#slab.buffer, start, bytes);
    view.setUint8(0, KIND_NUMBERS[entry.kind]);
    view.setUint32(1, path.byteLength);
    this.#slab.set(path, start + 5);
    const after = 5 + path.byteLength;
    view.setBigUint64(after, BigInt(entry.sizeBytes));
    const executable = entry.kind === "file" && (entry.mode & EXECUTABLE_BITS) !== 0;
    view.setUint8(after + 8, executable ? 1 : 0);
    if (target !== null) {
      view.setUint32(after + 9, target.byteLength);
      this.#slab.set(target, start + after + 13);
    }
    this.#complete.push(entry.kind === "file" ? 0 : 1);
    const index = this.#complete.length - 1;
    if (this.#secondFrom === null && index > 0 && this.#compare(index - 1, index) > 0) {
      this.#secondFrom = index;
    }
  }

  /** Path of an entry. */
  path(index: number): string {
    return decodeUtf8(this.#pathBytes(index));
  }

  /** Whether an entry is a file. */
  isFile(index: number): boolean {
    const slab = this.#slabs[this.#slabOf[index] ?? -1];
    return slab?.[this.#startOf[index]!] === KIND_NUMBERS.file;
  }

  /** Size of an entry. */
  sizeBytes(index: number): number {
    const slab = this.#slabs[this.#slabOf[index] ?? -1];
    if (slab === undefined) throw new RangeError(`No entry ${index}`);
    const start = this.#startOf[index]!;
    const view = new DataView(slab.buffer);
    return Number(view.getBigUint64(start + 5 + view.getUint32(start + 1)));
  }

  /** What an entry is, as its user knows it. */
  describe(index: number): { path: string; kind: EntryKind; sizeBytes: number } {
    const number = this.#slabs[this.#slabOf[index] ?? -1]?.[this.#startOf[index]!];
    const kind = KINDS.find((name) => KIND_NUMBERS[name] === number);
    if (kind === undefined) throw new RangeError(`No entry ${index}`);
    return { path: this.path(index), kind, sizeBytes: this.sizeBytes(index) };
  }

  /** Whether an entry has everything its record needs: a file its digest. */
  isComplete(index: number): boolean {
    return this.#complete[index] === 1;
  }

  /** Sets a file's digest. */
  seal(index: number, digest: Uint8Array): void {
    const slab = this.#slabs[this.#slabOf[index] ?? -1];
    const end = this.#endOf[index];
    if (slab === undefined || end === undefined || !this.isFile(index)) {
      throw new RangeError(`No file ${index} to seal`);
    }
    slab.set(digest, end - DIGEST_BYTES);
    this.#complete[index] = 1;
  }

  /** A file's digest, as it was sealed. */
  digest(index: number): Uint8Array {
    const slab = this.#slabs[this.#slabOf[index] ?? -1];
    if (slab === undefined || !this.isFile(index) || !this.isComplete(index)) {
      throw new RangeError(`No sealed file ${index}`);
    }
    const end = this.#endOf[index]!;
    return slab.slice(end - DIGEST_BYTES, end);
  }

  /** Root over every complete entry that is not left out, ascending by path. */
  root(hashing: Hashing, { leaveOut }: { leaveOut: (index: number) => boolean }): Uint8Array {
    const hash = hashing.deriveKey(ROOT_CONTEXT);
    for (const index of this.#ascending()) {
      if (this.#complete[index] === 0 || leaveOut(index)) continue;
      const slab = this.#slabs[this.#slabOf[index]!]!;
      hash.update(slab.subarray(this.#startOf[index]!, this.#endOf[index]!));
    }
    return hash.digest();
  }

  /** Every entry's number, by path bytes: the two sections merged. */
  *#ascending(): Generator<number> {
    const firstEnd = this.#secondFrom ?? this.#complete.length;
    let second = firstEnd;
    for (let first = 0; first < firstEnd; first++) {
      while (second < this.#complete.length && this.#compare(second, first) < 0) yield second++;
      yield first;
    }
    while (second < this.#complete.length) yield second++;
  }

  #compare(a: number, b: number): number {
    return compareBytes(this.#pathBytes(a), this.#pathBytes(b));
  }

  #pathBytes(index: number): Uint8Array {
    const slab = this.#slabs[this.#slabOf[index] ?? -1];
    if (slab === undefined) throw new RangeError(`No entry ${index}`);
    const start = this.#startOf[index]!;
    const bytes = new DataView(slab.buffer).getUint32(start + 1);
    return slab.subarray(start + 5, start + 5 + bytes);
  }

  #reserve(bytes: number): number {
    this.#totalBytes += bytes;
    if (this.#totalBytes > this.#limitBytes) {
      throw new SftpxError(
        "limit",
        `Cannot hold the manifest: it passes ${this.#limitBytes} bytes`,
      );
    }
    if (this.#used + bytes > this.#slab.byteLength) {
      this.#slab = new Uint8Array(Math.max(SLAB_BYTES, bytes));
      this.#slabs.push(this.#slab);
      this.#used = 0;
    }
    const start = this.#used;
    this.#used += bytes;
    this.#slabOf.push(this.#slabs.length - 1);
    this.#startOf.push(start);
    this.#endOf.push(start + bytes);
    return start;
  }
}
