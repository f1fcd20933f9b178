import assert from "node:assert/strict";
import { tryGuards } from "./verdict.ts";

Deno.test("a guard is held when its test fails without it, and not when nothing notices", async () => {
  const guard = {
    area: "none",
    refuses: "text that is longer than asked for",
    file: "src/base/text.ts",
    text: "if (chars + pieceChars > maxChars) return cut(shown, chars, maxChars);",
    without: "",
    test: "src/base/text_test.ts",
  };
  const verdicts = await tryGuards([
    guard,
    { ...guard, without: `${guard.text} ` },
    { ...guard, without: "(((" },
  ], { jobs: 1, onVerdict: () => {} });
  const problems = verdicts.map(({ problem }) => problem?.split("\n")[0] ?? null);
  assert.deepEqual(problems, [
    null,
    "without it, its test passes",
    "without it, its test does not run:",
  ]);
});
