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
        decompressAtOnce(bytes, {
          chunkSize: Math.max(rawBytes, MIN_CHUNK_BYTES),
          maxOutputLength: rawBytes,
          params: { [ZSTD_d_windowLogMax]: LIMITS.zstdWindowLog },
        }),
    },
  };
}

/**
 * As `zstdDecompressSync`, which in Deno leaves its decoder to a collector that does not know how large
 * it is: a peer whose chunks do not decompress would fill the memory (I8). This one is closed at once.
 */
function decompressAtOnce(bytes: Uint8Array, options: zlib.ZstdOptions): Uint8Array {
  const decoder: OpenDecoder = zlib.createZstdDecompress(options);
  try {
    if (decoder._processChunk === undefined) return zlib.zstdDecompressSync(bytes, options);
    decoder.on("error", () => {}); // It is thrown as well.
    return decoder._processChunk(bytes, zlib.constants.ZSTD_e_end);
  } finally {
    decoder.close();
  }
}

/** The step that the runtimes' own synchronous calls are made of, which their types leave out. */
type OpenDecoder = zlib.ZstdDecompress & {
  readonly _processChunk?: (bytes: Uint8Array, flush: number) => Uint8Array;
};

/** The smallest output piece `node:zlib` takes. */
const MIN_CHUNK_BYTES = 64;

function outputBoundBytes(rawBytes: number): number {
  return rawBytes + (rawBytes >> 8) + 1024;
}
