import assert from "node:assert/strict";
import fc from "fast-check";
import { comparePaths, foldPath, isFromOn } from "../base/path.ts";
import { PathList } from "./path_list.ts";

const NAME = fc.string({
  // The last two begin with the same half.
  unit: fc.constantFrom("a", "b", "A", "-", "é", "@", "😀", "😁"),
  minLength: 1,
  maxLength: 4,
});
const PATH = fc.array(NAME, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));

Deno.test("PathList has what was added, in order and all of it, and nothing else", () => {
  const given = fc.uniqueArray(PATH, { maxLength: 400 });
  fc.assert(
    fc.property(given, fc.array(PATH, { maxLength: 20 }), (added, asked) => {
      const sorted = [...added].sort(comparePaths);
      const list = new PathList();
      for (const path of sorted) list.add(path);
      assert.equal(list.isOrdered, true);
      assert.deepEqual([...list], sorted);
      for (const path of [...asked, ...sorted]) {
        assert.equal(list.has(path), sorted.includes(path));
        assert.equal(list.find(path) ?? -1, sorted.indexOf(path));
        const folds = sorted.filter((known) => foldPath(known) === foldPath(path));
        const found = list.foldsTo(path);
        assert.ok(found === null ? folds.length === 0 : folds.includes(found));
      }
    }),
    { numRuns: 60 },
  );
});

Deno.test("PathList takes more after it was asked", () => {
  const list = new PathList();
  list.add("a");
  assert.equal(list.has("b"), false);
  list.add("b");
  assert.deepEqual([list.has("b"), list.has("a"), list.has("")], [true, true, false]);
});

Deno.test("PathList takes no more room for being asked at every path", () => {
  const lists = [new PathList(), new PathList()];
  for (let at = 0; at < 2000; at++) {
    const path = `a/long/beginning/${String(at).padStart(5, "0")}`;
    for (const list of lists) list.add(path);
    assert.equal(lists[0]!.find(path), at);
  }
  assert.equal(lists[0]!.heldBytes, lists[1]!.heldBytes);
});

Deno.test("PathList shares long beginnings to the last character it can count", () => {
  const long = `${"x/".repeat(2047)}`;
  const paths = [`${long}a`, `${long}ab`, `${long}b`, `${long}😀`, `${long}😀a`];
  const list = new PathList();
  paths.forEach((path) => list.add(path));
  list.add("a"); // Begins another section, and a block with it: what was before is packed.
  assert.deepEqual(paths.map((_, number) => list.path(number)), paths);
});

Deno.test("PathList gives back names that begin with the same half of a character", () => {
  const paths = ["d/😀", "d/😁", "d/😁a", "d/😂"];
  const list = new PathList();
  paths.forEach((path) => list.add(path));
  list.add("a"); // The same.
  assert.deepEqual(paths.map((_, number) => list.path(number)), paths);
});

Deno.test("PathList takes two sections, whatever they have between each other", () => {
  const given = fc.uniqueArray(PATH, { maxLength: 400 });
  fc.assert(
    fc.property(given, PATH, fc.array(PATH, { maxLength: 20 }), (added, from, asked) => {
      const sorted = [...added].sort(comparePaths);
      const sections = [true, false].map((isFirst) =>
        sorted.filter((path) => isFromOn(path, from) === isFirst)
      );
      const list = new PathList();
      for (const path of sections.flat()) list.add(path);
      assert.equal(list.isOrdered, true);
      assert.deepEqual([...list], sections.flat());
      for (const path of [...asked, ...sorted]) {
        assert.equal(list.has(path), sorted.includes(path));
      }
    }),
    { numRuns: 60 },
  );
});

Deno.test("PathList gives back each path by its number, in whatever order they came", () => {
  fc.assert(
    fc.property(fc.array(PATH, { maxLength: 600 }), (added) => {
      const list = new PathList();
      for (const [number, path] of added.entries()) {
        list.add(path);
        assert.equal(list.path(number), path);
      }
      added.forEach((path, number) => assert.equal(list.path(number), path));
      assert.throws(() => list.path(added.length), RangeError);
    }),
    { numRuns: 30 },
  );
  const list = new PathList();
  for (const path of ["a", "b\0c", "d"]) list.add(path);
  list.has("a");
  assert.deepEqual([0, 1, 2].map((number) => list.path(number)), ["a", "", "d"]);
});

Deno.test("PathList takes what a path has of its own, and a few bytes (I8)", () => {
  const list = new PathList();
  const count = 100_000;
  for (let number = 0; number < count; number++) {
    const directory = `packages/module-${Math.floor(number / 500).toString().padStart(4, "0")}`;
    list.add(`${directory}/dist/esm/file-${number.toString().padStart(6, "0")}.js`);
  }
  assert.equal(list.isOrdered, true);
  assert.ok(list.heldBytes / count < 12, `${list.heldBytes / count} bytes`);
});

Deno.test("PathList says when it was not filled in order", () => {
  for (const paths of [["c", "b", "a"], ["b", "c", "a", "a"], ["a\0b"], ["b", "a", "c\0"]]) {
    const list = new PathList();
    paths.forEach((path) => list.add(path));
    assert.equal(list.isOrdered, false, JSON.stringify(paths));
  }
});
