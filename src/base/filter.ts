// What travels and what does not: rsync's patterns, without regular expressions. The first rule that
// matches decides; none means it travels. Rules may be a peer's, and each meets every entry: what has
// wildcards weighs something, and all weights together are bounded so that an entry costs about a
// millisecond at the very most. Bounds stand in limits.ts.

import { utf8Bytes } from "./bytes.ts";
import { Matcher, stepsOf, wordsOf } from "./filter_match.ts";
import { parsePattern, type PatternToken } from "./filter_pattern.ts";
import { LIMITS } from "./limits.ts";

/** One rule; the first that matches an entry decides. */
export interface FilterRule {
  readonly include: boolean;
  /** As rsync reads it; see {@linkcode Filter}. */
  readonly pattern: string;
}

const SLASH = 0x2f;
/** What a pattern of whole paths weighs against one of last components: so much longer is its text. */
const PATH_WEIGHT = 16;

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

/** Why rules that are good one by one are refused together, as the end of a sentence; null if not. */
export function filtersProblem(rules: readonly FilterRule[]): string | null {
  if (rules.length > LIMITS.filterRules) return `they are more than ${LIMITS.filterRules}`;
  const patternBytes = rules.reduce((sum, { pattern }) => sum + utf8Bytes(pattern), 0);
  if (patternBytes > LIMITS.filterBytes) {
    return `their patterns have more than ${LIMITS.filterBytes} bytes`;
  }
  const weight = rules.reduce((sum, { pattern }) => sum + filterWeight(pattern), 0);
  if (weight <= LIMITS.filterWeight) return null;
  return `their wildcards weigh ${weight}, and ${LIMITS.filterWeight} is the most`;
}

/** What a pattern costs an entry, in the unit of `LIMITS.filterWeight`; none where text is compared. */
export function filterWeight(pattern: string): number {
  const parsed = parsePattern(bodyOf(pattern));
  if (typeof parsed === "string") return 0;
  const { start, tokens } = placed(pattern, parsed);
  if (plainOf(tokens, start) !== null) return 0;
  return (start === "name" ? 1 : PATH_WEIGHT) * wordsOf(stepsOf(tokens));
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

/** Nothing but text, with one run of any characters in it at most: compared without a matcher. */
interface Plain {
  readonly head: string;
  /** Null for text alone: all of it is the head. */
  readonly tail: string | null;
  /** The run goes over slashes. */
  readonly overAll: boolean;
  /** In the text, not in the run. */
  readonly slashes: number;
}

/** What begins and ends with wildcards, between text. */
interface Wild {
  readonly head: string;
  readonly tail: string;
  readonly matcher: Matcher;
}

interface CompiledRule {
  readonly include: boolean;
  readonly directoriesOnly: boolean;
  readonly start: Start;
  /** Ends with `***`: a directory is matched with a slash behind it, as what is in it would be. */
  readonly entersDirectory: boolean;
  readonly plain: Plain | null;
  readonly wild: Wild | null;
}

function compile({ include, pattern }: FilterRule): CompiledRule {
  const problem = filterProblem(pattern);
  if (problem !== null) throw new RangeError(`Cannot use a filter pattern: ${problem}`);
  const parsed = parsePattern(bodyOf(pattern));
  if (typeof parsed === "string") throw new RangeError(parsed);
  const { start, tokens } = placed(pattern, parsed);
  const plain = plainOf(tokens, start);
  const last = tokens.at(-1);
  return {
    include,
    directoriesOnly: pattern.endsWith("/"),
    start,
    entersDirectory: last?.kind === "anything" && last.stars > 2,
    plain,
    wild: plain === null ? wildOf(tokens, start) : null,
  };
}

/** The pattern between the slashes that only say where and what it is about. */
function bodyOf(pattern: string): string {
  return pattern.replace(/^\//, "").replace(/(?<!\/)\/+$/, "");
}

function placed(
  pattern: string,
  parsed: readonly PatternToken[],
): { readonly start: Start; readonly tokens: readonly PatternToken[] } {
  if (pattern.startsWith("/")) return { start: "path", tokens: parsed };
  const [first, second] = parsed;
  // `**/x` is x at the beginning of any component, the first one too.
  const skips = first?.kind === "anything" && second?.kind === "one" && second.code === SLASH;
  const crosses = parsed.some((token) =>
    token.kind === "anything" || (token.kind === "one" && token.code === SLASH)
  );
  return { start: crosses ? "component" : "name", tokens: skips ? parsed.slice(2) : parsed };
}

function plainOf(tokens: readonly PatternToken[], start: Start): Plain | null {
  const at = tokens.findIndex(({ kind }) => kind !== "one");
  const slashes = tokens.filter((token) => token.kind === "one" && token.code === SLASH).length;
  if (at < 0) return { head: textOf(tokens), tail: null, overAll: false, slashes };
  const run = tokens[at];
  const rest = tokens.slice(at + 1);
  if (
    (run?.kind !== "name" && run?.kind !== "anything") || rest.some(({ kind }) => kind !== "one")
  ) {
    return null;
  }
  const overAll = run.kind === "anything";
  // Where it begins cannot be told from the slashes in it.
  if (overAll && start === "component") return null;
  return { head: textOf(tokens.slice(0, at)), tail: textOf(rest), overAll, slashes };
}

function wildOf(tokens: readonly PatternToken[], start: Start): Wild {
  // What may begin in several places has its beginning looked for by the matcher.
  const from = start === "component" ? 0 : tokens.findIndex(({ kind }) => kind !== "one");
  const to = tokens.findLastIndex(({ kind }) => kind !== "one") + 1;
  return {
    head: textOf(tokens.slice(0, from)),
    tail: textOf(tokens.slice(to)),
    matcher: new Matcher(tokens.slice(from, to)),
  };
}

function textOf(tokens: readonly PatternToken[]): string {
  return tokens.map((token) => token.kind === "one" ? String.fromCodePoint(token.code) : "").join(
    "",
  );
}

/** One path as rules are tried on it. */
class Subject {
  readonly #name: string;
  readonly #path: string;
  readonly #isDirectory: boolean;

  constructor(path: string, isDirectory: boolean) {
    this.#path = path;
    this.#name = path.slice(path.lastIndexOf("/") + 1);
    this.#isDirectory = isDirectory;
  }

  matches({ start, entersDirectory, plain, wild }: CompiledRule): boolean {
    const path = entersDirectory && this.#isDirectory ? `${this.#path}/` : this.#path;
    const text = start === "name" ? this.#name : path;
    if (plain !== null) return matchesPlain(text, plain, start);
    if (wild === null) return false;
    const { head, tail, matcher } = wild;
    if (!isFramed(text, 0, { head, tail })) return false;
    const to = text.length - tail.length;
    return matcher.matches(text, { from: head.length, to, anyComponent: start === "component" });
  }
}

function matchesPlain(
  text: string,
  { head, tail, overAll, slashes }: Plain,
  start: Start,
): boolean {
  if (tail === null) {
    if (text === head) return true;
    return start === "component" && text.endsWith(head) &&
      text.charCodeAt(text.length - head.length - 1) === SLASH;
  }
  if (!text.endsWith(tail)) return false;
  const from = start === "component" ? lastComponents(text, slashes) : 0;
  if (from === null || !isFramed(text, from, { head, tail })) return false;
  const slash = overAll ? -1 : text.indexOf("/", from + head.length);
  return slash < 0 || slash >= text.length - tail.length;
}

/** Whether the text from there on begins and ends so, without the two overlapping. */
function isFramed(
  text: string,
  from: number,
  { head, tail }: { readonly head: string; readonly tail: string },
): boolean {
  return text.length - from >= head.length + tail.length && text.startsWith(head, from) &&
    text.endsWith(tail);
}

/** Where the components at the end begin that have so many slashes between them; null if too few. */
function lastComponents(text: string, slashes: number): number | null {
  let begin = text.length;
  for (let passed = 0; passed <= slashes; passed++) {
    if (begin === 0) return null;
    begin = text.lastIndexOf("/", begin - 1);
    if (begin < 0) return passed === slashes ? 0 : null;
  }
  return begin + 1;
}
