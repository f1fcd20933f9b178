// A bandwidth limit: so many bytes of files a second, all lanes, connections, sessions and directions of
// the process together. Transfers take turns by slices. Within one, what is due goes to whichever frame
// began first and waits for it: frames end one after the other, and are stored as bytes come, where slices
// in rotation would end all of them at the end.
// What comes late is made up for, what was not used long ago is lost.

import { LIMITS } from "../base/limits.ts";

/** A turn that late or that long unused is made up for: timers are late, and a busy machine is later. */
const MADE_UP_MS = 100;
/** A timer does not know less. */
const SHORTEST_WAIT_MS = 1;
/** Whoever was held up elsewhere for longer goes behind those who waited: turns are not to be hoarded. */
const KEPT_MS = 1_000;
/** Of the rate, so that a slice is no burst, and timers are few. */
const SLICE_SECONDS = 0.02;
const SLICE_BYTES = { min: 1024, max: 2 ** 20 } as const;

/** What a rate has due. No clock: the time is an argument. */
export class Dues {
  readonly #bytesPerMs: number;
  readonly #sliceBytes: number;
  #freeAtMs = -Infinity;

  constructor(bytesPerSecond: number, { sliceBytes }: { readonly sliceBytes: number }) {
    if (!(bytesPerSecond > 0) || bytesPerSecond > LIMITS.rateBytesPerSecond) {
      throw new RangeError(`a limit of ${bytesPerSecond} bytes a second`);
    }
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#sliceBytes = sliceBytes;
  }

  /** How long until something may pass. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#freeAtMs - nowMs);
  }

  /** Takes of so many bytes what is late and a slice: whoever comes back for more finds its turn kept. */
  take(bytes: number, nowMs: number): number {
    const beginsMs = Math.max(this.#freeAtMs, nowMs - MADE_UP_MS);
    const dueBytes = Math.floor((nowMs - beginsMs) * this.#bytesPerMs);
    const taken = Math.min(bytes, this.#sliceBytes + dueBytes);
    this.#freeAtMs = beginsMs + taken / this.#bytesPerMs;
    return taken;
  }
}

/** What a limit waits by. */
export interface RateClock {
  nowMs(): number;
  /** Settles (never rejects) after so long, or once aborted. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

/** Somebody who waits until bytes of a frame may pass. */
interface Waiting {
  readonly share: RateShare;
  readonly place: number;
  readonly bytes: number;
  readonly resolve: (bytes: number) => void;
}

/** What frames of one transfer pass by. */
export interface RateShare {
  readonly sliceBytes: number;
  /** The turn of a frame that begins now, behind all of this share that began before it. */
  turn(): Turn;
}

export class RateLimit implements RateShare {
  readonly bytesPerSecond: number;
  /** What passes at once, unless it is late. */
  readonly sliceBytes: number;
  readonly #dues: Dues;
  readonly #clock: RateClock;
  /** By place. */
  readonly #waiting: Waiting[] = [];
  #nextPlace = 0;
  /** When each share was last given something, by the number of that gift. */
  readonly #givenTo = new WeakMap<RateShare, number>();
  #gifts = 0;
  /** Ends the wait for what is due next; null where nobody waits. */
  #alarm: AbortController | null = null;

  constructor(bytesPerSecond: number, clock: RateClock = TIMERS) {
    const slice = Math.floor(bytesPerSecond * SLICE_SECONDS);
    this.sliceBytes = Math.min(SLICE_BYTES.max, Math.max(SLICE_BYTES.min, slice));
    this.bytesPerSecond = bytesPerSecond;
    this.#dues = new Dues(bytesPerSecond, this);
    this.#clock = clock;
  }

  /** A transfer's own: what waits in one share holds up no other. */
  share(): RateShare {
    const share: RateShare = { sliceBytes: this.sliceBytes, turn: () => this.#turn(share) };
    return share;
  }

  turn(): Turn {
    return this.#turn(this);
  }

  #turn(share: RateShare): Turn {
    let place = this.#nextPlace++;
    let sinceMs = this.#clock.nowMs();
    return new Turn(async (bytes, signal) => {
      if (this.#clock.nowMs() - sinceMs > KEPT_MS) place = this.#nextPlace++;
      const taken = await this.#take({ share, place, bytes }, signal);
      sinceMs = this.#clock.nowMs();
      return taken;
    });
  }

  #take(
    { share, place, bytes }: Omit<Waiting, "resolve">,
    signal: AbortSignal,
  ): Promise<number> {
    if (signal.aborted) return Promise.resolve(bytes);
    return new Promise((resolve) => {
      const given = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        resolve(bytes);
        this.#serve();
      };
      const waiting: Waiting = {
        share,
        place,
        bytes,
        resolve: (taken) => {
          signal.removeEventListener("abort", given);
          resolve(taken);
        },
      };
      signal.addEventListener("abort", given, { once: true });
      const behind = this.#waiting.findLastIndex((other) => other.place <= place);
      this.#waiting.splice(behind + 1, 0, waiting);
      this.#serve();
    });
  }

  /** Gives what is due to whom it is due, and comes back for the rest. */
  #serve(): void {
    for (;;) {
      const first = this.#first();
      if (first === null) return this.#rest();
      const nowMs = this.#clock.nowMs();
      const waitMs = this.#dues.waitMs(nowMs);
      if (waitMs >= SHORTEST_WAIT_MS) return this.#comeBack(waitMs);
      this.#waiting.splice(this.#waiting.indexOf(first), 1);
      this.#givenTo.set(first.share, ++this.#gifts);
      first.resolve(this.#dues.take(first.bytes, nowMs));
    }
  }

  /** Of the share that was given something longest ago, the oldest turn. */
  #first(): Waiting | null {
    let first: Waiting | null = null;
    let leastGift = Infinity;
    for (const waiting of this.#waiting) {
      const gift = this.#givenTo.get(waiting.share) ?? 0;
      if (gift >= leastGift) continue;
      first = waiting;
      leastGift = gift;
    }
    return first;
  }

  #comeBack(waitMs: number): void {
    if (this.#alarm !== null) return;
    const alarm = this.#alarm = new AbortController();
    this.#clock.wait(waitMs, alarm.signal).then(() => {
      if (this.#alarm !== alarm) return;
      this.#alarm = null;
      this.#serve();
    });
  }

  #rest(): void {
    const alarm = this.#alarm;
    this.#alarm = null;
    alarm?.abort();
  }
}

/** One frame's way through a limit. */
export class Turn {
  readonly #take: (bytes: number, signal: AbortSignal) => Promise<number>;
  /** May pass, and did not yet. */
  #heldBytes = 0;

  constructor(take: (bytes: number, signal: AbortSignal) => Promise<number>) {
    this.#take = take;
  }

  /** Settles when some of so many bytes may pass, with how many; with all of them once aborted. */
  async room(bytes: number, signal: AbortSignal): Promise<number> {
    if (this.#heldBytes === 0) this.#heldBytes = await this.#take(bytes, signal);
    return Math.min(bytes, this.#heldBytes);
  }

  /** So many pass. */
  use(bytes: number): void {
    this.#heldBytes -= bytes;
  }
}

/** The limit of a rate; null for no limit. */
export function rateLimitOf(bytesPerSecond: number | undefined): RateLimit | null {
  return bytesPerSecond === undefined ? null : new RateLimit(bytesPerSecond);
}

const TIMERS: RateClock = {
  nowMs: () => performance.now(),
  wait: (ms, signal) =>
    new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener("abort", end);
    }),
};
