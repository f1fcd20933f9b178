// CBOR that is written as we write it, read straight into what it means: no map is made between. Made for
// long messages, of which a transfer of many files is full. It refuses nothing: what is not plain, cut short
// or out of bounds makes it say so at the end, and who asked has it read by its schema, which alone judges.

import { Buffer } from "node:buffer";
import { decodeUtf8 } from "../base/bytes.ts";

const MAJOR_BYTES = 2;
const MAJOR_TEXT = 3;
const MAJOR_ARRAY = 4;
const MAJOR_MAP = 5;
const FALSE = 0xf4;
const TRUE = 0xf5;
/** Heads of a key of one and of two letters. */
const KEY = 0x61;
const LONG_KEY = 0x62;
const I64_END = 1n << 63n;

export class PlainReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  /** The same bytes, as what makes a text of ASCII in a fifth of a decoder's time. */
  readonly #text: Buffer;
  #at = 0;
  #isPlain = true;

  constructor(bytes: Uint8Array) {
    const { buffer, byteOffset, byteLength } = bytes;
    this.#bytes = bytes;
    this.#view = new DataView(buffer, byteOffset, byteLength);
    this.#text = Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
  }

  /** Everything was read, and all of it as it should be; until then nothing that was read counts. */
  get isDone(): boolean {
    return this.#isPlain && this.#at === this.#bytes.byteLength;
  }

  /** What was read cannot be. */
  refuse(): void {
    this.#isPlain = false;
  }

  /** Pairs of a map. */
  map(): number {
    return this.#head(MAJOR_MAP, this.#bytes.byteLength);
  }

  /** Items of an array. */
  list(max: number): number {
    return this.#head(MAJOR_ARRAY, max);
  }

  /** Whether a key comes next, which is then taken: one letter, or two. */
  mayBe(letter: number, second = 0): boolean {
    const bytes = this.#bytes;
    const at = this.#at;
    if (bytes[at + 1] !== letter) return false;
    if (second === 0 ? bytes[at] !== KEY : bytes[at] !== LONG_KEY || bytes[at + 2] !== second) {
      return false;
    }
    this.#at = at + (second === 0 ? 2 : 3);
    return true;
  }

  /** A key that must come next. */
  key(letter: number): this {
    if (!this.mayBe(letter)) this.#isPlain = false;
    return this;
  }

  boolean(): boolean {
    const first = this.#bytes[this.#at++];
    if (first !== TRUE && first !== FALSE) this.#isPlain = false;
    return first === TRUE;
  }

  uint(max: number): number {
    return this.#head(0, max);
  }

  /** An integer from 0 on: of 64 bits, or of 63. */
  bigUint(bits: 63 | 64): bigint {
    const at = this.#at;
    if (this.#bytes[at] !== 27) return BigInt(this.#head(0, Number.MAX_SAFE_INTEGER));
    if (at + 9 > this.#bytes.byteLength || this.#view.getUint32(at + 1) === 0) {
      this.#isPlain = false;
      return 0n;
    }
    this.#at = at + 9;
    const value = this.#view.getBigUint64(at + 1);
    if (bits === 63 && value >= I64_END) this.#isPlain = false;
    return value;
  }

  /** Bytes where they lie; they change with what they are a part of. */
  bytes(count: number): Uint8Array {
    if (this.#head(MAJOR_BYTES, count) !== count) this.#isPlain = false;
    return this.#bytes.subarray(this.#at, this.#at += count);
  }

  text(maxBytes: number): string {
    const length = this.#head(MAJOR_TEXT, maxBytes);
    const bytes = this.#bytes;
    const start = this.#at;
    const end = start + length;
    if (end > bytes.byteLength) {
      this.#isPlain = false;
      return "";
    }
    this.#at = end;
    let all = 0;
    for (let at = start; at < end; at++) all |= bytes[at]!;
    if (all < 0x80) return this.#text.toString("latin1", start, end);
    try {
      return decodeUtf8(bytes.subarray(start, end));
    } catch {
      this.#isPlain = false;
      return "";
    }
  }

  /** An item's head of this type, its argument in its shortest form and at most `max`; else 0. */
  #head(major: number, max: number): number {
    const argument = this.#argument(major << 5);
    if (argument >= 0 && argument <= max) return argument;
    this.#isPlain = false;
    return 0;
  }

  /** Below 0 where it is none. */
  #argument(type: number): number {
    const bytes = this.#bytes;
    const at = this.#at;
    const minor = (bytes[at] ?? 0xff) - type;
    if (minor < 24) {
      this.#at = at + 1;
      return minor;
    }
    const count = 1 << (minor - 24);
    if (minor > 27 || at + 1 + count > bytes.byteLength) return -1;
    this.#at = at + 1 + count;
    if (minor === 24) return bytes[at + 1]! < 24 ? -1 : bytes[at + 1]!;
    if (minor === 25) {
      const value = bytes[at + 1]! << 8 | bytes[at + 2]!;
      return value < 0x100 ? -1 : value;
    }
    const high = this.#view.getUint32(at + 1);
    if (minor === 26) return high < 0x10000 ? -1 : high;
    // Beyond 2^53 it is no exact number, and beyond every bound.
    return high === 0 ? -1 : high * 2 ** 32 + this.#view.getUint32(at + 5);
  }
}
