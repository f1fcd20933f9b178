// What is fuzzed: a target makes a case from a seed and says by throwing that something is wrong. A
// case is its seed: whatever fails can be run again.

import type { Random } from "../simulation/clock.ts";
import { mutatedText, randomOf, smallerText } from "./mutation.ts";

/** One thing under fuzz. */
export interface Target {
  readonly name: string;
  /** Cases that run side by side: more than one where a case mostly waits. */
  readonly atOnce: number;
  /** Of the time that all have, where one share would be spent on what its first case needs. */
  readonly shares?: number;
  /** Runs the case of a seed; throws, or rejects, when something is wrong. */
  run(seed: number, tally: Tally): void | Promise<void>;
  /** Puts away what cases share; one more case may follow. */
  close?(): Promise<void>;
}

/** How often what happened: a fuzzer that never gets past the door finds nothing. */
export class Tally {
  readonly #counts = new Map<string, number>();

  add(what: string, count = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + count);
  }

  entries(): readonly (readonly [string, number])[] {
    return [...this.#counts];
  }

  toString(): string {
    const sorted = [...this.#counts].sort(([, a], [, b]) => b - a);
    return sorted.map(([what, count]) => `${what} ${count}`).join(", ");
  }
}

/** A target whose case is one value: made by chance, checked, and made smaller when it fails. */
export interface ValueTarget<T> {
  readonly name: string;
  /** A value that may be anything. */
  readonly make: (random: Random) => T;
  /** Throws when what is done with the value is wrong; answers what became of it, in a word. */
  readonly check: (value: T) => string | Promise<string>;
  /** The value as a person can copy it. */
  readonly show: (value: T) => string;
  /** Smaller values that may fail as well. */
  readonly smaller?: (value: T) => Iterable<T>;
}

/** Whatever a value's case throws, with the smallest value that still throws it. */
export class ValueFailure extends Error {
  override readonly name = "ValueFailure";
}

/** Most steps that are spent on making a value smaller. */
const SHRINK_STEPS = 2_000;
/** And most time: what is slow is shown as it is. */
const SHRINK_MS = 10_000;
/** No decoder takes so long over what a case holds: more means that it is no longer linear. */
const SLOW_MS = 1_000;
/** A busy machine may be slow once. */
const SLOW_TRIES = 3;

/** A target of single values. */
export function valueTarget<T>(
  { name, make, check, show, smaller = () => [] }: ValueTarget<T>,
): Target {
  const problemOf = async (value: T): Promise<unknown> => {
    try {
      await check(value);
      return null;
    } catch (thrown) {
      return thrown;
    }
  };
  const shrink = async (value: T, thrown: unknown): Promise<readonly [T, unknown]> => {
    let [least, reason] = [value, thrown];
    const startMs = performance.now();
    const isOver = (steps: number) =>
      steps > SHRINK_STEPS || performance.now() - startMs > SHRINK_MS;
    for (let steps = 0, isSmaller = true; isSmaller;) {
      isSmaller = false;
      for (const candidate of smaller(least)) {
        if (isOver(steps++)) break;
        const problem = await problemOf(candidate);
        if (problem === null) continue;
        [least, reason, isSmaller] = [candidate, problem, true];
        break;
      }
    }
    return [least, reason];
  };
  return {
    name,
    atOnce: 1,
    run: async (seed, tally) => {
      const value = make(randomOf(seed));
      try {
        for (let tries = 1;; tries++) {
          const startMs = performance.now();
          const became = check(value);
          tally.add(typeof became === "string" ? became : await became);
          const tookMs = performance.now() - startMs;
          if (tookMs < SLOW_MS) break;
          if (tries === SLOW_TRIES) throw new Error(`it took ${Math.round(tookMs)} ms`);
        }
      } catch (thrown) {
        const [least, reason] = await shrink(value, thrown);
        const said = reason instanceof Error ? reason.stack ?? reason.message : String(reason);
        throw new ValueFailure(`${show(least)}\n${said}`);
      }
    },
  };
}

/** A target of texts, made of seeds and of words that mean something to what reads them. */
export function textTarget(
  name: string,
  { seeds, words = [], check }: {
    readonly seeds: readonly string[];
    readonly words?: readonly string[];
    readonly check: (text: string) => string | Promise<string>;
  },
): Target {
  return valueTarget({
    name,
    make: (random) => mutatedText(random, seeds, words),
    show: (text) => JSON.stringify(text),
    smaller: smallerText,
    check,
  });
}
