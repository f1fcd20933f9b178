// Some entries of a root log that follow each other: a column for each thing all of them have, and the
// paths, each as what differs from the one before. Some 50 bytes an entry with short names, in slabs (I8).
// Which entries they are is the log's to know.

import type { Slabs } from "../base/slabs.ts";
import { DIGEST_BYTES } from "../wire/frame.ts";
import type { EntryKind } from "../wire/messages.ts";

/** Entries in a page. */
export const PAGE_ENTRIES = 512;

/** An entry, as the root knows it. */
export interface RootEntry {
  readonly kind: EntryKind;
  readonly path: Uint8Array;
  readonly sizeBytes: number;
  readonly isExecutable: boolean;
  /** Of a link. */
  readonly target: Uint8Array | null;
}

/** One path in so many stands whole: what is read to find one in between is bounded. */
const WHOLE_EVERY = 32;
const FIRST_TEXT_BYTES = 4096;
const KINDS = ["file", "directory", "link"] as const;
const KIND_MASK = 3;
const EXECUTABLE = 4;
const COMPLETE = 8;
const LARGE_BYTES = 2 ** 32;

export class RootPage {
  readonly #slabs: Slabs;
  readonly #flags: Uint8Array;
  readonly #sizes: Uint32Array;
  /** Sizes that the column has no room for. */
  readonly #large = new Map<number, number>();
  /** Made with the first one. */
  #digests: Uint8Array | null = null;
  /** Where the text of each entry begins that stands whole. */
  readonly #wholeAt: Uint32Array;
  /** In memory of its own until the page is full. */
  #text: Uint8Array = new Uint8Array(FIRST_TEXT_BYTES);
  #textBytes = 0;
  #length = 0;

  constructor(slabs: Slabs) {
    this.#slabs = slabs;
    this.#flags = slabs.take(PAGE_ENTRIES);
    const numbers = (count: number) => {
      const { buffer, byteOffset } = slabs.take(4 * count);
      return new Uint32Array(buffer, byteOffset, count);
    };
    this.#sizes = numbers(PAGE_ENTRIES);
    this.#wholeAt = numbers(PAGE_ENTRIES / WHOLE_EVERY);
  }

  get isFull(): boolean {
    return this.#length === PAGE_ENTRIES;
  }

  /** What its columns and texts take. */
  get heldBytes(): number {
    const columns = [this.#flags, this.#sizes, this.#wholeAt, this.#text, this.#digests];
    return columns.reduce((sum, column) => sum + (column?.byteLength ?? 0), 0);
  }

  /** Takes the next entry; `before` is the path of the one before. */
  add({ kind, path, sizeBytes, isExecutable, target }: RootEntry, before: Uint8Array): void {
    const at = this.#length++;
    const isComplete = kind !== "file";
    this.#flags[at] = KINDS.indexOf(kind) | (isExecutable ? EXECUTABLE : 0) |
      (isComplete ? COMPLETE : 0);
    if (sizeBytes < LARGE_BYTES) this.#sizes[at] = sizeBytes;
    else this.#large.set(at, sizeBytes);
    const isWhole = at % WHOLE_EVERY === 0;
    if (isWhole) this.#wholeAt[at / WHOLE_EVERY] = this.#textBytes;
    const shared = isWhole ? 0 : sharedBytes(before, path);
    this.#putNumber(shared);
    this.#putText(path.subarray(shared));
    if (target !== null) this.#putText(target);
    if (this.isFull) this.#text = this.#slabs.keep(this.#text.subarray(0, this.#textBytes));
  }

  kind(at: number): EntryKind {
    return KINDS[this.#flags[at]! & KIND_MASK]!;
  }

  isExecutable(at: number): boolean {
    return (this.#flags[at]! & EXECUTABLE) !== 0;
  }

  isComplete(at: number): boolean {
    return (this.#flags[at]! & COMPLETE) !== 0;
  }

  sizeBytes(at: number): number {
    return this.#large.get(at) ?? this.#sizes[at]!;
  }

  seal(at: number, digest: Uint8Array): void {
    this.#digests ??= this.#slabs.take(PAGE_ENTRIES * DIGEST_BYTES);
    this.#digests.set(digest, at * DIGEST_BYTES);
    this.#flags[at]! |= COMPLETE;
  }

  /** A file's digest once it is complete; not to be changed, or kept. */
  digest(at: number): Uint8Array | null {
    if (this.kind(at) !== "file" || !this.isComplete(at)) return null;
    return this.#digests?.subarray(at * DIGEST_BYTES, (at + 1) * DIGEST_BYTES) ?? null;
  }

  /** The texts from an entry on. */
  texts(from: number): TextCursor {
    const whole = Math.floor(from / WHOLE_EVERY);
    const cursor = new TextCursor(this, { at: whole * WHOLE_EVERY, from: this.#wholeAt[whole]! });
    for (let at = whole * WHOLE_EVERY; at <= from; at++) cursor.step();
    return cursor;
  }

  /** For cursors: what was written so far. */
  get text(): Uint8Array {
    return this.#text;
  }

  #putText(text: Uint8Array): void {
    this.#putNumber(text.byteLength);
    this.#room(text.byteLength);
    this.#text.set(text, this.#textBytes);
    this.#textBytes += text.byteLength;
  }

  /** Seven bits a byte, the lowest first. */
  #putNumber(number: number): void {
    this.#room(5);
    for (let rest = number;; rest >>>= 7) {
      this.#text[this.#textBytes++] = rest < 0x80 ? rest : 0x80 | (rest & 0x7f);
      if (rest < 0x80) return;
    }
  }

  #room(bytes: number): void {
    const needed = this.#textBytes + bytes;
    if (needed <= this.#text.byteLength) return;
    const text = new Uint8Array(Math.max(needed, 2 * this.#text.byteLength));
    text.set(this.#text.subarray(0, this.#textBytes));
    this.#text = text;
  }
}

/** Stands on one entry of a page after another; what it shows holds until its next step. */
export class TextCursor {
  readonly #page: RootPage;
  /** The entry that the next step is for, and where its text begins. */
  #at: number;
  #from: number;
  #buffer = new Uint8Array(256);
  #path = this.#buffer.subarray(0, 0);
  #target: Uint8Array | null = null;

  constructor(page: RootPage, { at, from }: { readonly at: number; readonly from: number }) {
    this.#page = page;
    this.#at = at;
    this.#from = from;
  }

  get path(): Uint8Array {
    return this.#path;
  }

  /** Of a link. */
  get target(): Uint8Array | null {
    return this.#target;
  }

  step(): void {
    const shared = this.#number();
    const bytes = shared + this.#number();
    const isWider = bytes > this.#buffer.byteLength;
    if (isWider) {
      const buffer = new Uint8Array(2 * bytes);
      buffer.set(this.#path);
      this.#buffer = buffer;
    }
    const { text } = this.#page;
    let from = this.#from;
    for (let at = shared; at < bytes; at++) this.#buffer[at] = text[from++]!;
    this.#from = from;
    if (isWider || this.#path.byteLength !== bytes) this.#path = this.#buffer.subarray(0, bytes);
    this.#target = this.#page.kind(this.#at++) === "link" ? this.#take() : null;
  }

  #take(): Uint8Array {
    const bytes = this.#number();
    this.#from += bytes;
    return this.#page.text.subarray(this.#from - bytes, this.#from);
  }

  #number(): number {
    const { text } = this.#page;
    let number = 0;
    for (let shift = 0;; shift += 7) {
      const byte = text[this.#from++]!;
      number += (byte & 0x7f) << shift;
      if (byte < 0x80) return number;
    }
  }
}

function sharedBytes(a: Uint8Array, b: Uint8Array): number {
  const most = Math.min(a.byteLength, b.byteLength);
  let shared = 0;
  while (shared < most && a[shared] === b[shared]) shared++;
  return shared;
}
