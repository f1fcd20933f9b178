// Whether tests over quiche can run here. Where its addon must be, they run and fail without it; where
// there can be none, or it is left out on purpose, they are ignored, and their names say why.

import { existsSync } from "node:fs";
import process from "node:process";
import { loadQuiche } from "../src/transport/quiche/binding.ts";

/** Platforms whose addon the lock file brings; the other ones have none. */
const PLATFORMS: ReadonlySet<string> = new Set([
  "linux-x64",
  "darwin-x64",
  "darwin-arm64",
  "win32-x64",
]);

const loaded = await loadQuiche();
const isLeftOut = typeof loaded === "string" && loaded.includes("SFTPX_WITHOUT");

/** Whether a test over quiche that cannot run is one that fails. The addon is made for glibc, not musl. */
const isDemanded = !isLeftOut &&
  PLATFORMS.has(`${process.platform}-${process.arch}`) && !existsSync("/lib/ld-musl-x86_64.so.1");

/** Whether tests over quiche run: where it is demanded they do, whether or not it is there. */
export const QUICHE_RUNS = typeof loaded !== "string" || isDemanded;

/** Name and `ignore` of a test over quiche. */
export function overQuiche(name: string): { readonly name: string; readonly ignore: boolean } {
  return QUICHE_RUNS
    ? { name, ignore: false }
    : { name: `${name} (needs quiche: ${loaded})`, ignore: true };
}

/** The same of a test over the stacks that its name tells. */
export function overStacks(name: string): { readonly name: string; readonly ignore: boolean } {
  return name.includes("quiche") ? overQuiche(name) : { name, ignore: false };
}
