// Time left, from a rate smoothed over a few seconds: one that jumps about is worse than none. Time is
// an argument.

/** A sample's weight halves in about this long. */
const SMOOTHING_MS = 4000;
/** Below it a rate says more about the first packets than about the path. */
const WARM_UP_MS = 1000;

/** A smoothed rate of one transfer. */
export class RateEstimate {
  #firstMs: number | null = null;
  #lastMs = 0;
  #lastBytes = 0;
  #bytesPerMs: number | null = null;

  /** Notes how much was done at a moment. */
  note(nowMs: number, bytesDone: number): void {
    if (this.#firstMs === null) {
      this.#firstMs = nowMs;
      this.#lastMs = nowMs;
      this.#lastBytes = bytesDone;
      return;
    }
    const spanMs = nowMs - this.#lastMs;
    if (spanMs <= 0) return;
    const rate = Math.max(0, bytesDone - this.#lastBytes) / spanMs;
    // Weight by the time it covers: events come at no fixed pace.
    const weight = 1 - 2 ** (-spanMs / SMOOTHING_MS);
    this.#bytesPerMs = this.#bytesPerMs === null
      ? rate
      : this.#bytesPerMs + weight * (rate - this.#bytesPerMs);
    this.#lastMs = nowMs;
    this.#lastBytes = bytesDone;
  }

  /** Milliseconds left, or null while nothing can be said. */
  leftMs(bytesTotal: number | null): number | null {
    if (bytesTotal === null || this.#bytesPerMs === null || this.#firstMs === null) return null;
    if (this.#lastMs - this.#firstMs < WARM_UP_MS || this.#bytesPerMs <= 0) return null;
    return Math.max(0, bytesTotal - this.#lastBytes) / this.#bytesPerMs;
  }
}
