import assert from "node:assert/strict";
import fc from "fast-check";
import { comparePaths } from "../base/path.ts";
import { CommittedAhead } from "./committed_ahead.ts";

/** A table of these paths, and how many rows each query asked for. */
function tableOf(paths: readonly string[]): { readonly ahead: CommittedAhead; asked: number[] } {
  const sorted = [...paths].sort(comparePaths);
  const asked: number[] = [];
  const ahead = new CommittedAhead((from, most) => {
    asked.push(most);
    const rows = sorted.filter((path) => comparePaths(path, from) >= 0).slice(0, most);
    return rows.map((path) => ({ path }));
  });
  return { ahead, asked };
}

const numbered = (count: number) =>
  Array.from({ length: count }, (_, at) => `d/f${String(at).padStart(4, "0")}`);

Deno.test("CommittedAhead answers what the table has, in whatever order it is asked", () => {
  const path = fc.constantFrom(...numbered(12), "d", "d/é", "e/\u{10000}", "e/\uffff", "z");
  fc.assert(fc.property(fc.uniqueArray(path), fc.array(path), (paths, questions) => {
    const { ahead } = tableOf(paths);
    for (const question of [...questions, ...questions.toSorted(comparePaths)]) {
      assert.equal(ahead.row(question) !== undefined, paths.includes(question), question);
    }
  }));
});

Deno.test("CommittedAhead reads many rows at once where they are asked for in order", () => {
  const paths = numbered(1000);
  const { ahead, asked } = tableOf(paths);
  for (const path of paths) assert.equal(ahead.row(path)?.["path"], path);
  assert.deepEqual(asked.slice(0, 8), [1, 2, 4, 8, 16, 32, 64, 64]);
  assert.ok(asked.length < 30);
});

Deno.test("CommittedAhead reads one row at a time where most of the table is not asked for", () => {
  const paths = numbered(1000);
  const { ahead, asked } = tableOf(paths);
  for (let at = 0; at < paths.length; at += 10) assert.ok(ahead.row(paths[at]!));
  assert.ok(asked.every((most) => most <= 2), String(asked));
});

Deno.test("CommittedAhead keeps nothing once it was told to forget", () => {
  const paths = ["a", "b", "c", "d"];
  const rows = [...paths];
  const ahead = new CommittedAhead((from, most) => {
    return rows.filter((path) => path >= from).slice(0, most).map((path) => ({ path }));
  });
  for (const path of ["a", "b"]) assert.ok(ahead.row(path));
  rows.splice(2, 1);
  assert.ok(ahead.row("c"), "it was read with b");
  ahead.forget();
  assert.equal(ahead.row("c"), undefined);
  assert.ok(ahead.row("d"));
});
