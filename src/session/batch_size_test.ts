import assert from "node:assert/strict";
import { BatchSize } from "./batch_size.ts";

Deno.test("the first jobs are of one frame, so that lanes begin at once", () => {
  assert.equal(new BatchSize({ most: 8 }).frames, 1);
});

Deno.test("quick frames make large jobs, within bounds; slow ones travel alone", () => {
  const batch = new BatchSize({ most: 4 });
  batch.took(0.1);
  assert.equal(batch.frames, 4);
  for (let frame = 0; frame < 50; frame++) batch.took(100);
  assert.equal(batch.frames, 1);
  for (let frame = 0; frame < 50; frame++) batch.took(4);
  assert.equal(batch.frames, 2);
});

Deno.test("a frame that took no time at all is no reason to divide by it", () => {
  const batch = new BatchSize({ most: 4 });
  batch.took(0);
  assert.equal(batch.frames, 4);
});

Deno.test("it waits for room only while lanes have enough ahead of them", () => {
  const batch = new BatchSize({ most: 4 });
  assert.equal(
    batch.waits({ room: 1, ahead: 0, packing: 0 }),
    false,
    "nothing is known: one is a whole job",
  );
  batch.took(1);
  assert.equal(batch.waits({ room: 3, ahead: 4, packing: 0 }), true);
  assert.equal(batch.waits({ room: 4, ahead: 4, packing: 0 }), false, "a whole job");
  assert.equal(batch.waits({ room: 3, ahead: 3, packing: 0 }), false, "a lane would wait");
});

Deno.test("no more goes to the workers than they are about to begin", () => {
  const batch = new BatchSize({ most: 4, jobs: 2 });
  assert.equal(batch.waits({ room: 16, ahead: 1, packing: 1 }), false);
  assert.equal(batch.waits({ room: 16, ahead: 2, packing: 2 }), true, "jobs of one frame");
  batch.took(2);
  assert.equal(batch.waits({ room: 16, ahead: 7, packing: 7 }), false);
  assert.equal(batch.waits({ room: 16, ahead: 8, packing: 8 }), true, "jobs of four");
});

Deno.test("a batch of no frames is a mistake, and so is none at once", () => {
  assert.throws(() => new BatchSize({ most: 0 }), RangeError);
  assert.throws(() => new BatchSize({ most: 1, jobs: 0 }), RangeError);
});
