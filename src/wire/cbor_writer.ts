// CBOR (RFC 8949) as control messages are written: every integer in its shortest form, keys in the order
// of their own bytes (section 4.2.1), all of definite length. Our own, because messages of entries are what
// a sender of small files does most: the library took a fifth of its main thread (ARCHITECTURE).

import { compareBytes, encodeUtf8 } from "../base/bytes.ts";
import type { CborMap, CborValue } from "./cbor.ts";

const MAJOR_UINT = 0;
const MAJOR_NEGINT = 1;
const MAJOR_BYTES = 2;
const MAJOR_TEXT = 3;
const MAJOR_ARRAY = 4;
const MAJOR_MAP = 5;
const FALSE = 0xf4;
const TRUE = 0xf5;
const NULL = 0xf6;

/** Longest head of an item: its first byte and eight of its argument. */
const HEAD_BYTES = 9;
const U32_MAX = 0xffff_ffffn;
/** What is kept between messages; a longer one gets room of its own. */
const KEPT_BYTES = 1 << 16;
/** Texts up to this are written letter by letter while they are ASCII, which beats a call out. */
const SHORT_CHARS = 256;

let kept = new Uint8Array(KEPT_BYTES);

/** Bytes of a value. Throws RangeError for an integer beyond 64 bits, TypeError for what is none of these. */
export function encodeCbor(value: CborValue): Uint8Array<ArrayBuffer> {
  const writer = CborWriter.begin();
  writer.value(value);
  return writer.end();
}

/** One value on its way out, item after item; between `begin` and `end` nobody else begins. */
export class CborWriter {
  /** May be another one after a write. */
  #room: Uint8Array<ArrayBuffer>;
  /** Of the same bytes. */
  #view: DataView<ArrayBuffer>;
  #at = 0;

  private constructor(room: Uint8Array<ArrayBuffer>) {
    this.#room = room;
    this.#view = new DataView(room.buffer);
  }

  /** A writer in the memory that is kept. */
  static begin(): CborWriter {
    return new CborWriter(kept);
  }

  /** A copy of what was written. */
  end(): Uint8Array<ArrayBuffer> {
    if (this.#room.byteLength <= KEPT_BYTES) kept = this.#room;
    return this.#room.slice(0, this.#at);
  }

  /** Head of a map; its pairs follow, in the order of their keys. */
  map(pairs: number): this {
    this.#head(MAJOR_MAP, pairs);
    return this;
  }

  /** Head of an array; its items follow. */
  array(items: number): this {
    this.#head(MAJOR_ARRAY, items);
    return this;
  }

  /** A key of one letter, or of two. */
  key(letter: number, second = 0): this {
    this.#makeRoom(3);
    const room = this.#room;
    const at = this.#at;
    room[at] = MAJOR_TEXT << 5 | (second === 0 ? 1 : 2);
    room[at + 1] = letter;
    if (second !== 0) room[at + 2] = second;
    this.#at = at + (second === 0 ? 2 : 3);
    return this;
  }

  boolean(value: boolean): void {
    this.#byte(value ? TRUE : FALSE);
  }

  value(value: CborValue): void {
    switch (typeof value) {
      case "string":
        return this.text(value);
      case "number":
        return this.integer(value);
      case "bigint":
        return this.bigInteger(value);
      case "boolean":
        return this.boolean(value);
      case "object":
        if (value === null) return this.#byte(NULL);
        if (value instanceof Uint8Array) return this.bytes(value);
        if (Array.isArray(value)) return this.#items(value);
        return this.#pairs(value as CborMap);
      default:
        throw new TypeError(`a ${typeof value} in a control message`);
    }
  }

  #items(values: readonly CborValue[]): void {
    this.array(values.length);
    for (const value of values) this.value(value);
  }

  #pairs(map: CborMap): void {
    const keys = Object.keys(map);
    if (!isSorted(keys)) keys.sort(compareKeys);
    this.map(keys.length);
    for (const key of keys) {
      this.text(key);
      this.value(map[key]!);
    }
  }

  integer(value: number): void {
    if (!Number.isInteger(value)) throw new TypeError(`the number ${value} in a control message`);
    if (!Number.isSafeInteger(value)) return this.bigInteger(BigInt(value));
    if (value < 0) this.#head(MAJOR_NEGINT, -1 - value);
    else this.#head(MAJOR_UINT, value);
  }

  bigInteger(value: bigint): void {
    const isNegative = value < 0n;
    const argument = isNegative ? -1n - value : value;
    if (BigInt.asUintN(64, argument) !== argument) {
      throw new RangeError(`the number ${value} in a control message`);
    }
    const major = isNegative ? MAJOR_NEGINT : MAJOR_UINT;
    if (argument <= U32_MAX) return this.#head(major, Number(argument));
    // No further bigints on the way to its bytes: entries are full of them.
    this.#makeRoom(HEAD_BYTES);
    const at = this.#at;
    this.#room[at] = major << 5 | 27;
    this.#view.setBigUint64(at + 1, argument);
    this.#at = at + HEAD_BYTES;
  }

  bytes(value: Uint8Array): void {
    this.#head(MAJOR_BYTES, value.byteLength);
    this.#put(value);
  }

  #put(bytes: Uint8Array): void {
    this.#makeRoom(bytes.byteLength);
    this.#room.set(bytes, this.#at);
    this.#at += bytes.byteLength;
  }

  text(value: string): void {
    if (value.length <= SHORT_CHARS && this.#ascii(value)) return;
    const bytes = encodeUtf8(value);
    this.#head(MAJOR_TEXT, bytes.byteLength);
    this.#put(bytes);
  }

  /** Writes a text that is ASCII; another one is left for who takes longer. */
  #ascii(value: string): boolean {
    const start = this.#at;
    const { length } = value;
    this.#head(MAJOR_TEXT, length);
    this.#makeRoom(length);
    const room = this.#room;
    const at = this.#at;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) {
        this.#at = start;
        return false;
      }
      room[at + i] = code;
    }
    this.#at = at + length;
    return true;
  }

  /** The head of an item with an argument up to 2^53 - 1. */
  #head(major: number, argument: number): void {
    this.#makeRoom(HEAD_BYTES);
    const room = this.#room;
    const first = major << 5;
    if (argument < 24) {
      room[this.#at++] = first | argument;
    } else if (argument < 0x100) {
      room[this.#at++] = first | 24;
      room[this.#at++] = argument;
    } else if (argument < 0x10000) {
      room[this.#at++] = first | 25;
      room[this.#at++] = argument >> 8;
      room[this.#at++] = argument;
    } else if (argument < 0x100000000) {
      room[this.#at++] = first | 26;
      this.#u32(argument);
    } else {
      this.#wideHead(major, Math.floor(argument / 0x100000000), argument % 0x100000000);
    }
  }

  #wideHead(major: number, high: number, low: number): void {
    this.#makeRoom(HEAD_BYTES);
    this.#room[this.#at++] = major << 5 | 27;
    this.#u32(high);
    this.#u32(low);
  }

  #u32(value: number): void {
    const room = this.#room;
    room[this.#at++] = value >>> 24;
    room[this.#at++] = value >>> 16;
    room[this.#at++] = value >>> 8;
    room[this.#at++] = value;
  }

  #byte(value: number): void {
    this.#makeRoom(1);
    this.#room[this.#at++] = value;
  }

  #makeRoom(count: number): void {
    if (this.#at + count <= this.#room.byteLength) return;
    const wider = new Uint8Array(2 * (this.#at + count));
    wider.set(this.#room.subarray(0, this.#at));
    this.#room = wider;
    this.#view = new DataView(wider.buffer);
  }
}

function isSorted(keys: readonly string[]): boolean {
  for (let i = 1; i < keys.length; i++) {
    if (compareKeys(keys[i - 1]!, keys[i]!) > 0) return false;
  }
  return true;
}

/** Keys by their encoded bytes: the shorter first, equally long ones by their bytes. */
export function compareKeys(a: string, b: string): number {
  // One or two letters each, as all of ours are: no call out to say what their bytes are.
  if (isPlain(a) && isPlain(b)) return a.length - b.length || (a < b ? -1 : a === b ? 0 : 1);
  const [first, second] = [encodeUtf8(a), encodeUtf8(b)];
  const difference = first.byteLength - second.byteLength;
  return difference === 0 ? compareBytes(first, second) : difference;
}

/** Whether a key is short and ASCII: its characters are its bytes. */
function isPlain(key: string): boolean {
  return key.length <= 2 && key.charCodeAt(0) < 0x80 &&
    (key.length < 2 || key.charCodeAt(1) < 0x80);
}
