// zstd by `zstd-napi`, an addon that is there only where it could be built: the only importer of it.
// Uses its raw binding, which decodes into a buffer of ours and so cannot yield more than asked for.

import { openAddon } from "../runtime/addon.ts";
import { hasFfi, mayReadEnv, mayReadPackage } from "../runtime/runtime.ts";
import type { ZstdPackage } from "./compress.ts";

type Binding = typeof import("zstd-napi/binding.js");

/** The addon's encoder and decoder, or null where it was not built or may not be loaded. */
export async function loadNativeZstd(): Promise<ZstdPackage | null> {
  try {
    // The package's loader reads `process.config`, for which Deno asks for the environment.
    if (!hasFfi() || !mayReadEnv()) return null;
    if (!mayReadPackage(packageUrl)) return null;
    const opened = openAddon(packageUrl, "build/Release/binding.node");
    if (opened !== null) return nativeZstd(opened as Binding);
    const loaded = await import("zstd-napi/binding.js") as Binding & { default?: Binding };
    return nativeZstd(loaded.default ?? loaded);
  } catch {
    return null;
  }
}

function packageUrl(): string {
  return import.meta.resolve("zstd-napi/binding.js");
}

function nativeZstd(binding: Binding): ZstdPackage {
  const name = "zstd-napi";
  const encoder = new binding.CCtx();
  const decoder = new binding.DCtx();
  let packed = new Uint8Array(0);
  let raw = new Uint8Array(0);
  return {
    encoder: {
      name,
      compress: (bytes, level) => {
        const boundBytes = binding.compressBound(bytes.length);
        if (packed.length < boundBytes) packed = new Uint8Array(boundBytes);
        return packed.subarray(0, encoder.compress(packed, bytes, level));
      },
    },
    decoder: {
      name,
      decompress: (bytes, { rawBytes }) => {
        if (raw.length < rawBytes) raw = new Uint8Array(rawBytes);
        return raw.subarray(0, decoder.decompress(raw.subarray(0, rawBytes), bytes));
      },
    },
  };
}
