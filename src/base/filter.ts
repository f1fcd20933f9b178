// What travels and what does not: rsync's patterns, without regular expressions, so that no pattern of
// a peer costs more than pattern times path. The first rule that matches decides; none means it
// travels. Bounds stand in limits.ts.

import { utf8Bytes } from "./bytes.ts";
import { parsePattern, type PatternToken } from "./filter_pattern.ts";
import { LIMITS } from "./limits.ts";

/** One rule; the first that matches an entry decides. */
export interface FilterRule {
  readonly include: boolean;
  /** As rsync reads it; see {@linkcode Filter}. */
  readonly pattern: string;
}

const SLASH = 0x2f;
const SURROGATE = /[\ud800-\udfff]/;

/** Why a pattern is refused, as the end of a sentence (`it is empty`); null if it may be used. */
export function filterProblem(pattern: string): string | null {
  if (pattern === "") return "it is empty";
  if (utf8Bytes(pattern) > LIMITS.pathBytes) {
    return `it is longer than ${LIMITS.pathBytes} bytes`;
  }
  if (pattern.includes("\0")) return "it has a NUL character";
  if (/^\/+$/.test(pattern)) return "it has slashes only";
  const parsed = parsePattern(bodyOf(pattern));
  return typeof parsed === "string" ? parsed : null;
}

/**
 * Filter rules in order, each with rsync's meaning:
 * - a pattern without `/` (a last one aside) and without `**` is about the last component at any
 *   depth; with one, about the end of the path from a component's beginning on;
 * - a leading `/` ties it to the root of the transfer; a trailing `/` is about directories only;
 * - `*` and `?` stop at slashes, `**` does not; `[a-z]`, `[!a-z]`, `[[:alpha:]]` (ASCII) are classes;
 * - `\` takes the next character as it is (always, where rsync does so beside wildcards only);
 * - `dir/***` is the directory and all in it.
 *
 * An excluded directory is not entered, so nothing below it is asked about: that is the caller's.
 */
export class Filter {
  readonly #rules: readonly CompiledRule[];

  /** Throws a `RangeError` for a pattern that {@linkcode filterProblem} refuses. */
  constructor(rules: readonly FilterRule[]) {
    this.#rules = rules.map(compile);
  }

  /** Whether a path, relative to the root of the transfer, stays behind. */
  excludes(path: string, isDirectory: boolean): boolean {
    if (this.#rules.length === 0) return false;
    const subject = new Subject(path, isDirectory);
    for (const rule of this.#rules) {
      if (rule.directoriesOnly && !isDirectory) continue;
      if (subject.matches(rule)) return !rule.include;
    }
    return false;
  }
}

/** Where in a path a pattern may begin to match; it always ends where the path does. */
type Start = "path" | "name" | "component";

interface CompiledRule {
  readonly include: boolean;
  readonly directoriesOnly: boolean;
  readonly start: Start;
  readonly tokens: readonly PatternToken[];
  /** Ends with `***`: a directory is matched with a slash behind it, as what is in it would be. */
  readonly entersDirectory: boolean;
  /** For `name`: the last component is this text, or ends with it; saves most patterns the table. */
  readonly literal: { readonly text: string; readonly isSuffix: boolean } | null;
}

function compile({ include, pattern }: FilterRule): CompiledRule {
  const problem = filterProblem(pattern);
  if (problem !== null) throw new RangeError(`Cannot use a filter pattern: ${problem}`);
  const tokens = parsePattern(bodyOf(pattern));
  if (typeof tokens === "string") throw new RangeError(tokens);
  const directoriesOnly = pattern.endsWith("/");
  const isAnchored = pattern.startsWith("/");
  const last = tokens.at(-1);
  const entersDirectory = last?.kind === "anything" && last.stars > 2;
  const crosses = tokens.some((token) =>
    token.kind === "anything" || (token.kind === "one" && token.code === SLASH)
  );
  const start = isAnchored ? "path" : crosses ? "component" : "name";
  // `**/x` is x at the beginning of any component, the first one too.
  const [first, second] = tokens;
  const skips = !isAnchored && first?.kind === "anything" && second?.kind === "one" &&
    second.code === SLASH;
  return {
    include,
    directoriesOnly,
    start,
    tokens: skips ? tokens.slice(2) : tokens,
    entersDirectory,
    literal: start === "name" ? literalOf(tokens) : null,
  };
}

/** The pattern between the slashes that only say where and what it is about. */
function bodyOf(pattern: string): string {
  return pattern.replace(/^\//, "").replace(/(?<!\/)\/+$/, "");
}

function literalOf(tokens: readonly PatternToken[]): CompiledRule["literal"] {
  const isSuffix = tokens[0]?.kind === "name";
  const codes = (isSuffix ? tokens.slice(1) : tokens).map((token) =>
    token.kind === "one" ? token.code : null
  );
  const known = codes.filter((code) => code !== null);
  if (known.length < codes.length) return null;
  return { text: String.fromCodePoint(...known), isSuffix };
}

/** One path as rules are tried on it. */
class Subject {
  readonly #name: string;
  readonly #path: string;
  readonly #isDirectory: boolean;
  /** Code points, taken apart when the first rule needs them. */
  #codes: readonly number[] | null = null;

  constructor(path: string, isDirectory: boolean) {
    this.#path = path;
    this.#name = path.slice(path.lastIndexOf("/") + 1);
    this.#isDirectory = isDirectory;
  }

  matches(rule: CompiledRule): boolean {
    if (rule.literal !== null) {
      const { text, isSuffix } = rule.literal;
      return isSuffix ? this.#name.endsWith(text) : this.#name === text;
    }
    this.#codes ??= codesOf(this.#path);
    if (cannotBegin(rule, this.#codes)) return false;
    const codes = rule.entersDirectory && this.#isDirectory ? [...this.#codes, SLASH] : this.#codes;
    return matchesToEnd(rule.tokens, codes, rule.start);
  }
}

function codesOf(text: string): number[] {
  const codes: number[] = [];
  if (SURROGATE.test(text)) {
    for (const character of text) codes.push(character.codePointAt(0) ?? 0);
  } else {
    for (let i = 0; i < text.length; i++) codes.push(text.charCodeAt(i));
  }
  return codes;
}

/** Most anchored patterns are about another directory, which their first character tells. */
function cannotBegin({ start, tokens }: CompiledRule, codes: readonly number[]): boolean {
  const [first] = tokens;
  return start === "path" && first?.kind === "one" && first.code !== codes[0];
}

/** One row a token: where in the text what precedes the token may end. Tokens times text, no more. */
function matchesToEnd(
  tokens: readonly PatternToken[],
  codes: readonly number[],
  start: Start,
): boolean {
  let reached = new Uint8Array(codes.length + 1);
  let next = new Uint8Array(codes.length + 1);
  markStarts(reached, codes, start);
  for (const token of tokens) {
    if (!advance(token, codes, { reached, next })) return false;
    [reached, next] = [next, reached];
  }
  return reached[codes.length] === 1;
}

function markStarts(row: Uint8Array, codes: readonly number[], start: Start): void {
  if (start === "name") {
    row[codes.lastIndexOf(SLASH) + 1] = 1;
    return;
  }
  row[0] = 1;
  if (start === "path") return;
  for (let i = 0; i < codes.length; i++) if (codes[i] === SLASH) row[i + 1] = 1;
}

/** Fills `next`; false when nothing can match any more. */
function advance(
  token: PatternToken,
  codes: readonly number[],
  { reached, next }: { readonly reached: Uint8Array; readonly next: Uint8Array },
): boolean {
  let isAlive = false;
  let previous = 0;
  for (let i = 0; i <= codes.length; i++) {
    const before = codes[i - 1] ?? 0;
    let mark: number;
    if (token.kind === "anything" || token.kind === "name") {
      const goesOn = token.kind === "anything" || before !== SLASH;
      mark = reached[i] === 1 || (previous === 1 && goesOn) ? 1 : 0;
    } else {
      mark = i > 0 && reached[i - 1] === 1 && takes(token, before) ? 1 : 0;
    }
    next[i] = mark;
    previous = mark;
    isAlive ||= mark === 1;
  }
  return isAlive;
}

function takes(
  token: Exclude<PatternToken, { kind: "anything" | "name" }>,
  code: number,
): boolean {
  switch (token.kind) {
    case "one":
      return code === token.code;
    case "any":
      return code !== SLASH;
    case "class":
      if (code === SLASH) return false;
      return token.ranges.some(([from, to]) => code >= from && code <= to) !== token.negated;
  }
}
