// Byte strings: their text forms, comparison and joining. Decoders take canonical text only and
// throw RangeError on anything else; nothing here knows what the bytes mean.

const HEX_DIGITS = "0123456789abcdef";
const BASE32_DIGITS = "abcdefghijklmnopqrstuvwxyz234567";
const ENCODER = new TextEncoder();
const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Lowercase hex digits, two a byte. */
export function toHex(bytes: Uint8Array): string {
  let out = "";
  for (const byte of bytes) out += HEX_DIGITS.charAt(byte >> 4) + HEX_DIGITS.charAt(byte & 15);
  return out;
}

/** Reads hex digits of either case. Throws RangeError on an odd length or another character. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  if (text.length % 2 !== 0) throw new RangeError("Cannot read hex: its length is odd");
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = hexDigit(text.charCodeAt(2 * i)) << 4 | hexDigit(text.charCodeAt(2 * i + 1));
  }
  return bytes;
}

/** RFC 4648 base32, lowercase, without padding. */
export function toBase32(bytes: Uint8Array): string {
  let out = "";
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = (held << 8 | byte) & 0xfff;
    bits += 8;
    for (; bits >= 5; bits -= 5) out += BASE32_DIGITS.charAt(held >> (bits - 5) & 31);
  }
  if (bits > 0) out += BASE32_DIGITS.charAt(held << (5 - bits) & 31);
  return out;
}

/**
 * Reads what {@linkcode toBase32} writes. Canonical only, so that one value has one text: throws
 * RangeError on uppercase, padding, an impossible length or stray trailing bits.
 */
export function fromBase32(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(Math.floor(text.length * 5 / 8));
  let held = 0;
  let bits = 0;
  let at = 0;
  for (const letter of text) {
    const digit = BASE32_DIGITS.indexOf(letter);
    if (digit < 0) throw new RangeError("Cannot read base32: it has a character outside a-z, 2-7");
    held = (held << 5 | digit) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes[at++] = held >> bits & 0xff;
    }
  }
  if (bits >= 5) throw new RangeError("Cannot read base32: its length is impossible");
  if ((held & ((1 << bits) - 1)) !== 0) {
    throw new RangeError("Cannot read base32: its last character has stray bits");
  }
  return bytes;
}

/** One new array with all parts in order. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.byteLength;
  }
  return out;
}

/** Whether both hold the same bytes; takes the same time wherever equal lengths differ. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.byteLength !== b.byteLength) return false;
  let difference = 0;
  for (let i = 0; i < a.byteLength; i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

/** Byte-wise order, a prefix first: negative, zero or positive. Not for secrets. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.byteLength, b.byteLength);
  for (let i = 0; i < shared; i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.byteLength - b.byteLength;
}

/** UTF-8 of well-formed text; a lone surrogate becomes U+FFFD, so check for one first. */
export function encodeUtf8(text: string): Uint8Array<ArrayBuffer> {
  return ENCODER.encode(text);
}

/** Where one text after the other is encoded that is only looked at: the next one takes its place. */
export class Utf8Room {
  #bytes = new Uint8Array(256);

  /** UTF-8 of well-formed text. Letter by letter while it is ASCII, which beats a call out. */
  encode(text: string): Uint8Array<ArrayBuffer> {
    const { length } = text;
    if (length > this.#bytes.byteLength) this.#bytes = new Uint8Array(2 * length);
    const bytes = this.#bytes;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return encodeUtf8(text);
      bytes[i] = code;
    }
    return bytes.subarray(0, length);
  }
}

/** Text of UTF-8 bytes, a byte order mark kept. Throws TypeError where they are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  return DECODER.decode(bytes);
}

/** Bytes of UTF-8, counted without making them. */
export function utf8Bytes(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    // Either half of a surrogate pair counts two of its four bytes.
    bytes += unit < 0x80 ? 1 : unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 2 : 3;
  }
  return bytes;
}

function hexDigit(unit: number): number {
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30;
  const lower = unit | 0x20;
  if (lower >= 0x61 && lower <= 0x66) return lower - 0x57;
  throw new RangeError("Cannot read hex: it has a character that is no hex digit");
}
