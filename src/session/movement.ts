// Whether a transfer that is received moves: whether anything is registered, stored or put in place for
// it. A sender that says nothing new for long lets it stand still; work at this end is no such thing.

/** How long a transfer has stood still. */
export class Movement {
  #working = 0;
  #sinceMs = performance.now();

  /** This end does something for it until disposed of. */
  work(): Disposable {
    this.#working++;
    return {
      [Symbol.dispose]: () => {
        this.#working--;
        this.#sinceMs = performance.now();
      },
    };
  }

  /** Time since anything was done for it, by the monotonic clock. */
  stillMs(nowMs: number): number {
    return this.#working > 0 ? 0 : nowMs - this.#sinceMs;
  }
}
