// The two digests that name content: the file digest over a file's chunk digests, and the root over
// a manifest. Both ends compute both; PROTOCOL.md gives their bytes.

import { compareBytes, decodeUtf8, encodeUtf8, Utf8Room } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { type OpenSpill, SpilledBlocks, SpilledTexts } from "../base/spill.ts";
import { DIGEST_BYTES } from "../wire/frame.ts";
import type { Entry, EntryKind } from "../wire/messages.ts";
import type { Hashing } from "./hashing.ts";
import { PAGE_BYTES, PAGE_ENTRIES, RootPage, TextWriter } from "./root_page.ts";
import { recordBytes, recordRoom, type RootPages, RootWalk } from "./root_walk.ts";

const FILE_CONTEXT = "sftpx 1 file digest";
const ROOT_CONTEXT = "sftpx 1 root";
/** What is hashed with one call. */
const SLAB_BYTES = 1 << 16;
const EXECUTABLE_BITS = 0o111;
/** What comes before the chunk digests of a file. */
const HEAD_BYTES = 12;
/**
 * A head and the digests of a file of few chunks, hashed by one call: most files are small, and a running
 * hash, which is an object to make and to collect, takes seven times as long.
 */
const FILE_ROOM = new Uint8Array(HEAD_BYTES + 16 * 32);
const FILE_HEAD = new DataView(FILE_ROOM.buffer);

/** Digest of a file: its size, its chunk size and its chunk digests (32 bytes each) in order. */
export function fileDigest(
  hashing: Hashing,
  file: { sizeBytes: number; chunkBytes: number; digests: Uint8Array },
): Uint8Array {
  const { sizeBytes, chunkBytes, digests } = file;
  FILE_HEAD.setUint32(0, Math.floor(sizeBytes / 2 ** 32));
  FILE_HEAD.setUint32(4, sizeBytes >>> 0);
  FILE_HEAD.setUint32(8, chunkBytes);
  if (HEAD_BYTES + digests.byteLength <= FILE_ROOM.byteLength) {
    FILE_ROOM.set(digests, HEAD_BYTES);
    return hashing.derive(FILE_CONTEXT, FILE_ROOM.subarray(0, HEAD_BYTES + digests.byteLength));
  }
  const hash = hashing.deriveKey(FILE_CONTEXT);
  hash.update(FILE_ROOM.subarray(0, HEAD_BYTES));
  hash.update(digests);
  return hash.digest();
}

/**
 * The manifest as the root hashes it: one record an entry. Entries come in path-byte order, which may
 * begin anew once; the root is over all of them in that order. The records are made when it is asked for.
 * Of what is kept for each, see root_page.ts, some MiB stay in memory (I8) where there is a file for the rest.
 */
export class RootLog {
  readonly #blocks: SpilledBlocks<RootPage>;
  /** Of pages that are full, and of the last one. */
  readonly #texts: SpilledTexts;
  readonly #lastTexts = new TextWriter();
  readonly #pages: RootPages = {
    page: (number) => this.#blocks.see(number),
    text: (number) => number === this.#fullPages ? this.#lastTexts.text : this.#texts.get(number),
  };
  #length = 0;
  /** Path of the last entry, in one of the rooms; the next one goes to the other. */
  #last: Uint8Array = new Uint8Array(0);
  readonly #rooms = [new Utf8Room(), new Utf8Room()] as const;
  #recordBytes = 0;
  /** First entry of the second section; null while there is one. */
  #secondFrom: number | null = null;
  readonly #limitBytes: number;
  /** Root of all that is complete, until there is more: both ends of a receiver's transfer ask for it. */
  #ofAll: Uint8Array | null = null;

  constructor(
    { limitBytes = LIMITS.manifestBytes, spill }: {
      readonly limitBytes?: number;
      readonly spill?: OpenSpill | undefined;
    } = {},
  ) {
    this.#limitBytes = limitBytes;
    const view = (memory: Uint8Array) => new RootPage(memory);
    this.#blocks = new SpilledBlocks({ blockBytes: PAGE_BYTES, view, spill });
    this.#texts = new SpilledTexts({ spill });
  }

  /** Entries so far. */
  get length(): number {
    return this.#length;
  }

  /** What is held of them in memory. */
  get heldBytes(): number {
    return this.#blocks.heldBytes + this.#texts.heldBytes;
  }

  /** Appends the next entry; a file's digest follows with `seal`. */
  add({ kind, path: name, sizeBytes, mode, target: to = "" }: Entry): void {
    const path = this.#rooms[this.#length % 2 === 0 ? 0 : 1].encode(name);
    const target = kind === "link" ? encodeUtf8(to) : null;
    const isExecutable = kind === "file" && (mode & EXECUTABLE_BITS) !== 0;
    const entry = { kind, path, sizeBytes, isExecutable, target };
    this.#count(recordBytes(entry));
    const index = this.#length;
    this.#blocks.change(this.#fullPages).put(index % PAGE_ENTRIES, entry, {
      texts: this.#lastTexts,
      before: this.#last,
    });
    if (this.#secondFrom === null && this.#length > 0 && compareBytes(this.#last, path) > 0) {
      this.#secondFrom = this.#length;
    }
    this.#last = path;
    if (index % PAGE_ENTRIES === PAGE_ENTRIES - 1) {
      this.#texts.add(this.#lastTexts.text);
      this.#lastTexts.clear();
    }
    this.#length++;
    this.#ofAll = null;
  }

  /** Path of an entry. */
  path(index: number): string {
    const number = Math.floor(index / PAGE_ENTRIES);
    const part = (from: number, end: number) =>
      number === this.#fullPages
        ? this.#lastTexts.text.subarray(from, end)
        : this.#texts.part(number, from, end);
    return decodeUtf8(this.#page(index).textOf(index % PAGE_ENTRIES, part).path);
  }

  /** Whether an entry is a file. */
  isFile(index: number): boolean {
    return this.#has(index) && this.#page(index).kind(index % PAGE_ENTRIES) === "file";
  }

  /** Size of an entry. */
  sizeBytes(index: number): number {
    return this.#page(index).sizeBytes(index % PAGE_ENTRIES);
  }

  /** What an entry is, as its user knows it. */
  describe(index: number): { path: string; kind: EntryKind; sizeBytes: number } {
    const kind = this.#page(index).kind(index % PAGE_ENTRIES);
    return { path: this.path(index), kind, sizeBytes: this.sizeBytes(index) };
  }

  /** Whether an entry has everything its record needs: a file its digest. */
  isComplete(index: number): boolean {
    return this.#has(index) && this.#page(index).isComplete(index % PAGE_ENTRIES);
  }

  /** Sets a file's digest. */
  seal(index: number, digest: Uint8Array): void {
    if (!this.isFile(index)) throw new RangeError(`No file ${index} to seal`);
    this.#ofAll = null;
    this.#blocks.change(Math.floor(index / PAGE_ENTRIES)).seal(index % PAGE_ENTRIES, digest);
  }

  /** A file's digest, as it was sealed; put into `into`, which is answered. */
  digest(index: number, into: Uint8Array = new Uint8Array(DIGEST_BYTES)): Uint8Array {
    const digest = this.#has(index) ? this.#page(index).digest(index % PAGE_ENTRIES) : null;
    if (digest === null) throw new RangeError(`No sealed file ${index}`);
    into.set(digest);
    return into;
  }

  /** Root over every complete entry, or those of them that are not left out, ascending by path. */
  root(
    hashing: Hashing,
    { leaveOut = null }: { readonly leaveOut?: ((index: number) => boolean) | null } = {},
  ): Uint8Array {
    if (leaveOut !== null) return this.#root(hashing, leaveOut);
    return (this.#ofAll ??= this.#root(hashing, () => false)).slice();
  }

  #root(hashing: Hashing, leaveOut: (index: number) => boolean): Uint8Array {
    const hash = hashing.deriveKey(ROOT_CONTEXT);
    let room = recordRoom(SLAB_BYTES);
    let used = 0;
    for (const walk of this.#ascending()) {
      if (!walk.isComplete || leaveOut(walk.index)) continue;
      const bytes = walk.recordBytes;
      if (used + bytes > room.bytes.byteLength) {
        hash.update(room.bytes.subarray(0, used));
        used = 0;
        if (bytes > SLAB_BYTES) room = recordRoom(bytes);
      }
      walk.put(room, used);
      used += bytes;
    }
    if (used > 0) hash.update(room.bytes.subarray(0, used));
    return hash.digest();
  }

  /** A walk that stands on every entry, by path bytes: the two sections merged. */
  *#ascending(): Generator<RootWalk> {
    const firstEnd = this.#secondFrom ?? this.#length;
    const first = new RootWalk(this.#pages, { from: 0, end: firstEnd });
    const second = new RootWalk(this.#pages, { from: firstEnd, end: this.#length });
    for (; !first.isOver; first.step()) {
      for (; !second.isOver && compareBytes(second.path, first.path) < 0; second.step()) {
        yield second;
      }
      yield first;
    }
    for (; !second.isOver; second.step()) yield second;
  }

  #has(index: number): boolean {
    return index >= 0 && index < this.#length;
  }

  #page(index: number): RootPage {
    if (!this.#has(index)) throw new RangeError(`No entry ${index}`);
    return this.#blocks.see(Math.floor(index / PAGE_ENTRIES));
  }

  get #fullPages(): number {
    return Math.floor(this.#length / PAGE_ENTRIES);
  }

  #count(bytes: number): void {
    this.#recordBytes += bytes;
    if (this.#recordBytes <= this.#limitBytes) return;
    throw new SftpxError("limit", `Cannot hold the manifest: it passes ${this.#limitBytes} bytes`);
  }
}
