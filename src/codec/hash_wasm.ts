// BLAKE3 by `blake3`, whose Node entry reads a .wasm file beside it: the only importer of it. Refuses
// to load, before anything could prompt, where the package's files may not be read.

import { mayReadPackage } from "../runtime/runtime.ts";
import type { Blake3, Hasher } from "./hash.ts";
import { digestOf } from "./hash_whole.ts";

type Wasm = typeof import("blake3");

/** The WASM hash, or null where it cannot be loaded. */
export async function loadWasmHash(): Promise<Blake3 | null> {
  try {
    if (!mayReadPackage(() => import.meta.resolve("blake3"))) return null;
    const loaded = await import("blake3") as Wasm & { default?: Wasm };
    const wasm = loaded.default ?? loaded; // bundled it has only the default
    wasm.hash(new Uint8Array(0)); // the .wasm file is read at first use
    return wasmHash(wasm);
  } catch {
    return null;
  }
}

function wasmHash(wasm: Wasm): Blake3 {
  return {
    name: "blake3",
    digest: (bytes) => new Uint8Array(wasm.hash(bytes) as Uint8Array),
    hasher: () => hasherOf(wasm.createHash()),
    deriveKey: (context) => hasherOf(wasm.createDeriveKey(context)),
    derive: (context, bytes) => digestOf(hasherOf(wasm.createDeriveKey(context)), bytes),
  };
}

function hasherOf(inner: ReturnType<Wasm["createHash"]>): Hasher {
  return {
    update: (bytes) => void inner.update(bytes),
    digest: () => new Uint8Array(inner.digest()),
  };
}
