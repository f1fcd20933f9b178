import assert from "node:assert/strict";
import { tryGuards } from "./verdict.ts";
import { passedOf } from "./workbench.ts";

Deno.test("a guard is held when its test fails without it, and not when nothing notices", async () => {
  const guard = {
    area: "none",
    refuses: "text that is longer than asked for",
    file: "src/base/text.ts",
    text: "if (chars + pieceChars > maxChars) return cut(shown, chars, maxChars);",
    without: "",
    test: "src/base/text_test.ts",
  };
  const name = "escapeText() bounds text without being told to";
  const verdicts = await tryGuards([
    guard,
    { ...guard, name },
    { ...guard, name, without: `${guard.text} ` },
    { ...guard, name, without: "(((" },
    // Of the tests of a file each guard has its own.
    { ...guard, name: "escapeText() leaves ordinary text of any script alone" },
  ], { jobs: 1, onVerdict: () => {} });
  const problems = verdicts.map(({ problem }) => problem?.split("\n")[0] ?? null);
  assert.deepEqual(problems, [
    null,
    null,
    "without it, its test passes",
    "without it, its test does not run:",
    "without it, its test passes",
  ]);
});

Deno.test("a run of a file tells which tests passed, and how long each took", () => {
  const said = [
    "running 4 tests from ./a_test.ts",
    "one ... ok (500µs)",
    "two ... with dots ... ok (1m2s)",
    "  a step ... ok (1s)",
    "three ... FAILED (3ms)",
    "four ... ignored (0ms)",
    "ok | 2 passed | 0 failed (1m3s)",
  ].join("\n");
  assert.deepEqual(passedOf(said), [
    { name: "one", tookMs: 0.5 },
    { name: "two ... with dots", tookMs: 62_000 },
  ]);
});
