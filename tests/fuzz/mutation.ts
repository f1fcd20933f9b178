// What chance does to bytes and text: flips, cuts, splices, repeats, and numbers at the edges of what
// lengths can say. Also how a value that fails is made smaller.

import { concatBytes } from "../../src/base/bytes.ts";
import { Random } from "../simulation/clock.ts";

/** Nothing that is fuzzed is longer than this, so that slow means more than linear. */
export const MOST_BYTES = 64 * 1024;

const EDGES = [0, 1, 2, 0x17, 0x18, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000];
const FAR_EDGES = [...EDGES, 0xff_ffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff];
const NASTY_TEXT = [
  "\0",
  "\n",
  "\r",
  "\t",
  " ",
  '"',
  "'",
  "\\",
  "/",
  "//",
  ".",
  "..",
  "../",
  "#",
  "=",
  "[",
  "]]",
  "{",
  "}",
  ":",
  ",",
  "@",
  "%",
  "%00",
  "%2e%2e",
  "*",
  "**",
  "***",
  "?",
  "[!",
  "[[:alpha:]]",
  "-",
  "0",
  "1e309",
  "-0",
  "18446744073709551616",
  "__proto__",
  "constructor",
  "\u001b[2J",
  "\u009b",
  "\u202e",
  "\u2066",
  "\u200b",
  "\ufeff",
  "\ud800",
  "\udc00",
  "\u{1f600}",
  "e\u0301",
  "\u212a",
  "\u0130",
  ".sftpx",
  "CON",
  "a:b",
  "trailing.",
];

/** The generator of a case; neighbouring seeds have nothing in common. */
export function randomOf(seed: number): Random {
  const random = new Random(seed);
  for (let i = 0; i < 4; i++) random.next();
  return random;
}

/** One of the seeds, changed in a few places; now and then as it is. */
export function mutatedBytes(random: Random, seeds: readonly Uint8Array[]): Uint8Array {
  if (random.chance(0.03)) return random.bytes(random.below(200));
  let bytes = random.pick(seeds);
  const changes = random.pick([0, 1, 1, 1, 2, 3, 6]);
  for (let i = 0; i < changes; i++) bytes = changedBytes(random, bytes, seeds);
  return bytes.slice(0, MOST_BYTES);
}

function changedBytes(
  random: Random,
  bytes: Uint8Array,
  seeds: readonly Uint8Array[],
): Uint8Array {
  const length = bytes.byteLength;
  const at = random.below(length + 1);
  const end = Math.min(length, at + 1 + random.below(random.pick([1, 4, 32, length + 1])));
  const cut = (from: number, to?: number) => bytes.subarray(from, to);
  switch (random.below(9)) {
    case 0: { // a bit
      const out = bytes.slice();
      if (at < length) out[at]! ^= 1 << random.below(8);
      return out;
    }
    case 1: { // a byte
      const out = bytes.slice();
      if (at < length) out[at] = random.chance(0.5) ? random.pick(EDGES) : random.below(256);
      return out;
    }
    case 2: // a number
      return withNumber(random, bytes, at);
    case 3: // an end too early
      return bytes.slice(0, at);
    case 4: // a gap
      return concatBytes([cut(0, at), cut(end)]);
    case 5: // more
      return concatBytes([cut(0, at), random.bytes(1 + random.below(16)), cut(at)]);
    case 6: // the same again
      return concatBytes([cut(0, end), cut(at)]);
    case 7: { // another's end
      const other = random.pick(seeds);
      return concatBytes([cut(0, at), other.subarray(random.below(other.byteLength + 1))]);
    }
    default: { // many times the same
      const piece = cut(at, end);
      const times = random.chance(0.1) ? MOST_BYTES / (piece.byteLength + 1) : random.below(40);
      const pieces = Array.from({ length: Math.floor(times) }, () => piece);
      return concatBytes([cut(0, end), ...pieces, cut(end)]);
    }
  }
}

/** A big- or little-endian number of 1, 2, 4 or 8 bytes written over, or one that is there and one off. */
function withNumber(random: Random, bytes: Uint8Array, at: number): Uint8Array {
  const width = random.pick([1, 2, 4, 8]);
  const out = bytes.slice();
  if (at + width > out.byteLength) return out;
  const view = new DataView(out.buffer);
  const isLittle = random.chance(0.3);
  if (width === 4 && random.chance(0.4)) {
    view.setUint32(at, view.getUint32(at, isLittle) + random.pick([-1, 1]), isLittle);
    return out;
  }
  const number = random.pick([...FAR_EDGES, out.byteLength - at - width, out.byteLength]);
  if (width === 1) view.setUint8(at, number);
  else if (width === 2) view.setUint16(at, number, isLittle);
  else if (width === 4) view.setUint32(at, number, isLittle);
  else view.setBigUint64(at, BigInt(number) << BigInt(random.pick([0, 0, 21, 32])), isLittle);
  return out;
}

/** As {@linkcode mutatedBytes}, of UTF-16 units; `words` are what the grammar knows. */
export function mutatedText(
  random: Random,
  seeds: readonly string[],
  words: readonly string[] = [],
): string {
  const pool = [...NASTY_TEXT, ...words, ...words];
  if (random.chance(0.05)) {
    return Array.from({ length: random.below(12) }, () => random.pick(pool)).join("");
  }
  let text = random.pick(seeds);
  const changes = random.pick([0, 1, 1, 2, 3, 8]);
  for (let i = 0; i < changes; i++) text = changedText(random, text, { seeds, pool });
  return text.slice(0, MOST_BYTES);
}

function changedText(
  random: Random,
  text: string,
  { seeds, pool }: { readonly seeds: readonly string[]; readonly pool: readonly string[] },
): string {
  const at = random.below(text.length + 1);
  const end = Math.min(text.length, at + 1 + random.below(random.pick([1, 4, 32])));
  switch (random.below(7)) {
    case 0: // a character
      return text.slice(0, at) + String.fromCharCode(random.below(0x250)) + text.slice(at + 1);
    case 1:
      return text.slice(0, at) + random.pick(pool) + text.slice(at);
    case 2:
      return text.slice(0, at) + random.pick(pool) + text.slice(end);
    case 3:
      return text.slice(0, at);
    case 4:
      return text.slice(0, at) + text.slice(end);
    case 5: {
      const other = random.pick(seeds);
      return text.slice(0, at) + other.slice(random.below(other.length + 1));
    }
    default: {
      const piece = random.chance(0.5) ? text.slice(at, end) : random.pick(pool);
      const most = MOST_BYTES / (piece.length + 1);
      const times = random.chance(0.1) ? most : random.below(40);
      return text.slice(0, at) + piece.repeat(Math.floor(times)) + text.slice(at);
    }
  }
}

/** Smaller byte strings: halves gone first, then single bytes, then zeros. */
export function* smallerBytes(bytes: Uint8Array): Generator<Uint8Array> {
  for (let size = bytes.byteLength >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at + size <= bytes.byteLength; at += size) {
      yield concatBytes([bytes.subarray(0, at), bytes.subarray(at + size)]);
    }
  }
  for (let at = 0; at < bytes.byteLength; at++) {
    if (bytes[at] === 0) continue;
    const out = bytes.slice();
    out[at] = 0;
    yield out;
  }
}

/** Smaller texts: halves gone first, then single characters. */
export function* smallerText(text: string): Generator<string> {
  for (let size = text.length >> 1; size >= 1; size >>= 1) {
    for (let at = 0; at + size <= text.length; at += size) {
      yield text.slice(0, at) + text.slice(at + size);
    }
  }
}

/** Bytes as a person can copy them. */
export function shownBytes(bytes: Uint8Array): string {
  return `${bytes.byteLength} bytes ${bytes.toHex()}`;
}
