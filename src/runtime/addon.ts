// Native addons by their own file. A package's loader is a script, for which Deno sets up all that `require`
// stands on, and it may ask the whole system what it is: 8 to 15 ms of each thread. Promises nothing: where
// a file does not open, the package is imported as ever.

import process from "node:process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isDeno } from "./runtime.ts";

/**
 * What an addon exports, given what resolves its package's entry to a URL and its file as seen from there;
 * null where it cannot be opened so. A binary carries files that only its own loader can open, and in
 * Bun's a specifier does not even resolve; Bun's loader costs nothing.
 */
export function openAddon(resolve: () => string, file: string): unknown {
  if (!isDeno() || Deno.build.standalone) return null;
  const holder: { exports: unknown } = { exports: {} };
  try {
    process.dlopen(holder, join(dirname(fileURLToPath(resolve())), file));
    return holder.exports;
  } catch {
    return null;
  }
}

/** The part of a file's name by which packages tell platforms apart; Deno's own on Linux is glibc's. */
export function addonPlatform(): string {
  const { platform, arch } = process;
  const abi = { linux: "-gnu", win32: "-msvc" }[platform as string] ?? "";
  return `${platform}-${arch}${abi}`;
}
