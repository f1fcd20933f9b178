// Matches what lies between the plain beginning and the plain end of a pattern, with one bit for each
// of its steps: 32 steps advance at once, so that a pattern's cost is the text's length for every
// 32 of its steps, whatever they are. Never goes back in the text.

import type { PatternToken } from "./filter_pattern.ts";

const SLASH = 0x2f;
const WORD_BITS = 32;
/** Characters whose steps are looked up; those of others are worked out, see {@linkcode stepsOf}. */
const ASCII = 128;
/** What a range beyond ASCII is counted as: it is compared with, character by character. */
const WIDE_RANGE_STEPS = 32;

type Step = Exclude<PatternToken, { kind: "anything" | "name" }>;

/** Steps as a matcher counts them: one a character, and more for a class beyond ASCII. */
export function stepsOf(tokens: readonly PatternToken[]): number {
  let steps = 0;
  for (const token of tokens) {
    if (token.kind === "anything" || token.kind === "name") continue;
    const wide = token.kind === "class" ? token.ranges.filter(([, to]) => to >= ASCII).length : 0;
    steps += 1 + WIDE_RANGE_STEPS * wide;
  }
  return steps;
}

/** Words of bits for so many steps: the state behind the last one is a bit too. */
export function wordsOf(steps: number): number {
  return Math.floor(steps / WORD_BITS) + 1;
}

/** Tokens as sets of bits: bit `i` stands for having taken `i` steps. */
export class Matcher {
  readonly #words: number;
  readonly #last: number;
  /** Where a run of characters but slashes, or of any, goes on. */
  readonly #overNames: Int32Array;
  readonly #overAll: Int32Array;
  /** For each ASCII character the steps that take it. */
  readonly #ascii: Int32Array;
  /** Steps that take a character beyond ASCII whichever it is, those that take one, and the rest. */
  readonly #beyond: Int32Array;
  readonly #ones = new Map<number, Int32Array>();
  readonly #scratch: Int32Array;
  readonly #wide: { readonly at: number; readonly step: Step }[] = [];

  constructor(tokens: readonly PatternToken[]) {
    const steps: Step[] = [];
    const runs: { at: number; overAll: boolean }[] = [];
    for (const token of tokens) {
      if (token.kind === "name") runs.push({ at: steps.length, overAll: false });
      else if (token.kind === "anything") runs.push({ at: steps.length, overAll: true });
      else steps.push(token);
    }
    this.#words = wordsOf(steps.length);
    this.#last = steps.length;
    this.#overNames = new Int32Array(this.#words);
    this.#overAll = new Int32Array(this.#words);
    this.#scratch = new Int32Array(this.#words);
    this.#ascii = new Int32Array(ASCII * this.#words);
    this.#beyond = new Int32Array(this.#words);
    for (const { at, overAll } of runs) {
      mark(this.#overNames, at);
      if (overAll) mark(this.#overAll, at);
    }
    steps.forEach((step, at) => this.#addStep(step, at));
  }

  /**
   * Whether the text from `from` to `to` is matched whole; with `anyComponent`, whether that which
   * begins with one of its components is.
   */
  matches(
    text: string,
    { from, to, anyComponent }: {
      readonly from: number;
      readonly to: number;
      readonly anyComponent: boolean;
    },
  ): boolean {
    if (this.#words === 1) return this.#matchesShort(text, { from, to, anyComponent });
    const state = new Int32Array(this.#words);
    state[0] = 1;
    for (let at = from; at < to;) {
      const code = text.codePointAt(at) ?? 0;
      at += code > 0xffff ? 2 : 1;
      const isAlive = this.#advance(state, code);
      if (anyComponent && code === SLASH) state[0]! |= 1;
      else if (!isAlive && !anyComponent) return false;
    }
    return (state[this.#last >>> 5]! >>> (this.#last & 31) & 1) === 1;
  }

  /** As below for one word, which nearly all patterns fit in: more than twice as fast. */
  #matchesShort(
    text: string,
    { from, to, anyComponent }: {
      readonly from: number;
      readonly to: number;
      readonly anyComponent: boolean;
    },
  ): boolean {
    const ascii = this.#ascii;
    const overNames = this.#overNames[0]!;
    const overAll = this.#overAll[0]!;
    let state = 1;
    for (let at = from; at < to; at++) {
      const code = text.charCodeAt(at);
      if (code === SLASH) {
        state = (state & ascii[code]!) << 1 | state & overAll;
        if (anyComponent) state |= 1;
        else if (state === 0) return false;
        continue;
      }
      let steps: number;
      if (code < ASCII) steps = ascii[code]!;
      else {
        const point = text.codePointAt(at) ?? 0;
        if (point > 0xffff) at++;
        steps = this.#stepsBeyond(point)[0]!;
      }
      state = (state & steps) << 1 | state & overNames;
      if (state === 0 && !anyComponent) return false;
    }
    return (state >>> this.#last & 1) === 1;
  }

  #advance(state: Int32Array, code: number): boolean {
    const steps = code < ASCII ? this.#ascii : this.#stepsBeyond(code);
    const first = code < ASCII ? code * this.#words : 0;
    const over = code === SLASH ? this.#overAll : this.#overNames;
    let carry = 0;
    let alive = 0;
    for (let word = 0; word < this.#words; word++) {
      const now = state[word]!;
      const taken = now & steps[first + word]!;
      const next = taken << 1 | carry | now & over[word]!;
      carry = taken >>> 31;
      state[word] = next;
      alive |= next;
    }
    return alive !== 0;
  }

  #stepsBeyond(code: number): Int32Array {
    const known = this.#ones.get(code) ?? this.#beyond;
    if (this.#wide.length === 0) return known;
    const steps = this.#scratch;
    steps.set(known);
    for (const { at, step } of this.#wide) if (takes(step, code)) mark(steps, at);
    return steps;
  }

  #addStep(step: Step, at: number): void {
    for (let code = 0; code < ASCII; code++) {
      if (takes(step, code)) mark(this.#ascii, at, code * this.#words);
    }
    // What takes any character beyond ASCII, or none.
    const isWide = step.kind === "class" && step.ranges.some(([, to]) => to >= ASCII);
    if (isWide) this.#wide.push({ at, step });
    else if (step.kind !== "one" && takes(step, ASCII)) {
      mark(this.#beyond, at);
      for (const steps of this.#ones.values()) mark(steps, at);
    } else if (step.kind === "one" && step.code >= ASCII) {
      const steps = this.#ones.get(step.code) ?? this.#beyond.slice();
      mark(steps, at);
      this.#ones.set(step.code, steps);
    }
  }
}

function mark(bits: Int32Array, at: number, first = 0): void {
  bits[first + (at >>> 5)]! |= 1 << (at & 31);
}

function takes(step: Step, code: number): boolean {
  switch (step.kind) {
    case "one":
      return code === step.code;
    case "any":
      return code !== SLASH;
    case "class":
      if (code === SLASH) return false;
      return step.ranges.some(([from, to]) => code >= from && code <= to) !== step.negated;
  }
}
