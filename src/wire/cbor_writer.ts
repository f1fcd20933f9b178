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
const U64_MAX = (1n << 64n) - 1n;
/** What is kept between messages; a longer one gets room of its own. */
const KEPT_BYTES = 1 << 16;
/** Texts up to this are written letter by letter while they are ASCII, which beats a call out. */
const SHORT_CHARS = 256;

let kept = new Uint8Array(KEPT_BYTES);

/** Bytes of a value. Throws RangeError for an integer beyond 64 bits, TypeError for what is none of these. */
export function encodeCbor(value: CborValue): Uint8Array<ArrayBuffer> {
  const writer = new Writer(kept);
  writer.value(value);
  const bytes = writer.bytes();
  if (writer.room.byteLength <= KEPT_BYTES) kept = writer.room;
  return bytes;
}

class Writer {
  /** May be another one after a write. */
  room: Uint8Array<ArrayBuffer>;
  #at = 0;

  constructor(room: Uint8Array<ArrayBuffer>) {
    this.room = room;
  }

  /** A copy of what was written. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.room.slice(0, this.#at);
  }

  value(value: CborValue): void {
    switch (typeof value) {
      case "string":
        return this.#text(value);
      case "number":
        return this.#integer(value);
      case "bigint":
        return this.#bigInteger(value);
      case "boolean":
        return this.#byte(value ? TRUE : FALSE);
      case "object":
        if (value === null) return this.#byte(NULL);
        if (value instanceof Uint8Array) return this.#bytes(value);
        if (Array.isArray(value)) return this.#array(value);
        return this.#map(value as CborMap);
      default:
        throw new TypeError(`a ${typeof value} in a control message`);
    }
  }

  #array(values: readonly CborValue[]): void {
    this.#head(MAJOR_ARRAY, values.length);
    for (const value of values) this.value(value);
  }

  #map(map: CborMap): void {
    const keys = Object.keys(map);
    if (!isSorted(keys)) keys.sort(compareKeys);
    this.#head(MAJOR_MAP, keys.length);
    for (const key of keys) {
      this.#text(key);
      this.value(map[key]!);
    }
  }

  #integer(value: number): void {
    if (!Number.isInteger(value)) throw new TypeError(`the number ${value} in a control message`);
    if (!Number.isSafeInteger(value)) return this.#bigInteger(BigInt(value));
    if (value < 0) this.#head(MAJOR_NEGINT, -1 - value);
    else this.#head(MAJOR_UINT, value);
  }

  #bigInteger(value: bigint): void {
    const argument = value < 0n ? -1n - value : value;
    if (argument > U64_MAX) throw new RangeError(`the number ${value} in a control message`);
    const major = value < 0n ? MAJOR_NEGINT : MAJOR_UINT;
    if (argument <= Number.MAX_SAFE_INTEGER) return this.#head(major, Number(argument));
    this.#wideHead(major, Number(argument >> 32n), Number(argument & 0xffff_ffffn));
  }

  #bytes(value: Uint8Array): void {
    this.#head(MAJOR_BYTES, value.byteLength);
    this.#put(value);
  }

  #put(bytes: Uint8Array): void {
    this.#makeRoom(bytes.byteLength);
    this.room.set(bytes, this.#at);
    this.#at += bytes.byteLength;
  }

  #text(value: string): void {
    if (value.length <= SHORT_CHARS && this.#ascii(value)) return;
    const bytes = encodeUtf8(value);
    this.#head(MAJOR_TEXT, bytes.byteLength);
    this.#put(bytes);
  }

  /** Writes a text that is ASCII; another one is left for who takes longer. */
  #ascii(value: string): boolean {
    const start = this.#at;
    this.#head(MAJOR_TEXT, value.length);
    this.#makeRoom(value.length);
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) {
        this.#at = start;
        return false;
      }
      this.room[this.#at++] = code;
    }
    return true;
  }

  /** The head of an item with an argument up to 2^53 - 1. */
  #head(major: number, argument: number): void {
    this.#makeRoom(HEAD_BYTES);
    const { room } = this;
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
    this.room[this.#at++] = major << 5 | 27;
    this.#u32(high);
    this.#u32(low);
  }

  #u32(value: number): void {
    const { room } = this;
    room[this.#at++] = value >>> 24;
    room[this.#at++] = value >>> 16;
    room[this.#at++] = value >>> 8;
    room[this.#at++] = value;
  }

  #byte(value: number): void {
    this.#makeRoom(1);
    this.room[this.#at++] = value;
  }

  #makeRoom(count: number): void {
    if (this.#at + count <= this.room.byteLength) return;
    const wider = new Uint8Array(2 * (this.#at + count));
    wider.set(this.room.subarray(0, this.#at));
    this.room = wider;
  }
}

function isSorted(keys: readonly string[]): boolean {
  for (let i = 1; i < keys.length; i++) {
    if (compareKeys(keys[i - 1]!, keys[i]!) > 0) return false;
  }
  return true;
}

/** Keys by their encoded bytes: the shorter first, equally long ones by their bytes. */
function compareKeys(a: string, b: string): number {
  // One letter each, as most keys are: in UTF-8 their order is that of their numbers.
  if (a.length === 1 && b.length === 1) return a < b ? -1 : a === b ? 0 : 1;
  const [first, second] = [encodeUtf8(a), encodeUtf8(b)];
  const difference = first.byteLength - second.byteLength;
  return difference === 0 ? compareBytes(first, second) : difference;
}
