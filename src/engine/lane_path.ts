// Whether a path is long, as far as looks at its round trip have shown: the smallest one is the path's, and
// what else took time was a busy machine's. Pure.

import { LIMITS } from "../base/limits.ts";

/** A busy moment is no long path: it has to look like one as often before it is taken for that. */
const LONG_LOOKS = 2;

export class PathLength {
  #rttMs: number | null = null;
  #longLooks = 0;

  /** Takes in the smallest round trip so far; null while it is not known. */
  look(rttMs: number | null): void {
    if (rttMs !== null) this.#rttMs = Math.min(this.#rttMs ?? Infinity, rttMs);
    if (this.isLong) this.#longLooks++;
  }

  /** Others know that it is long, before it was measured. */
  takeForLong(): void {
    this.#longLooks = LONG_LOOKS;
  }

  /** Null while it is not known. */
  get rttMs(): number | null {
    return this.#rttMs;
  }

  get isLong(): boolean {
    return this.#rttMs !== null && this.#rttMs >= LIMITS.shortPathMs;
  }

  /** Long by more than a busy moment. */
  get isSurelyLong(): boolean {
    return this.#longLooks >= LONG_LOOKS;
  }

  /** Whether it looked long and is known to be short by now, once. */
  pollShort(): boolean {
    if (this.#rttMs === null || this.isLong || this.#longLooks === 0) return false;
    this.#longLooks = 0;
    return true;
  }
}
