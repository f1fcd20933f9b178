// CBOR (RFC 8949) as control messages use it: maps with text keys, arrays, text, bytes, integers,
// booleans and null, all of definite length and in their shortest form. Reading is our own: the library
// (cborg, which the tests hold it against) recurses without a bound, puts U+FFFD for broken UTF-8 and
// drops a leading byte order mark, which would let two names of a peer become one (I3).

import { decodeUtf8 } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";

export { encodeCbor } from "./cbor_writer.ts";

/** What a control message's body is made of. Integers beyond 2^53 - 1 are bigints. */
export type CborValue =
  | number
  | bigint
  | string
  | boolean
  | null
  | Uint8Array
  | readonly CborValue[]
  | CborMap;

/** A map; without a prototype when it was decoded, so that every key in it came from the peer. */
export interface CborMap {
  readonly [key: string]: CborValue;
}

const MAJOR_UINT = 0;
const MAJOR_NEGINT = 1;
const MAJOR_BYTES = 2;
const MAJOR_TEXT = 3;
const MAJOR_MAP = 5;
const MAJOR_TAG = 6;
const MAJOR_SIMPLE = 7;

const SIMPLE_VALUES = new Map([[20, false], [21, true], [22, null]]);
/** Smallest argument that needs 1, 2, 4 and 8 bytes of its own. */
const SMALLEST_ARGUMENTS = [24, 0x100, 0x10000, 0x100000000] as const;

/** The one value that fills `bytes`. Throws a `protocol` error whose text is the state found. */
export function decodeCbor(bytes: Uint8Array): CborValue {
  const reader = new Reader(bytes);
  const open: Container[] = [];
  for (let items = 1;; items++) {
    if (items > LIMITS.cborItems) throw fault(`it has more than ${LIMITS.cborItems} items`);
    let value = reader.next(open.at(-1)?.wantsKey ?? false);
    if (value instanceof Container && value.remaining > 0) {
      open.push(value);
      if (open.length > LIMITS.cborDepth) {
        throw fault(`it nests deeper than ${LIMITS.cborDepth} levels`);
      }
      continue;
    }
    // Closes every container that this value was the last item of.
    for (;;) {
      const done: CborValue = value instanceof Container ? value.built : value;
      const container = open.at(-1);
      if (container === undefined) {
        if (!reader.done) throw fault("it has bytes after its end");
        return done;
      }
      container.take(done);
      if (container.remaining > 0) break;
      open.pop();
      value = container;
    }
  }
}

/** An array or a map under construction; a map takes keys and values in turn. */
class Container {
  readonly built: CborValue[] | Record<string, CborValue>;
  /** Items still to come; a map has two a pair. */
  remaining: number;
  #key: string | null = null;

  constructor(isMap: boolean, items: number) {
    // Without a prototype, the key "__proto__" is a key like any other.
    this.built = isMap ? Object.create(null) as Record<string, CborValue> : [];
    this.remaining = items;
  }

  get wantsKey(): boolean {
    return !Array.isArray(this.built) && this.#key === null;
  }

  take(value: CborValue): void {
    this.remaining--;
    if (Array.isArray(this.built)) {
      this.built.push(value);
    } else if (this.#key !== null) {
      this.built[this.#key] = value;
      this.#key = null;
    } else {
      const key = String(value);
      if (Object.hasOwn(this.built, key)) throw fault("it has a repeated key");
      this.#key = key;
    }
  }
}

/** Reads one item after the other; of an array or a map only its head. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.#bytes.byteLength;
  }

  next(wantsKey: boolean): CborValue | Container {
    const first = this.#bytes[this.#at++];
    if (first === undefined) throw fault("it is cut short");
    const major = first >> 5;
    const minor = first & 31;
    if (wantsKey && major !== MAJOR_TEXT) throw fault("it has a key that is not text");
    if (major === MAJOR_TAG) throw fault("it has a tag");
    if (major === MAJOR_SIMPLE) {
      const simple = SIMPLE_VALUES.get(minor);
      if (simple === undefined) throw fault("it has a float or an unknown simple value");
      return simple;
    }
    const argument = this.#argument(minor);
    switch (major) {
      case MAJOR_UINT:
        return argument;
      case MAJOR_NEGINT:
        return typeof argument === "number" && argument < Number.MAX_SAFE_INTEGER
          ? -1 - argument
          : -1n - BigInt(argument);
      case MAJOR_BYTES:
        return this.#take(argument).slice();
      case MAJOR_TEXT:
        return decodeText(this.#take(argument));
      default: {
        // Only an array (major type 4) and a map are left.
        const isMap = major === MAJOR_MAP;
        const items = isMap ? 2 * Number(argument) : Number(argument);
        // An item is a byte at least, so no count outgrows what was really sent (I3).
        if (items > this.#bytes.byteLength - this.#at) throw fault("it is cut short");
        return new Container(isMap, items);
      }
    }
  }

  /** The number in an item's head: a value, or a length. */
  #argument(minor: number): number | bigint {
    if (minor < 24) return minor;
    if (minor > 27) throw fault("it has an indefinite or reserved length");
    const argument = this.#uint(1 << (minor - 24));
    if (argument < (SMALLEST_ARGUMENTS[minor - 24] ?? 0)) {
      throw fault("it has an integer that is not in its shortest form");
    }
    return argument;
  }

  /** A big-endian integer; beyond 2^53 - 1 a bigint. No array is made for it: entries are full of them. */
  #uint(count: number): number | bigint {
    if (count > this.#bytes.byteLength - this.#at) throw fault("it is cut short");
    if (count === 8) {
      const high = this.#u32(4);
      const low = this.#u32(4);
      return high < 1 << 21 ? high * 2 ** 32 + low : BigInt(high) << 32n | BigInt(low);
    }
    return this.#u32(count);
  }

  /** Up to four bytes that are there. */
  #u32(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++) value = value * 256 + this.#bytes[this.#at++]!;
    return value;
  }

  #take(count: number | bigint): Uint8Array {
    if (count > this.#bytes.byteLength - this.#at) throw fault("it is cut short");
    const start = this.#at;
    this.#at += Number(count);
    return this.#bytes.subarray(start, this.#at);
  }
}

function decodeText(bytes: Uint8Array): string {
  // Most keys are one letter: no call out for these.
  if (bytes.byteLength === 1 && bytes[0]! < 0x80) return String.fromCharCode(bytes[0]!);
  try {
    return decodeUtf8(bytes);
  } catch (cause) {
    throw new SftpxError("protocol", "it has text that is not UTF-8", { remote: true, cause });
  }
}

function fault(found: string): SftpxError {
  return new SftpxError("protocol", found, { remote: true });
}
