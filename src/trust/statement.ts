// The one form of everything that is signed or authenticated by a MAC: an ASCII context string, a
// NUL, then each part after its length. A context is never a prefix of another kind of statement,
// and never begins with byte 0x30, with which every certificate's signed part begins: no signature
// here can become a certificate.

import { concatBytes, encodeUtf8 } from "../base/bytes.ts";

/** context, 0x00, then for each part its length (32 bits, big-endian) and its bytes. */
export function statementBytes(
  context: string,
  parts: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  if (!/^sftpx [\x20-\x7e]+$/.test(context)) {
    throw new RangeError(`Cannot use "${context}" as a context: it is not "sftpx ..." in ASCII`);
  }
  const pieces: Uint8Array[] = [encodeUtf8(context), Uint8Array.of(0)];
  for (const part of parts) pieces.push(u32(part.byteLength), part);
  return concatBytes(pieces);
}

/** 32 bits, big-endian. Throws RangeError on a number that does not fit. */
export function u32(value: number): Uint8Array<ArrayBuffer> {
  if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
    throw new RangeError(`Cannot write ${value} in 32 bits`);
  }
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

/** 64 bits, big-endian. Throws RangeError on what is no count. */
export function u64(value: number): Uint8Array<ArrayBuffer> {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`Cannot write ${value} in 64 bits`);
  }
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/** Insists on a fixed length: a programmer's mistake otherwise, as decoders bound what peers send. */
export function sized(bytes: Uint8Array, length: number, name: string): Uint8Array {
  if (bytes.byteLength !== length) {
    throw new RangeError(`${name} has ${bytes.byteLength} bytes, not ${length}`);
  }
  return bytes;
}
