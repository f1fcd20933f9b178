// Some entries of a root log that follow each other: a column for each thing all of them have, and a text of
// their paths, each as what differs from the one before. Both are bytes, that they may be put away (I8).
// Which entries they are, and where their bytes lie, is the log's to know.

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
const WHOLE_ROWS = PAGE_ENTRIES / WHOLE_EVERY;
const KINDS = ["file", "directory", "link"] as const;
const KIND_MASK = 3;
const EXECUTABLE = 4;
const COMPLETE = 8;

/** Bytes of a page: flags, sizes, where texts stand whole, digests. */
export const PAGE_BYTES: number = PAGE_ENTRIES * (1 + 8 + DIGEST_BYTES) + 4 * WHOLE_ROWS;

/** What a page keeps of each entry but its text, in memory that comes to be another page's. */
export class RootPage {
  readonly #flags: Uint8Array;
  readonly #sizes: Float64Array;
  /** Where the text of each entry begins that stands whole. */
  readonly #wholeAt: Uint32Array;
  readonly #digests: Uint8Array;

  /** `memory` is aligned for numbers. */
  constructor({ buffer, byteOffset }: Uint8Array) {
    let at = byteOffset;
    const take = (bytes: number) => (at += bytes) - bytes;
    this.#sizes = new Float64Array(buffer, take(8 * PAGE_ENTRIES), PAGE_ENTRIES);
    this.#wholeAt = new Uint32Array(buffer, take(4 * WHOLE_ROWS), WHOLE_ROWS);
    this.#flags = new Uint8Array(buffer, take(PAGE_ENTRIES), PAGE_ENTRIES);
    const digestBytes = PAGE_ENTRIES * DIGEST_BYTES;
    this.#digests = new Uint8Array(buffer, take(digestBytes), digestBytes);
  }

  /** Takes an entry, of which nothing was taken yet; its text goes behind those before it. */
  put(at: number, { kind, path, sizeBytes, isExecutable, target }: RootEntry, to: {
    readonly texts: TextWriter;
    /** Path of the entry before. */
    readonly before: Uint8Array;
  }): void {
    const { texts, before } = to;
    const isComplete = kind !== "file";
    this.#flags[at] = KINDS.indexOf(kind) | (isExecutable ? EXECUTABLE : 0) |
      (isComplete ? COMPLETE : 0);
    this.#sizes[at] = sizeBytes;
    const isWhole = at % WHOLE_EVERY === 0;
    if (isWhole) this.#wholeAt[at / WHOLE_EVERY] = texts.bytes;
    texts.put({ path, target, shared: isWhole ? 0 : sharedBytes(before, path) });
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
    return this.#sizes[at]!;
  }

  seal(at: number, digest: Uint8Array): void {
    this.#digests.set(digest, at * DIGEST_BYTES);
    this.#flags[at]! |= COMPLETE;
  }

  /** A file's digest once it is complete; not to be changed, or kept. */
  digest(at: number): Uint8Array | null {
    if (this.kind(at) !== "file" || !this.isComplete(at)) return null;
    return this.#digests.subarray(at * DIGEST_BYTES, (at + 1) * DIGEST_BYTES);
  }

  /** Its texts from an entry on. */
  texts(from: number, text: Uint8Array): TextCursor {
    return cursorOn(from, text.subarray(this.#wholeAt[Math.floor(from / WHOLE_EVERY)]!));
  }

  /** The texts of an entry alone; `part` answers what lies in the page's text. */
  textOf(at: number, part: (from: number, end: number) => Uint8Array): TextCursor {
    const whole = Math.floor(at / WHOLE_EVERY);
    const from = this.#wholeAt[whole]!;
    // None begins there where the page ends before.
    const next = this.#wholeAt[whole + 1] ?? 0;
    return cursorOn(at, part(from, next > from ? next : Infinity));
  }
}

/** `text` is that of the entries from the last one on that stands whole. */
function cursorOn(at: number, text: Uint8Array): TextCursor {
  const cursor = new TextCursor(text);
  for (let steps = at % WHOLE_EVERY; steps >= 0; steps--) cursor.step();
  return cursor;
}

/** The texts of a page while it is filled: of each entry what differs from the one before. */
export class TextWriter {
  #text: Uint8Array = new Uint8Array(FIRST_TEXT_BYTES);
  #bytes = 0;

  /** How many bytes were put. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What was put. */
  get text(): Uint8Array {
    return this.#text.subarray(0, this.#bytes);
  }

  /** Begins anew. */
  clear(): void {
    this.#bytes = 0;
  }

  /** What an entry has in common with the path before, in bytes, and the rest of it. */
  put({ path, target, shared }: Pick<RootEntry, "path" | "target"> & {
    readonly shared: number;
  }): void {
    this.#putNumber(2 * shared + (target === null ? 0 : 1));
    this.#putText(path.subarray(shared));
    if (target !== null) this.#putText(target);
  }

  #putText(text: Uint8Array): void {
    this.#putNumber(text.byteLength);
    this.#room(text.byteLength);
    this.#text.set(text, this.#bytes);
    this.#bytes += text.byteLength;
  }

  /** Seven bits a byte, the lowest first. */
  #putNumber(number: number): void {
    this.#room(5);
    for (let rest = number;; rest >>>= 7) {
      this.#text[this.#bytes++] = rest < 0x80 ? rest : 0x80 | (rest & 0x7f);
      if (rest < 0x80) return;
    }
  }

  #room(bytes: number): void {
    const needed = this.#bytes + bytes;
    if (needed <= this.#text.byteLength) return;
    const text = new Uint8Array(Math.max(needed, 2 * this.#text.byteLength));
    text.set(this.text);
    this.#text = text;
  }
}

/** Stands on one entry of a page's text after another; what it shows holds until its next step. */
export class TextCursor {
  readonly #text: Uint8Array;
  /** Where the next step reads. */
  #from = 0;
  #buffer = new Uint8Array(256);
  #path = this.#buffer.subarray(0, 0);
  #target: Uint8Array | null = null;

  /** It begins with an entry that stands whole. */
  constructor(text: Uint8Array) {
    this.#text = text;
  }

  get path(): Uint8Array {
    return this.#path;
  }

  /** Of a link. */
  get target(): Uint8Array | null {
    return this.#target;
  }

  step(): void {
    const head = this.#number();
    const shared = Math.floor(head / 2);
    const bytes = shared + this.#number();
    const isWider = bytes > this.#buffer.byteLength;
    if (isWider) {
      const buffer = new Uint8Array(2 * bytes);
      buffer.set(this.#path);
      this.#buffer = buffer;
    }
    const text = this.#text;
    let from = this.#from;
    for (let at = shared; at < bytes; at++) this.#buffer[at] = text[from++]!;
    this.#from = from;
    if (isWider || this.#path.byteLength !== bytes) this.#path = this.#buffer.subarray(0, bytes);
    this.#target = head % 2 === 0 ? null : this.#take();
  }

  #take(): Uint8Array {
    const bytes = this.#number();
    this.#from += bytes;
    return this.#text.subarray(this.#from - bytes, this.#from);
  }

  #number(): number {
    const text = this.#text;
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
