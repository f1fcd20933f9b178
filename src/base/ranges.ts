// A set of numbers kept as sorted, disjoint, non-touching runs: frames stored, frames durable,
// entries committed. Numbers come mostly in order, so adding at the end is the fast path.

/** `[first, count]` of consecutive numbers. */
export type Range = readonly [first: number, count: number];

/**
 * The keys of `known` that ranges name; one that is asked for may be deleted then. Most numbers of a range
 * from a liar name nothing: what is known bounds the work (I3).
 */
export function* keysWithin(
  known: ReadonlyMap<number, unknown>,
  ranges: readonly Range[],
): Generator<number> {
  for (const [first, count] of ranges) {
    for (const key of known.keys()) if (key >= first && key < first + count) yield key;
  }
}

/** Numbers from 0 to 2^53 - 1, each at most once. */
export class RangeSet {
  /** First number of each run, ascending. */
  #firsts: number[] = [];
  /** One past the last number of each run. */
  #ends: number[] = [];
  #size = 0;

  /** How many numbers are in it. */
  get size(): number {
    return this.#size;
  }

  /** Puts `count` numbers from `first` on into it; those already there stay as they are. */
  add(first: number, count = 1): void {
    const end = first + count;
    if (!Number.isSafeInteger(first) || first < 0 || count < 1 || !Number.isSafeInteger(end)) {
      throw new RangeError(`Cannot add range: [${first}, ${count}] is not within 0 to 2^53 - 1`);
    }
    // Runs from..to touch or overlap the new one and melt into it.
    const from = this.#runEndingAtOrAfter(first);
    let to = from;
    let mergedFirst = first;
    let mergedEnd = end;
    let absorbed = 0;
    for (; to < this.#firsts.length; to++) {
      const runFirst = this.#firsts[to] ?? 0;
      const runEnd = this.#ends[to] ?? 0;
      if (runFirst > end) break;
      mergedFirst = Math.min(mergedFirst, runFirst);
      mergedEnd = Math.max(mergedEnd, runEnd);
      absorbed += runEnd - runFirst;
    }
    this.#size += mergedEnd - mergedFirst - absorbed;
    if (to - from === 1) {
      this.#firsts[from] = mergedFirst;
      this.#ends[from] = mergedEnd;
      return;
    }
    this.#firsts.splice(from, to - from, mergedFirst);
    this.#ends.splice(from, to - from, mergedEnd);
  }

  /** Whether a number is in it. */
  has(number: number): boolean {
    const run = this.#runEndingAtOrAfter(number + 1);
    return (this.#firsts[run] ?? Infinity) <= number;
  }

  /** Takes out the lowest runs, at most `limit` of them, in ascending order. */
  drain(limit: number): Range[] {
    if (!Number.isSafeInteger(limit) || limit < 0) {
      throw new RangeError(`Cannot drain ${limit} ranges`);
    }
    const firsts = this.#firsts.splice(0, limit);
    const ends = this.#ends.splice(0, limit);
    const ranges = firsts.map((first, i): Range => [first, (ends[i] ?? first) - first]);
    for (const [, count] of ranges) this.#size -= count;
    return ranges;
  }

  /** Index of the first run whose end is `end` or more. */
  #runEndingAtOrAfter(end: number): number {
    const runs = this.#ends.length;
    if (runs > 0 && (this.#ends[runs - 1] ?? 0) < end) return runs;
    let low = 0;
    let high = runs;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ends[middle] ?? 0) < end) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
