// What a field of a control message may hold: one codec a kind of value, which writes it, reads it
// and refuses what is out of bounds in both directions (I3). A fault is a `protocol` (or
// `bad_name`) error whose text is the place and the state found; `control.ts` makes the sentence.

import { utf8Bytes } from "../base/bytes.ts";
import { type ErrorCode, SftpxError } from "../base/errors.ts";
import type { CborMap, CborValue } from "./cbor.ts";
import { compareKeys } from "./cbor_writer.ts";

/** Both directions of one kind of value. Both throw a fault on a value out of bounds. */
export interface Codec<T> {
  encode(value: T): CborValue;
  decode(value: CborValue): T;
}

/** A codec under its key. */
export interface Field<T> {
  readonly key: string;
  readonly codec: Codec<T>;
  readonly optional: boolean;
}

/** A field for every property of `T`. */
export type Fields<T> = { readonly [K in keyof T]-?: Field<Exclude<T[K], undefined>> };

/** A fault; the text starts with a space or with the key it happened under. */
export function fault(found: string, code: ErrorCode = "protocol"): SftpxError {
  return new SftpxError(code, found, { remote: true });
}

/** A field that must be there. */
export function field<T>(key: string, codec: Codec<T>): Field<T> {
  return { key, codec, optional: false };
}

/** A field that may be absent; the property is then absent as well. */
export function optional<T>(key: string, codec: Codec<T>): Field<T> {
  return { key, codec, optional: true };
}

/**
 * A map with these fields; others in it are ignored, so that a newer peer may add some. `refine`
 * says what is wrong with the fields taken together, or null.
 */
export function record<T extends object>(
  fields: Fields<T>,
  refine: (value: T) => string | null = () => null,
): Codec<T> {
  const named = Object.entries(fields) as [keyof T & string, Field<unknown>][];
  const table = named.map(([property, field]) => ({ property, ...field }));
  // As they are written: the writer then has nothing to sort.
  const sorted = table.toSorted((a, b) => compareKeys(a.key, b.key));
  return {
    encode(value) {
      checkRefined(refine(value));
      const map: Record<string, CborValue> = {};
      let at = "";
      try {
        for (const { property, key, codec, optional } of sorted) {
          const held: unknown = value[property];
          if (held === undefined && optional) continue;
          at = key;
          map[key] = codec.encode(held);
        }
      } catch (error) {
        throw under(at, error);
      }
      return map;
    },
    decode(map) {
      if (!isMap(map)) throw fault(" is not a map");
      const value: Record<string, unknown> = {};
      let at = "";
      try {
        for (const { property, key, codec, optional } of table) {
          at = key;
          const held = map[key];
          if (held !== undefined) value[property] = codec.decode(held);
          else if (!optional) throw fault(" is missing");
        }
      } catch (error) {
        throw under(at, error);
      }
      checkRefined(refine(value as T));
      return value as T;
    },
  };
}

/** An array of at most `max` items. */
export function list<T>(item: Codec<T>, max: number): Codec<readonly T[]> {
  const check = (length: number) => {
    if (length > max) throw fault(` has more than ${max} items`);
  };
  return {
    encode(values) {
      check(values.length);
      return values.map((value) => item.encode(value));
    },
    decode(values) {
      if (!isArray(values)) throw fault(" is not an array");
      check(values.length);
      return values.map((value) => item.decode(value));
    },
  };
}

/** An unsigned integer from `min` to `max`, at most 2^53 - 1. */
export function uint(max: number, min = 0): Codec<number> {
  const check = (value: unknown): number => {
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < min || value > max) {
      throw fault(` is not an integer from ${min} to ${max}`);
    }
    return value;
  };
  return { encode: check, decode: check };
}

/** An integer from `min` to `max` as a bigint. */
export function integer(min: bigint, max: bigint): Codec<bigint> {
  const check = (value: unknown): bigint => {
    if (typeof value !== "bigint" || value < min || value > max) {
      throw fault(` is not an integer from ${min} to ${max}`);
    }
    return value;
  };
  return {
    encode: check,
    decode(value) {
      if (typeof value !== "bigint" && !(typeof value === "number" && Number.isInteger(value))) {
        throw fault(" is not an integer");
      }
      return check(BigInt(value));
    },
  };
}

/** True or false. */
export function boolean(): Codec<boolean> {
  const check = (value: unknown): boolean => {
    if (typeof value !== "boolean") throw fault(" is not true or false");
    return value;
  };
  return { encode: check, decode: check };
}

/** A byte string of `min` to `max` bytes in steps of `step`. */
export function bytes(min: number, max = min, step = 1): Codec<Uint8Array> {
  const check = (value: unknown): Uint8Array => {
    if (!(value instanceof Uint8Array)) throw fault(" is not a byte string");
    const length = value.byteLength;
    if (length < min || length > max || length % step !== 0) {
      throw fault(` has ${length} bytes, which cannot be`);
    }
    return value;
  };
  return { encode: check, decode: check };
}

/** Well-formed text of at most `maxBytes` bytes of UTF-8. */
export function text(maxBytes: number): Codec<string> {
  const check = (value: unknown): string => {
    if (typeof value !== "string") throw fault(" is not text");
    if (utf8Bytes(value) > maxBytes) {
      throw fault(` is longer than ${maxBytes} bytes`);
    }
    if (!value.isWellFormed()) throw fault(" is not valid Unicode");
    return value;
  };
  return { encode: check, decode: check };
}

/** Text for people: as {@linkcode text}, but what is too long is cut when it is written. */
export function prose(maxBytes: number): Codec<string> {
  const strict = text(maxBytes);
  return { encode: (value) => cutUtf8(value.toWellFormed(), maxBytes), decode: strict.decode };
}

/** Text that `problem` finds nothing wrong with. */
export function checkedText(
  maxBytes: number,
  { problem, code }: { problem: (value: string) => string | null; code: ErrorCode },
): Codec<string> {
  const plain = text(maxBytes);
  const check = (value: string): string => {
    const found = problem(value);
    if (found !== null) throw fault(` is refused, ${found}`, code);
    return value;
  };
  return {
    encode: (value) => plain.encode(check(value)),
    decode: (value) => check(plain.decode(value)),
  };
}

/** A codec with one more thing to be right about. */
export function refined<T>(
  codec: Codec<T>,
  problem: (value: T) => string | null,
  code: "protocol" | "bad_name" = "protocol",
): Codec<T> {
  const check = (value: T): T => {
    const found = problem(value);
    if (found !== null) throw fault(found, code);
    return value;
  };
  return {
    encode: (value) => codec.encode(check(value)),
    decode: (value) => check(codec.decode(value)),
  };
}

/** One of a few words, each a number on the wire. */
export function word<T extends string>(numbers: Readonly<Record<T, number>>): Codec<T> {
  const words = new Map(Object.entries(numbers).map(([name, number]) => [number, name as T]));
  return {
    encode(value) {
      if (!Object.hasOwn(numbers, value)) throw fault(" is an unknown word");
      return numbers[value];
    },
    decode(value) {
      const found = typeof value === "number" ? words.get(value) : undefined;
      if (found === undefined) throw fault(" is an unknown number");
      return found;
    },
  };
}

/** A fault with the key before it that it happened under; anything else as it was thrown. */
function under(key: string, error: unknown): unknown {
  if (!(error instanceof SftpxError)) return error;
  const separator = error.message.startsWith(" ") ? "" : ".";
  return fault(key + separator + error.message, error.code);
}

function checkRefined(problem: string | null): void {
  if (problem !== null) throw fault(problem);
}

function isArray(value: CborValue): value is readonly CborValue[] {
  return Array.isArray(value);
}

function isMap(value: CborValue): value is CborMap {
  return typeof value === "object" && value !== null && !isArray(value) &&
    !(value instanceof Uint8Array);
}

function cutUtf8(value: string, maxBytes: number): string {
  if (utf8Bytes(value) <= maxBytes) return value;
  let cut = "";
  let held = 0;
  for (const char of value) {
    held += utf8Bytes(char);
    if (held > maxBytes) break;
    cut += char;
  }
  return cut;
}
