import assert from "node:assert/strict";
import { BufferPool } from "./buffers.ts";

Deno.test("take() hands out buffers up to the budget and no further", () => {
  const pool = new BufferPool({ bufferBytes: 100, budgetBytes: 350 });
  assert.deepEqual([pool.capacity, pool.available, pool.outstanding], [3, 3, 0]);
  const taken = [pool.take(), pool.take(), pool.take()];
  assert.deepEqual(taken.map((buffer) => buffer?.byteLength), [100, 100, 100]);
  assert.equal(new Set(taken).size, 3);
  assert.equal(pool.take(), null);
  assert.deepEqual([pool.available, pool.outstanding], [0, 3]);
});

Deno.test("a buffer given back is handed out again, not made anew", () => {
  const pool = new BufferPool({ bufferBytes: 100, budgetBytes: 100 });
  const buffer = pool.take()!;
  pool.give(buffer);
  assert.equal(pool.available, 1);
  assert.equal(pool.take(), buffer);
});

Deno.test("a pool that is closed gives memory back at once, also what comes back later", () => {
  const pool = new BufferPool({ bufferBytes: 100, budgetBytes: 300 });
  const [one, two] = [pool.take()!, pool.take()!];
  pool.give(one);
  pool.close();
  assert.ok(one.detached && !two.detached);
  const three = pool.take()!;
  for (const buffer of [two, three]) pool.give(buffer);
  assert.ok(two.detached && three.detached);
  assert.deepEqual([pool.outstanding, pool.available], [0, 3]);
});

Deno.test("give() refuses a detached buffer, a stranger's size, and one too many", () => {
  const pool = new BufferPool({ bufferBytes: 100, budgetBytes: 200 });
  const buffer = pool.take()!;
  assert.throws(() => pool.give(new ArrayBuffer(99)), RangeError);
  structuredClone(buffer, { transfer: [buffer] });
  assert.throws(() => pool.give(buffer), RangeError);
  assert.equal(pool.outstanding, 1);
  pool.give(new ArrayBuffer(100)); // the same memory under another object, as a worker returns it
  assert.throws(() => pool.give(new ArrayBuffer(100)), RangeError);
  assert.equal(pool.outstanding, 0);
});

Deno.test("forfeit() frees the budget of buffers that died", () => {
  const pool = new BufferPool({ bufferBytes: 100, budgetBytes: 200 });
  pool.take();
  pool.take();
  pool.forfeit(2);
  assert.equal(pool.available, 2);
  assert.throws(() => pool.forfeit(1), RangeError);
});

Deno.test("a pool that could not hold one buffer is a mistake", () => {
  assert.throws(() => new BufferPool({ bufferBytes: 0, budgetBytes: 10 }), RangeError);
  assert.throws(() => new BufferPool({ bufferBytes: 1.5, budgetBytes: 10 }), RangeError);
  assert.throws(() => new BufferPool({ bufferBytes: 11, budgetBytes: 10 }), RangeError);
  assert.throws(() => new BufferPool({ bufferBytes: 11, budgetBytes: NaN }), RangeError);
});
