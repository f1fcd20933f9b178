import assert from "node:assert/strict";
import fc from "fast-check";
import { Slabs } from "../base/slabs.ts";
import { Ascending } from "./ascending.ts";

Deno.test("Ascending finds each number at its place, and no other", () => {
  const gap = fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 2 ** 33 }));
  fc.assert(
    fc.property(fc.array(gap, { maxLength: 40 }), fc.nat(600), (gaps, before) => {
      const ascending = new Ascending(new Slabs());
      const numbers = Array.from({ length: before }, (_, at) => at);
      let last = before;
      for (const each of gaps) numbers.push(last += each);
      for (const number of numbers) ascending.add(number);
      assert.equal(ascending.length, numbers.length);
      for (const [place, number] of numbers.entries()) {
        assert.deepEqual([ascending.at(place), ascending.find(number)], [number, place]);
      }
      const known = new Set(numbers);
      for (const number of [-1, before, last + 1, ...numbers.map((number) => number + 1)]) {
        if (!known.has(number)) assert.equal(ascending.find(number), null);
      }
    }),
    { numRuns: 100 },
  );
});
