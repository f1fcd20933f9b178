// zstd by the runtime's own `node:zlib`: the only importer of it. Output is bounded by the runtime;
// the window again by `LIMITS.zstdWindowLog`.

import * as zlib from "node:zlib";
import { LIMITS } from "../base/limits.ts";
import type { ZstdPackage } from "./compress.ts";

/** The runtime's encoder and decoder, or null where it has none. */
export function loadNodeZstd(): Promise<ZstdPackage | null> {
  return Promise.resolve(typeof zlib.zstdCompressSync === "function" ? nodeZstd() : null);
}

function nodeZstd(): ZstdPackage {
  const name = "node:zlib";
  const { ZSTD_c_compressionLevel, ZSTD_d_windowLogMax } = zlib.constants;
  return {
    encoder: {
      name,
      compress: (bytes, level) =>
        zlib.zstdCompressSync(bytes, {
          // One output piece instead of many that would be joined: twice as fast at 2 MiB.
          chunkSize: outputBoundBytes(bytes.length),
          params: { [ZSTD_c_compressionLevel]: level },
        }),
    },
    decoder: {
      name,
      decompress: (bytes, { rawBytes }) =>
        zlib.zstdDecompressSync(bytes, {
          chunkSize: Math.max(rawBytes, MIN_CHUNK_BYTES),
          maxOutputLength: rawBytes,
          params: { [ZSTD_d_windowLogMax]: LIMITS.zstdWindowLog },
        }),
    },
  };
}

/** The smallest output piece `node:zlib` takes. */
const MIN_CHUNK_BYTES = 64;

function outputBoundBytes(rawBytes: number): number {
  return rawBytes + (rawBytes >> 8) + 1024;
}
