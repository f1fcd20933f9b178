// Chunks of nothing but zeros: holes, disk images, files made ahead of what is written to them. What such a
// chunk hashes and shrinks to follows from its size, so neither is found out twice.

import { Buffer } from "node:buffer";
import { LIMITS } from "../base/limits.ts";
import type { Blake3 } from "../codec/hash.ts";
import type { Zstd } from "../codec/compress.ts";

/** Whether every byte is zero: the first one is, and each is what the one before it is. Others are told by
 * their first bytes. */
export function isZero(bytes: Uint8Array): boolean {
  if (bytes.length === 0) return true;
  if (bytes[0] !== 0) return false;
  return Buffer.compare(bytes.subarray(1), bytes.subarray(0, -1)) === 0;
}

/** The same hash, which knows what zeros came to the last time. */
export function knowingZeros(hash: Blake3): Blake3 {
  let [ofBytes, known] = [-1, new Uint8Array(0)];
  return {
    ...hash,
    digest: (bytes) => {
      if (!isZero(bytes)) return hash.digest(bytes);
      if (bytes.length !== ofBytes) [ofBytes, known] = [bytes.length, hash.digest(bytes)];
      return known.slice();
    },
  };
}

/** What chunks of zeros shrink to, of the size that was asked for last. */
export class PackedZeros {
  readonly #zstd: Zstd;
  #ofBytes = 0;
  #packed: Uint8Array | null = null;

  constructor(zstd: Zstd) {
    this.#zstd = zstd;
  }

  /** Of these; null where nothing here can compress, or that is no less. */
  of(zeros: Uint8Array): Uint8Array | null {
    if (zeros.length !== this.#ofBytes) {
      const packed = this.#zstd.compress(zeros, LIMITS.defaultZstdLevel);
      this.#packed = packed === null || packed.length >= zeros.length ? null : packed.slice();
      this.#ofBytes = zeros.length;
    }
    return this.#packed;
  }
}
