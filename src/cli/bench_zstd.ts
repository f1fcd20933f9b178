// How fast this machine compresses and decompresses, on one thread, what shrinks and what does not.

import { loadZstd } from "../codec/compress.ts";
import { LIMITS } from "../base/limits.ts";
import type { CompressionChoice } from "../session/compression.ts";
import { codecsLeftOut } from "../session/equipment.ts";
import { LOAD_BYTES, noiseLoad, paceOf, textLoad } from "./bench_load.ts";
import type { BenchLine } from "./json_line.ts";

/** Two rows for each kind of data; none where nothing here can compress. */
export async function* benchZstd(
  { bytes, compression, signal }: {
    bytes: number;
    compression: CompressionChoice;
    signal: AbortSignal;
  },
): AsyncGenerator<BenchLine, void> {
  const zstd = await loadZstd({ without: codecsLeftOut() });
  const level = "level" in compression ? compression.level : LIMITS.defaultZstdLevel;
  for (const [kind, load] of [["text", textLoad()], ["noise", noiseLoad()]] as const) {
    // What it gives back is valid until its next call only.
    const packed = zstd.compress(load, level)?.slice() ?? null;
    if (packed === null) continue;
    const ratio = Number((packed.length / load.length).toFixed(3));
    const compressing = await paceOf(() => zstd.compress(load, level), { bytes, signal });
    const by = `${zstd.name} level ${level}`;
    yield { bench: "zstd", name: `compress ${kind}`, by, ratio, ...compressing };
    const unpack = () => zstd.decompress(packed, { rawBytes: LOAD_BYTES });
    const decompressing = await paceOf(unpack, { bytes, signal });
    yield {
      bench: "zstd",
      name: `decompress ${kind}`,
      by: zstd.decoderName,
      ...decompressing,
    };
  }
}
