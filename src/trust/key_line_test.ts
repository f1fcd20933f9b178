import assert from "node:assert/strict";
import { assertQuick } from "../../tests/quickest.ts";
import { LIMITS } from "../base/limits.ts";
import { keyLines } from "./key_line.ts";

Deno.test("keyLines() takes blanks and tabs from both ends, and none from between", () => {
  const [line] = keyLines(" \t a\u00a0b  c\t\r\n");
  assert.deepEqual(line?.words, ["a\u00a0b", "c"]);
  assert.deepEqual(keyLines(" \t \n\t"), []);
});

Deno.test("keyLines() takes no longer over a line of blanks than over another one", () => {
  // A pattern that looks at each blank anew takes minutes.
  assertQuick(() => {
    const [line] = keyLines(`a${" ".repeat(LIMITS.trustFileBytes)}b`);
    assert.deepEqual(line?.words, ["a", "b"]);
  }, { withinMs: 5_000 });
});
