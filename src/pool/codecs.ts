// What one worker computes with, loaded once at its start.

import { type Blake3, loadHash } from "../codec/hash.ts";
import { loadZstd, type Zstd } from "../codec/compress.ts";
import type { Ready } from "./messages.ts";
import { knowingZeros } from "./zeros.ts";

/** A worker's hash and zstd. */
export interface Codecs {
  readonly hash: Blake3;
  readonly zstd: Zstd;
}

/** Loads the fastest of each that is not named in `without`. */
export async function loadCodecs(options: { without: readonly string[] }): Promise<Codecs> {
  const [hash, zstd] = await Promise.all([loadHash(options), loadZstd(options)]);
  return { hash: knowingZeros(hash), zstd };
}

/** Their names, for `--version --verbose`. */
export function codecNames({ hash, zstd }: Codecs): Ready["codecs"] {
  return { hash: hash.name, compress: zstd.name, decompress: zstd.decoderName };
}
