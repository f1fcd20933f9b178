import assert from "node:assert/strict";
import { shellWord } from "./shell_word.ts";

Deno.test("shellWord() leaves plain words as they are", () => {
  for (const word of ["hosts", "/srv/a-b_c.d", "~/x".slice(1), "a:b,c=d+e@f%g"]) {
    assert.equal(shellWord(word), word);
  }
});

Deno.test("shellWord() quotes what a shell would take apart, run or replace", () => {
  const cases = [
    "a b",
    "a;rm x",
    "$(x)",
    "`x`",
    "a'b",
    'a"b',
    "*",
    "~",
    "a\\b",
    "",
    "a&b",
    "#a",
    "!",
  ];
  for (const text of cases) {
    const word = shellWord(text);
    assert.match(word, /^'.*'$/);
    // As a shell reads it: quoted runs, joined by escaped quotes.
    assert.equal(word.slice(1, -1).split("'\\''").join("'"), text);
    assert.equal(word.slice(1, -1).split("'\\''").some((run) => run.includes("'")), false);
  }
});

Deno.test("shellWord() shows no control character and keeps a long path whole", () => {
  assert.equal(shellWord("a\nb\u001b"), "'a\\u{a}b\\u{1b}'");
  const long = `/${"a".repeat(2000)}`;
  assert.equal(shellWord(long), long);
});
