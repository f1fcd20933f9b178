import assert from "node:assert/strict";
import fc from "fast-check";
import { Slabs } from "../base/slabs.ts";
import { Column, type Kind, NUMBERS, TIMES } from "./column.ts";

const COUNT = 16;

function holds<T extends number | bigint>(kind: Kind<T>, values: fc.Arbitrary<T>): void {
  const some = fc.array(fc.tuple(fc.nat(COUNT - 1), values), { minLength: 1, maxLength: 40 });
  const slabs = new Slabs();
  fc.assert(fc.property(some, (settings) => {
    const column = new Column(kind, { count: COUNT, slabs });
    const expected = new Map<number, T>();
    for (const [at, value] of settings) {
      column.set(at, value, expected.size === 0);
      expected.set(at, value);
      for (const [each, given] of expected) assert.equal(column.get(each), given);
    }
  }));
}

Deno.test("a column gives back what was set last, near the first value and far from it", () => {
  const safe = Number.MAX_SAFE_INTEGER;
  const near = fc.integer({ min: -5, max: 5 });
  const edge = fc.constantFrom(2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1, safe, -safe);
  holds(NUMBERS, fc.oneof(near, edge));
  const times = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  holds(TIMES, fc.oneof(near.map(BigInt), edge.map(BigInt), times));
});

Deno.test("a column takes no room for what all have, four bytes for what is near, and eight else", () => {
  const column = new Column(NUMBERS, { count: COUNT, slabs: new Slabs() });
  column.set(3, 2 ** 40, true);
  column.set(4, 2 ** 40);
  assert.equal(column.heldBytes, 0);
  column.set(5, 2 ** 40 + 7);
  assert.equal(column.heldBytes, 4 * COUNT);
  column.set(6, -1);
  assert.equal(column.heldBytes, 8 * COUNT);
  assert.deepEqual([3, 4, 5, 6].map((at) => column.get(at)), [2 ** 40, 2 ** 40, 2 ** 40 + 7, -1]);
});
