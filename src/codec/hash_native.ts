// BLAKE3 by `@napi-rs/blake-hash`, a prebuilt addon: the only importer of it. Refuses to load, before
// anything could prompt, where addons or the package's files are not permitted.

import { Buffer } from "node:buffer";
import { addonPlatform, openAddon } from "../runtime/addon.ts";
import { hasFfi, mayReadPackage } from "../runtime/runtime.ts";
import type { Blake3, Hasher } from "./hash.ts";

type Native = typeof import("@napi-rs/blake-hash");

/** The addon's hash, or null where it cannot be loaded. */
export async function loadNativeHash(): Promise<Blake3 | null> {
  try {
    if (!hasFfi() || !mayReadPackage(packageUrl)) return null;
    const opened = openAddon(packageUrl, addonFile());
    if (opened !== null) return nativeHash(opened as Native);
    const loaded = await import("@napi-rs/blake-hash") as Native & { default?: Native };
    return nativeHash(loaded.default ?? loaded); // bundled it has only the default
  } catch {
    return null; // no addon for this platform: the next backend hashes
  }
}

function packageUrl(): string {
  return import.meta.resolve("@napi-rs/blake-hash");
}

/** Beside the package, in one of its own for each platform. */
function addonFile(): string {
  const platform = addonPlatform();
  return `../blake-hash-${platform}/blake.${platform}.node`;
}

function nativeHash(native: Native): Blake3 {
  return {
    name: "@napi-rs/blake-hash",
    digest: (bytes) => new Uint8Array(native.blake3(bufferOf(bytes))),
    hasher: () => hasherOf(new native.Blake3Hasher()),
    deriveKey: (context) => hasherOf(native.Blake3Hasher.newDeriveKey(context)),
    derive: (context, bytes) => {
      return new Uint8Array(native.Blake3Hasher.deriveKey(context, bufferOf(bytes)));
    },
  };
}

function hasherOf(inner: InstanceType<Native["Blake3Hasher"]>): Hasher {
  return {
    update: (bytes) => void inner.update(bufferOf(bytes)),
    digest: () => new Uint8Array(inner.digestBuffer()),
  };
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
