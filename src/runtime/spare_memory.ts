// Memory that the C library keeps after it was freed, given back to the system (I8). With a heap for each
// thread, and buffers that one thread makes and another frees, glibc's are full of holes, and by itself it
// gives back only what lies at the end of one. Where it cannot be asked to, nothing happens: in Bun, which
// has heaps of its own, under another C library, or without the permission.

import process from "node:process";
import { openDenoLibrary } from "./c_library.ts";
import { isDeno } from "./runtime.ts";

/** It looks through the heaps of all threads for a millisecond or so, and what is used again costs a fault. */
const APART_MS = 2000;

export class SpareMemory {
  readonly #trim: () => boolean;
  #lastMs = -Infinity;
  #isThere = true;

  /** `trim` does it, and answers false where it cannot be done. */
  constructor(trim: () => boolean) {
    this.#trim = trim;
  }

  /** Gives back what is spare, unless that was done just before. */
  giveBack(nowMs: number): void {
    if (!this.#isThere || nowMs - this.#lastMs < APART_MS) return;
    this.#lastMs = nowMs;
    this.#isThere = this.#trim();
  }
}

/** Of this process, which transfers share. */
export const SPARE_MEMORY: SpareMemory = new SpareMemory(trimHeaps);

/** False where it cannot be done. */
export function trimHeaps(): boolean {
  if (!isDeno() || process.platform !== "linux") return false;
  // Opened anew each time, for some tenths of a millisecond: nobody has it to close in the end.
  const library = openDenoLibrary({ malloc_trim: { parameters: ["usize"], result: "i32" } });
  library?.symbols.malloc_trim(0n);
  library?.close();
  return library !== null;
}
