// What a stretch of network does to the packets of one direction: it loses some, and lets no more through
// than it has room for.

/** What a full queue of a narrow stretch holds: enough for a congestion controller to find the rate. */
const QUEUE_BYTES = 192 * 1024;
/** The slower it is the less, down to a few packets: who is asked whether it is there answers in time. */
const QUEUE_MS = 250;
const LEAST_QUEUE_BYTES = 48 * 1024;
const TICK_MS = 2;

/** Which packets are lost: one in each lot, the same for the same seed. */
export class Loss {
  readonly #lotPackets: number;
  #state: number;
  #passed = 0;
  #unlucky: number;
  #lost = 0;

  constructor(lotPackets: number, seed: number) {
    this.#lotPackets = lotPackets;
    this.#state = seed;
    this.#unlucky = this.#draw();
  }

  get lost(): number {
    return this.#lost;
  }

  /** Whether the next one is lost. */
  takes(): boolean {
    const isLost = this.#passed === this.#unlucky;
    if (isLost) this.#lost++;
    if (++this.#passed === this.#lotPackets) {
      this.#passed = 0;
      this.#unlucky = this.#draw();
    }
    return isLost;
  }

  #draw(): number {
    // As in Numerical Recipes; the high bits are the better ones.
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#state / 2 ** 32) * this.#lotPackets);
  }
}

/** A queue that empties at a rate and drops what does not fit. */
export class Narrow {
  #rateBytesPerSecond: number;
  readonly #queue: { readonly bytes: number; readonly deliver: () => void }[] = [];
  #queuedBytes = 0;
  /** What may go now; negative after a packet that was larger. */
  #creditBytes = 0;
  #lastMs = performance.now();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(rateBytesPerSecond: number) {
    this.#rateBytesPerSecond = rateBytesPerSecond;
  }

  take(bytes: number, deliver: () => void): void {
    if (this.#queuedBytes + bytes > this.#mostBytes) return;
    this.#queuedBytes += bytes;
    this.#queue.push({ bytes, deliver });
    this.#run();
  }

  get #mostBytes(): number {
    const bytes = this.#rateBytesPerSecond / 1000 * QUEUE_MS;
    return Math.min(Math.max(bytes, LEAST_QUEUE_BYTES), QUEUE_BYTES);
  }

  change(rateBytesPerSecond: number): void {
    this.#rateBytesPerSecond = rateBytesPerSecond;
    while (this.#queuedBytes > this.#mostBytes) this.#queuedBytes -= this.#queue.pop()!.bytes;
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#queue.length = 0;
  }

  #run(): void {
    const nowMs = performance.now();
    // Within one tick of the clock a rate without a limit has earned nothing yet.
    const earned = Math.max(nowMs - this.#lastMs, Number.EPSILON) / 1000 * this.#rateBytesPerSecond;
    // A stretch that was idle, or a test that was, saves up no more than a queue.
    this.#creditBytes = Math.min(this.#creditBytes + earned, this.#mostBytes);
    this.#lastMs = nowMs;
    while (this.#creditBytes > 0) {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#queuedBytes -= next.bytes;
      this.#creditBytes -= next.bytes;
      next.deliver();
    }
    clearTimeout(this.#timer);
    if (this.#queue.length > 0) this.#timer = setTimeout(() => this.#run(), TICK_MS);
  }
}
