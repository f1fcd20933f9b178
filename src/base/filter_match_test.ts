import assert from "node:assert/strict";
import fc from "fast-check";
import { Matcher, stepsOf, wordsOf } from "./filter_match.ts";
import { parsePattern, type PatternToken } from "./filter_pattern.ts";

const PIECES = [
  ..."aab/é😀",
  "*",
  "**",
  "?",
  "[ab]",
  "[!a]",
  "[!é]",
  "[a-é]",
  "[😀-😂x]",
  "[[:alpha:]]",
  "\\*",
];

/** What follows from where, token by token and place by place. */
function slowMatches(tokens: readonly PatternToken[], text: string, anyComponent: boolean) {
  const characters = [...text];
  let reached = new Set(characters.flatMap((it, at) => anyComponent && it === "/" ? [at + 1] : []));
  reached.add(0);
  for (const token of tokens) {
    const next = new Set<number>();
    for (const from of reached) {
      if (token.kind !== "anything" && token.kind !== "name") {
        if (takes(token, characters[from])) next.add(from + 1);
        continue;
      }
      for (let at = from; at <= characters.length; at++) {
        next.add(at);
        if (token.kind === "name" && characters[at] === "/") break;
      }
    }
    reached = next;
  }
  return reached.has(characters.length);
}

function takes(token: PatternToken, character: string | undefined): boolean {
  if (character === undefined) return false;
  const code = character.codePointAt(0) ?? 0;
  if (token.kind === "one") return token.code === code;
  if (token.kind !== "class") return character !== "/";
  const isIn = token.ranges.some(([from, to]) => from <= code && code <= to);
  return character !== "/" && isIn !== token.negated;
}

function tokensOf(pattern: string): readonly PatternToken[] {
  const tokens = parsePattern(pattern);
  if (typeof tokens === "string") throw new RangeError(tokens);
  return tokens;
}

for (const pieces of [{ maxLength: 8 }, { minLength: 25, maxLength: 110 }]) {
  Deno.test(`Matcher agrees with one that takes every way, up to ${pieces.maxLength} pieces`, () => {
    const patterns = fc.array(fc.constantFrom(...PIECES), pieces).map((parts) => parts.join(""));
    // Texts made of a pattern's own pieces, so that many are matched or nearly so.
    const texts = (pattern: string) =>
      fc.array(fc.constantFrom("", "a", "b", "/", "é", "😀", "ab/"), { maxLength: 12 }).map((
        fills,
      ) =>
        tokensOf(pattern).map((token, i) => {
          const fill = fills[i % Math.max(1, fills.length)] ?? "";
          if (token.kind === "one") return String.fromCodePoint(token.code);
          if (token.kind === "anything") return fill;
          if (token.kind === "name") return fill.replaceAll("/", "");
          return [...fill, ..."abé😁"].find((character) => takes(token, character)) ?? "a";
        }).join("")
      );
    const cases = patterns.chain((pattern) =>
      fc.record({
        pattern: fc.constant(pattern),
        text: texts(pattern),
        begin: fc.constantFrom("", "b/", "é/a/"),
        anyComponent: fc.boolean(),
      })
    );
    let matched = 0;
    fc.assert(
      fc.property(cases, ({ pattern, text, begin, anyComponent }) => {
        const tokens = tokensOf(pattern);
        const matcher = new Matcher(tokens);
        const whole = begin + text;
        const expected = slowMatches(tokens, whole, anyComponent);
        if (expected) matched++;
        const found = matcher.matches(whole, { from: 0, to: whole.length, anyComponent });
        assert.equal(found, expected);
        // The same between text that is not its business.
        const span = { from: 2, to: 2 + whole.length, anyComponent };
        assert.equal(matcher.matches(`xy${whole}zz`, span), expected);
      }),
      { numRuns: 3000 },
    );
    assert.ok(matched > 500, `${matched} matched`);
  });
}

Deno.test("Matcher takes a step over from one word of bits to the next", () => {
  for (const length of [30, 31, 32, 33, 63, 64, 65, 96, 200]) {
    const text = "a".repeat(length);
    const matcher = new Matcher(tokensOf("?".repeat(length)));
    const whole = (given: string) =>
      matcher.matches(given, { from: 0, to: given.length, anyComponent: false });
    assert.deepEqual([whole(text), whole(`${text}a`), whole(text.slice(1))], [true, false, false]);
  }
});

Deno.test("stepsOf() counts what takes characters, and ranges beyond ASCII for many", () => {
  assert.equal(stepsOf(tokensOf("a*b**?[a-z]")), 4);
  assert.equal(stepsOf(tokensOf("[a-é]")), 33);
  assert.deepEqual([0, 31, 32, 63, 64].map(wordsOf), [1, 1, 2, 2, 3]);
});
