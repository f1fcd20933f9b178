import assert from "node:assert/strict";
import fc from "fast-check";
import { LIMITS } from "./limits.ts";
import { escapeText } from "./text.ts";

Deno.test("escapeText() leaves ordinary text of any script alone", () => {
  for (const text of ["", "a b.txt", "C:\\x", "é e\u0301 日本 😀", 'say "x"']) {
    assert.equal(escapeText(text), text);
  }
});

Deno.test("escapeText() writes out what moves a cursor, hides, reorders or breaks lines", () => {
  const unsafe = [
    ["\x1b[2J", "\\u{1b}[2J"],
    ["a\r\nb", "a\\u{d}\\u{a}b"],
    ["\0", "\\u{0}"],
    ["\x7f\x9b", "\\u{7f}\\u{9b}"],
    ["\u202egnp.exe", "\\u{202e}gnp.exe"],
    ["\u2066\u200b\ufeff", "\\u{2066}\\u{200b}\\u{feff}"],
    ["\u2028\u2029", "\\u{2028}\\u{2029}"],
    ["\u{e0041}", "\\u{e0041}"],
    ["\ud800x", "\\u{d800}x"],
    ["\ue000", "\\u{e000}"],
  ] as const;
  for (const [text, shown] of unsafe) assert.equal(escapeText(text), shown);
});

Deno.test("escapeText() never lets a control through and never exceeds its bound", () => {
  const text = fc.string({ unit: "binary" });
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 30 }), (value, maxChars) => {
      const shown = escapeText(value, maxChars);
      assert.doesNotMatch(shown, /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      assert.ok([...shown].length <= maxChars);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("escapeText() cuts between characters and says so", () => {
  assert.equal(escapeText("abcdef", 6), "abcdef");
  assert.equal(escapeText("abcdefg", 6), "abcde…");
  assert.equal(escapeText("😀😀😀", 2), "😀…");
});

Deno.test("escapeText() keeps no half of an escape", () => {
  assert.equal(escapeText("ab\x1b", 7), "ab…");
  assert.equal(escapeText("\x1b\x1b", 6), "…");
  assert.equal(escapeText("a\x1bb", 7), "a…");
});

Deno.test("escapeText() bounds text without being told to", () => {
  assert.equal([...escapeText("x".repeat(1 << 20))].length, LIMITS.textBytes);
});

Deno.test("escapeText() refuses a bound without room for anything", () => {
  for (const maxChars of [0, -1, 1.5, NaN]) {
    assert.throws(() => escapeText("a", maxChars), RangeError);
  }
});
