// Time left, from a rate smoothed over a few seconds: one that jumps about is worse than none. Bytes
// that were already there say nothing about the path and are left out. Time is an argument.

/** What was seen counts half after this long. */
const SMOOTHING_MS = 4000;
/** Below it a rate says more about the first packets than about the path. */
const WARM_UP_MS = 1000;

/** A smoothed rate of one transfer: bytes over time, both forgotten at the same pace. */
export class RateEstimate {
  #firstMs: number | null = null;
  #lastMs = 0;
  #lastBytes = 0;
  /** Bytes and time that still count. */
  #bytes = 0;
  #spanMs = 0;

  /** Notes how much was moved by a moment. */
  note(nowMs: number, movedBytes: number): void {
    if (this.#firstMs === null) {
      this.#firstMs = nowMs;
      this.#lastMs = nowMs;
      this.#lastBytes = movedBytes;
      return;
    }
    const spanMs = nowMs - this.#lastMs;
    if (spanMs <= 0) return;
    // By the time it covers: events come at no fixed pace.
    const kept = 2 ** (-spanMs / SMOOTHING_MS);
    this.#bytes = this.#bytes * kept + Math.max(0, movedBytes - this.#lastBytes);
    this.#spanMs = this.#spanMs * kept + spanMs;
    this.#lastMs = nowMs;
    this.#lastBytes = movedBytes;
  }

  /** Milliseconds for what is left, or null while nothing can be said. */
  leftMs(leftBytes: number | null): number | null {
    if (leftBytes === null || this.#firstMs === null || this.#bytes <= 0) return null;
    if (this.#lastMs - this.#firstMs < WARM_UP_MS) return null;
    return Math.max(0, leftBytes) * this.#spanMs / this.#bytes;
  }
}
