// zstd from whichever package loads, fastest first. Promises that decoding is bounded by the size
// announced, whatever the bytes claim (I3), and yields exactly that size. Nothing is imported before
// `loadZstd` is called.

import { SftpxError } from "../base/errors.ts";
import { checkZstdFrame } from "./zstd_header.ts";
import { loadFzstd } from "./zstd_fzstd.ts";
import { loadNativeZstd } from "./zstd_native.ts";
import { loadNodeZstd } from "./zstd_node.ts";

/** One package's encoder. What it returns is valid until its next call. */
export interface ZstdEncoder {
  readonly name: string;
  compress(bytes: Uint8Array, level: number): Uint8Array;
}

/**
 * One package's decoder. Called with a frame that `checkZstdFrame` passed; may throw anything. What it
 * returns is valid until its next call and never longer than `rawBytes`.
 */
export interface ZstdDecoder {
  readonly name: string;
  decompress(bytes: Uint8Array, options: { rawBytes: number }): Uint8Array;
}

/** What one package offers. */
export interface ZstdPackage {
  readonly encoder: ZstdEncoder | null;
  readonly decoder: ZstdDecoder;
}

/** zstd as chunk workers use it. */
export interface Zstd {
  /** Package that compresses, or `none`. */
  readonly name: string;
  /** Package that decompresses. */
  readonly decoderName: string;
  /** Compressed bytes, valid until the next call, or null when nothing here can compress. */
  compress(bytes: Uint8Array, level: number): Uint8Array | null;
  /** Exactly `rawBytes` bytes, valid until the next call, or an SftpxError (`protocol`, `integrity`). */
  decompress(bytes: Uint8Array, options: { rawBytes: number }): Uint8Array;
}

/** One way to get zstd; null where it cannot be had. */
export interface ZstdLoader {
  readonly name: string;
  load(): Promise<ZstdPackage | null>;
}

/** Every backend, fastest first. */
export const ZSTD_LOADERS: readonly ZstdLoader[] = [
  { name: "zstd-napi", load: loadNativeZstd },
  { name: "node:zlib", load: loadNodeZstd },
  { name: "fzstd", load: loadFzstd },
];

/** The fastest encoder and decoder that load and are not named in `without`. */
export async function loadZstd(options: { without: readonly string[] }): Promise<Zstd> {
  for (const loader of ZSTD_LOADERS) {
    if (options.without.includes(loader.name)) continue;
    const found = await loader.load();
    if (found !== null) return boundedZstd(found);
  }
  throw new SftpxError("unsupported", "Cannot decompress: no zstd package could be loaded");
}

/** Puts the bounds around a package. */
export function boundedZstd({ encoder, decoder }: ZstdPackage): Zstd {
  return {
    name: encoder?.name ?? "none",
    decoderName: decoder.name,
    compress: (bytes, level) => encoder?.compress(bytes, level) ?? null,
    decompress: (bytes, { rawBytes }) => {
      checkZstdFrame(bytes, { rawBytes });
      const raw = decode(decoder, { bytes, rawBytes });
      if (raw.length !== rawBytes) {
        throw corrupted(`it holds ${raw.length} bytes where ${rawBytes} were announced`);
      }
      return raw;
    },
  };
}

function decode(decoder: ZstdDecoder, from: { bytes: Uint8Array; rawBytes: number }): Uint8Array {
  try {
    return decoder.decompress(from.bytes, { rawBytes: from.rawBytes });
  } catch (error) {
    throw corrupted("its zstd stream is damaged", error);
  }
}

function corrupted(found: string, cause?: unknown): SftpxError {
  return new SftpxError("integrity", `Cannot decompress chunk: ${found}`, { remote: true, cause });
}
