// BLAKE3 by `blake3-jit`, which builds its SIMD WASM in memory: the only importer of it. Needs no
// permission and no file, so it is what hashes wherever addons may not be loaded.

import type { Blake3, Hasher } from "./hash.ts";
import { digestOf } from "./hash_whole.ts";

type Jit = typeof import("blake3-jit");

/** The WASM hash, or null where the package is absent. */
export async function loadJitHash(): Promise<Blake3 | null> {
  try {
    const jit = await import("blake3-jit");
    jit.warmupSimd();
    return jitHash(jit);
  } catch {
    return null;
  }
}

function jitHash(jit: Jit): Blake3 {
  return {
    name: "blake3-jit",
    digest: (bytes) => {
      const out = new Uint8Array(32);
      jit.hashInto(bytes, out);
      return out;
    },
    hasher: () => hasherOf(jit.createHasher()),
    deriveKey: (context) => hasherOf(jit.createDeriveKey(context)),
    derive: (context, bytes) => digestOf(hasherOf(jit.createDeriveKey(context)), bytes),
  };
}

function hasherOf(inner: ReturnType<Jit["createHasher"]>): Hasher {
  return {
    update: (bytes) => void inner.update(bytes),
    digest: () => new Uint8Array(inner.finalize()),
  };
}
