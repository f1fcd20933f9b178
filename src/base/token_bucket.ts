// How often something may happen: so many a second, and as many at once as were saved up. No clock:
// the time is an argument.

export interface Rate {
  /** Saved up at the start, and at most. */
  readonly burst: number;
  /** Added every second. */
  readonly perSecond: number;
}

export class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #atMs: number;

  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#atMs = nowMs;
  }

  /** Whether there is one to take. */
  has(nowMs: number): boolean {
    this.#fill(nowMs);
    return this.#tokens >= 1;
  }

  /** Takes some, into debt if need be; never further into it than `burst`. */
  spend(count: number, nowMs: number): void {
    this.#fill(nowMs);
    this.#tokens = Math.max(this.#tokens - count, -this.#rate.burst);
  }

  /** One was taken for nothing. */
  giveBack(nowMs: number): void {
    this.#fill(nowMs);
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + 1);
  }

  /** Nothing that happened is remembered any more: a new bucket is the same. */
  isFull(nowMs: number): boolean {
    this.#fill(nowMs);
    return this.#tokens >= this.#rate.burst;
  }

  #fill(nowMs: number): void {
    // A clock that steps back gives nothing.
    const passedMs = Math.max(0, nowMs - this.#atMs);
    this.#atMs = Math.max(this.#atMs, nowMs);
    const { burst, perSecond } = this.#rate;
    this.#tokens = Math.min(burst, this.#tokens + passedMs / 1000 * perSecond);
  }
}
