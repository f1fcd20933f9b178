// A writer for the few DER (X.690) forms that a certificate needs. It promises minimal lengths and
// canonical values; it reads nothing, because no certificate of a peer is ever parsed here.

import { concatBytes, encodeUtf8 } from "../base/bytes.ts";

type Der = Uint8Array<ArrayBuffer>;

/** SEQUENCE of elements already encoded. */
export function derSequence(...elements: readonly Der[]): Der {
  return element(0x30, ...elements);
}

/** SET of one element; more would need sorting. */
export function derSet(only: Der): Der {
  return element(0x31, only);
}

/** Non-negative INTEGER from its big-endian bytes. */
export function derInteger(magnitude: Uint8Array): Der {
  let from = 0;
  while (from < magnitude.length - 1 && magnitude[from] === 0) from++;
  const bytes = magnitude.slice(from);
  const first = bytes[0];
  if (first === undefined) throw new RangeError("Cannot write a DER integer of no bytes");
  return element(0x02, first >= 0x80 ? concatBytes([Uint8Array.of(0), bytes]) : bytes);
}

/** OBJECT IDENTIFIER from dotted text. */
export function derOid(dotted: string): Der {
  const arcs = dotted.split(".").map(Number);
  const [first, second, ...rest] = arcs;
  if (first === undefined || second === undefined || !arcs.every(Number.isSafeInteger)) {
    throw new RangeError(`Cannot write object identifier "${dotted}"`);
  }
  return element(0x06, ...[first * 40 + second, ...rest].map(base128));
}

/** BOOLEAN TRUE; FALSE is a default everywhere here and DER leaves defaults out. */
export function derTrue(): Der {
  return Uint8Array.of(0x01, 0x01, 0xff);
}

/** OCTET STRING. */
export function derOctets(bytes: Uint8Array): Der {
  return element(0x04, bytes);
}

/** BIT STRING of whole bytes, or with `unusedBits` at its end. */
export function derBits(bytes: Uint8Array, unusedBits: number = 0): Der {
  return element(0x03, Uint8Array.of(unusedBits), bytes);
}

/** UTF8String. */
export function derText(text: string): Der {
  return element(0x0c, encodeUtf8(text));
}

/** Context-specific element `[number]`: constructed around elements, or primitive bytes. */
export function derTagged(
  number: number,
  content: Uint8Array,
  options: { readonly constructed: boolean },
): Der {
  return element((options.constructed ? 0xa0 : 0x80) | number, content);
}

/** A point in time: UTCTime through 2049, GeneralizedTime from 2050 (RFC 5280, 4.1.2.5). */
export function derTime(timeMs: number): Der {
  const digits = new Date(timeMs).toISOString().replace(/\.\d+Z$/, "Z").replace(/[-:T]/g, "");
  if (!/^(19[5-9]|[2-9]\d\d)\d{11}Z$/.test(digits)) {
    throw new RangeError(`Cannot write ${timeMs} ms as a certificate's time`);
  }
  return digits < "2050" ? element(0x17, encodeUtf8(digits.slice(2))) : element(
    0x18,
    encodeUtf8(digits),
  );
}

/** Tag, shortest length, content. */
function element(tag: number, ...content: readonly Uint8Array[]): Der {
  const body = concatBytes(content);
  const size = body.byteLength;
  const length = size < 0x80
    ? [size]
    : size < 0x100
    ? [0x81, size]
    : size < 0x10000
    ? [0x82, size >> 8, size & 0xff]
    : null;
  if (length === null) throw new RangeError(`Cannot write a DER element of ${size} bytes`);
  return concatBytes([Uint8Array.of(tag, ...length), body]);
}

function base128(arc: number): Der {
  const digits = [arc & 0x7f];
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128)) {
    digits.unshift(0x80 | (rest & 0x7f));
  }
  return Uint8Array.from(digits);
}
