// zstd decoding by `fzstd`, plain JavaScript: the only importer of it, and the last resort where the
// runtime has no zstd of its own. It cannot compress.

import type { ZstdPackage } from "./compress.ts";

/** The JavaScript decoder, or null where the package is absent. */
export async function loadFzstd(): Promise<ZstdPackage | null> {
  try {
    return fzstdPackage(await import("fzstd"));
  } catch {
    return null;
  }
}

// Block by block: its one-shot call would gather a bomb's whole content before it looked at a size.
function fzstdPackage(fzstd: typeof import("fzstd")): ZstdPackage {
  let raw = new Uint8Array(0);
  return {
    encoder: null,
    decoder: {
      name: "fzstd",
      decompress: (bytes, { rawBytes }) => {
        if (raw.length < rawBytes) raw = new Uint8Array(rawBytes);
        let at = 0;
        const stream = new fzstd.Decompress((block) => {
          if (at + block.length > rawBytes) throw new RangeError("more content than announced");
          raw.set(block, at);
          at += block.length;
        });
        stream.push(bytes, true);
        return raw.subarray(0, at);
      },
    },
  };
}
