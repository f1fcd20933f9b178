import assert from "node:assert/strict";
import { tableLines } from "./table.ts";

Deno.test("tableLines() lines columns up, quantities at the right, and leaves no blanks behind", () => {
  const lines = tableLines([["a", "1", "long text"], ["bcd", "234", ""]], {
    head: ["NAME", "N", "WHAT"],
    right: [1],
  });
  assert.deepEqual(lines, ["NAME    N  WHAT", "a       1  long text", "bcd   234"]);
});

Deno.test("tableLines() counts columns of a terminal, not characters", () => {
  assert.deepEqual(tableLines([["日本", "x"], ["abcd", "y"], ["e\u0301", "z"]]), [
    "日本  x",
    "abcd  y",
    "e\u0301     z",
  ]);
});

Deno.test("tableLines() takes rows of unequal length, and none", () => {
  assert.deepEqual(tableLines([["a"], ["bb", "c"]]), ["a", "bb  c"]);
  assert.deepEqual(tableLines([]), []);
});

Deno.test("tableLines() styles the head alone", () => {
  const [head, row] = tableLines([["a"]], { head: ["A"], color: true });
  assert.equal(head, "\x1b[2mA\x1b[0m");
  assert.equal(row, "a");
});
