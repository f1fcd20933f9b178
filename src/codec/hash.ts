// BLAKE3 from whichever package loads, fastest first. Every backend gives the same digests in every
// mode; which one runs is a matter of speed only. Nothing is imported before `loadHash` is called,
// so `--help` loads no addon, and a package that is missing or forbidden is passed over in silence.

import { SftpxError } from "../base/errors.ts";
import { loadJitHash } from "./hash_jit.ts";
import { loadNativeHash } from "./hash_native.ts";
import { loadWasmHash } from "./hash_wasm.ts";

/** A running hash; used up by `digest`. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  /** 32 bytes that own their memory. */
  digest(): Uint8Array<ArrayBuffer>;
}

/** BLAKE3 by one package. */
export interface Blake3 {
  /** The package's name. */
  readonly name: string;
  /** Hash of all bytes at once: 32 bytes that own their memory. */
  digest(bytes: Uint8Array): Uint8Array<ArrayBuffer>;
  /** Hash of bytes that come in pieces. */
  hasher(): Hasher;
  /** Derive-key mode: `context` is fixed ASCII text, what is updated is the key material. */
  deriveKey(context: string): Hasher;
  /** The same of bytes that are all there: without an object for it, where the package can. */
  derive(context: string, bytes: Uint8Array): Uint8Array<ArrayBuffer>;
}

/** One way to get a hash; null where it cannot be had. */
export interface HashLoader {
  readonly name: string;
  load(): Promise<Blake3 | null>;
}

/** Every backend, fastest first. */
export const HASH_LOADERS: readonly HashLoader[] = [
  { name: "@napi-rs/blake-hash", load: loadNativeHash },
  { name: "blake3-jit", load: loadJitHash },
  { name: "blake3", load: loadWasmHash },
];

/** The fastest backend that loads and is not named in `without`. */
export async function loadHash(options: { without: readonly string[] }): Promise<Blake3> {
  for (const loader of HASH_LOADERS) {
    if (options.without.includes(loader.name)) continue;
    const hash = await loader.load();
    if (hash !== null) return hash;
  }
  throw new SftpxError("unsupported", "Cannot hash: no BLAKE3 package could be loaded");
}
