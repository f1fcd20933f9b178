import assert from "node:assert/strict";
import fc from "fast-check";
import { Queue } from "./queue.ts";

Deno.test("a queue gives what it was given, in order, whatever is taken when", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: -5, max: 5 })), (steps) => {
    const queue = new Queue<number>();
    const model: number[] = [];
    let next = 0;
    for (const step of steps) {
      for (let i = 0; i < step; i++) {
        queue.add(next);
        model.push(next++);
      }
      if (step < 0) assert.deepEqual(queue.takeUpTo(-step), model.splice(0, -step));
      assert.equal(queue.size, model.length);
      assert.equal(queue.first, model[0] ?? null);
    }
    for (const item of model) {
      assert.equal(queue.first, item);
      assert.equal(queue.take(), item);
    }
    assert.equal(queue.first, null);
    assert.equal(queue.take(), null);
  }));
});

Deno.test("a queue lets go of what was taken", () => {
  const queue = new Queue<object>();
  const items = Array.from({ length: 10_000 }, (_, i) => ({ i }));
  for (const item of items) queue.add(item);
  for (const item of items) assert.equal(queue.take(), item);
  assert.equal(queue.size, 0);
  queue.add(items[0]!);
  assert.deepEqual(queue.takeUpTo(5), [items[0]]);
});
