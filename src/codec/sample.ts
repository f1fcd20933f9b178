// Whether compressing a chunk pays, guessed from small samples, so that data which does not shrink
// costs next to nothing in `auto` mode.

import type { Zstd } from "./compress.ts";

const SAMPLE_BYTES = 4096;
const SAMPLES = 3;
/** What is no longer than this is as cheap to compress as to sample. */
export const SAMPLED_BYTES = SAMPLES * SAMPLE_BYTES;
const SAMPLE_LEVEL = 1;
/** Below it, encoding costs more time than the saved bytes do on any network worth the name. */
export const LEAST_SAVING = 1 / 8;

/**
 * What samples from the beginning, middle and end of `bytes` shrink to together, as a share of their
 * size; 1 where nothing here can compress. They are put side by side into `scratch` and compressed in
 * one call: a call costs more than its bytes.
 */
export function sampledRatio(zstd: Zstd, bytes: Uint8Array, scratch: SampleScratch): number {
  const sample = scratch.gather(bytes);
  const packed = zstd.compress(sample, SAMPLE_LEVEL);
  return packed === null ? 1 : packed.length / sample.length;
}

/** Memory for samples, kept from chunk to chunk. */
export class SampleScratch {
  readonly #bytes = new Uint8Array(SAMPLED_BYTES);

  /** The samples of `bytes`, or all of it when it is no larger than they are. */
  gather(bytes: Uint8Array): Uint8Array {
    if (bytes.length <= this.#bytes.length) return bytes;
    const stride = (bytes.length - SAMPLE_BYTES) / (SAMPLES - 1);
    for (let sample = 0; sample < SAMPLES; sample++) {
      const at = Math.floor(sample * stride);
      this.#bytes.set(bytes.subarray(at, at + SAMPLE_BYTES), sample * SAMPLE_BYTES);
    }
    return this.#bytes;
  }
}
