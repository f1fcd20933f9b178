// The rate of a transfer over a while, and how sure it is: two of them differ only where what is between
// them is more than both waver.

/** What more has to bring: less is not worth a connection. */
export const GAIN = 0.05;
/** Wavering counts for no more than this share of a rate, or nothing would ever be found out. */
const MOST_DOUBT = 0.15;

export interface Rate {
  readonly bytesPerSecond: number;
  /** Standard error of it. */
  readonly doubt: number;
  /** Share of it that QUIC carried. */
  readonly quicShare: number;
}

/** What was carried at a time, by what carried it. */
export interface RateSample {
  readonly nowMs: number;
  readonly carried: { readonly quic: number; readonly tcp: number };
}

/** Looks at what was carried, from a first one on. */
export class RateWindow {
  readonly #first: RateSample;
  #last: RateSample;
  /** Of each step between two looks. */
  readonly #rates: number[] = [];

  constructor(first: RateSample) {
    this.#first = first;
    this.#last = first;
  }

  get lastedMs(): number {
    return this.#last.nowMs - this.#first.nowMs;
  }

  add(sample: RateSample): void {
    const elapsedMs = sample.nowMs - this.#last.nowMs;
    if (elapsedMs <= 0) return;
    this.#rates.push((total(sample) - total(this.#last)) / elapsedMs * 1000);
    this.#last = sample;
  }

  get bytes(): number {
    return total(this.#last) - total(this.#first);
  }

  get rate(): Rate {
    const { bytes } = this;
    const quicBytes = this.#last.carried.quic - this.#first.carried.quic;
    const bytesPerSecond = this.lastedMs === 0 ? 0 : bytes / this.lastedMs * 1000;
    return {
      bytesPerSecond,
      doubt: standardError(this.#rates),
      quicShare: bytes === 0 ? 0 : quicBytes / bytes,
    };
  }
}

/** The better one of two looks. */
export function faster(one: Rate, two: Rate | null): Rate {
  return two === null || one.bytesPerSecond >= two.bytesPerSecond ? one : two;
}

/** Whether more was worth it: by {@linkcode GAIN}, and by what both waver. */
export function surpasses(after: Rate, before: Rate): boolean {
  const doubt = Math.hypot(after.doubt, before.doubt);
  const margin = Math.max(
    GAIN * before.bytesPerSecond,
    Math.min(doubt, MOST_DOUBT * before.bytesPerSecond),
  );
  return after.bytesPerSecond >= before.bytesPerSecond + margin;
}

function total({ carried: { quic, tcp } }: RateSample): number {
  return quic + tcp;
}

function standardError(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1) / values.length);
}
