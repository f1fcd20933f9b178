import assert from "node:assert/strict";
import fc from "fast-check";
import { keysWithin, type Range, RangeSet } from "./ranges.ts";

Deno.test("RangeSet melts touching and overlapping runs into one", () => {
  const set = new RangeSet();
  set.add(5);
  set.add(7, 2);
  set.add(6);
  set.add(0, 2);
  set.add(1, 5);
  assert.equal(set.size, 9);
  assert.deepEqual(set.drain(9), [[0, 9]]);
});

Deno.test("RangeSet keeps runs with a gap apart and counts a number once", () => {
  const set = new RangeSet();
  set.add(10);
  set.add(10);
  set.add(12);
  assert.equal(set.size, 2);
  assert.equal(set.has(11), false);
  assert.deepEqual(set.drain(2), [[10, 1], [12, 1]]);
});

Deno.test("drain() takes the lowest runs and leaves the rest", () => {
  const set = new RangeSet();
  for (const first of [30, 10, 20]) set.add(first, 2);
  assert.deepEqual(set.drain(2), [[10, 2], [20, 2]]);
  assert.equal(set.size, 2);
  assert.equal(set.has(10), false);
  assert.equal(set.has(31), true);
  assert.deepEqual(set.drain(0), []);
  assert.deepEqual(set.drain(5), [[30, 2]]);
  assert.deepEqual(set.drain(5), []);
  assert.equal(set.size, 0);
});

Deno.test("add() refuses what is no range of whole numbers", () => {
  const set = new RangeSet();
  const bad: Range[] = [[-1, 1], [0, 0], [0, -1], [0.5, 1], [0, 1.5], [NaN, 1], [2 ** 53 - 1, 1]];
  for (const [first, count] of bad) assert.throws(() => set.add(first, count), RangeError);
  assert.equal(set.size, 0);
  set.add(2 ** 53 - 2);
  assert.equal(set.has(2 ** 53 - 2), true);
});

Deno.test("drain() refuses a limit that is no count", () => {
  for (const limit of [-1, 0.5, Infinity]) {
    assert.throws(() => new RangeSet().drain(limit), RangeError);
  }
});

Deno.test("RangeSet behaves as a plain set of numbers", () => {
  const range = fc.tuple(fc.nat(60), fc.integer({ min: 1, max: 12 }));
  const step = fc.oneof({ weight: 8, arbitrary: range }, fc.nat(3));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const set = new RangeSet();
      const model = new Set<number>();
      for (const step of steps) {
        if (typeof step === "number") {
          const expected = runsOf(model).slice(0, step);
          assert.deepEqual(set.drain(step), expected);
          for (const [first, count] of expected) {
            for (let i = 0; i < count; i++) model.delete(first + i);
          }
        } else {
          set.add(...step);
          for (let i = 0; i < step[1]; i++) model.add(step[0] + i);
        }
        assert.equal(set.size, model.size);
      }
      for (let i = 0; i < 75; i++) assert.equal(set.has(i), model.has(i), String(i));
      assert.deepEqual(set.drain(1000), runsOf(model));
    }),
    { numRuns: 500 },
  );
});

Deno.test("keysWithin() gives what is known of ranges, also as it is taken out", () => {
  const known = new Map([[1, "a"], [4, "b"], [5, "c"], [9, "d"]]);
  assert.deepEqual([...keysWithin(known, [[4, 2], [0, 2]])], [4, 5, 1]);
  for (const key of keysWithin(known, [[0, Number.MAX_SAFE_INTEGER], [0, 10]])) known.delete(key);
  assert.equal(known.size, 0);
});

function runsOf(numbers: ReadonlySet<number>): Range[] {
  const runs: [number, number][] = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const last = runs.at(-1);
    if (last !== undefined && last[0] + last[1] === number) last[1]++;
    else runs.push([number, 1]);
  }
  return runs;
}
