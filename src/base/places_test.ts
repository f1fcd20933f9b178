import assert from "node:assert/strict";
import { Places } from "./places.ts";

const OPTIONS = { most: 4, mostPerSource: 2, graceMs: 10 };

Deno.test("Places gives a source no more than its share before its first guest's time is over", () => {
  const places = new Places<string>(OPTIONS);
  places.enter("a1", { source: "a", nowMs: 0 });
  places.enter("a2", { source: "a", nowMs: 1 });
  assert.equal(places.enter("a3", { source: "a", nowMs: 9 }), null);
  assert.deepEqual(places.enter("b1", { source: "b", nowMs: 9 }), { out: null });
  assert.deepEqual(places.enter("a3", { source: "a", nowMs: 10 }), { out: "a1" });
  assert.deepEqual(places.guests(), ["a2", "b1", "a3"]);
});

Deno.test("Places that are full make room at the source that has most of them", () => {
  const places = new Places<string>(OPTIONS);
  for (const guest of ["b1", "a1", "a2", "c1"]) {
    places.enter(guest, { source: guest.slice(0, 1), nowMs: 0 });
  }
  assert.equal(places.enter("d1", { source: "d", nowMs: 9 }), null);
  assert.deepEqual(places.enter("d1", { source: "d", nowMs: 10 }), { out: "a1" });
  assert.equal(places.count, 4);
});

Deno.test("Places are free again once their guest leaves, and leaving twice frees one", () => {
  const places = new Places<string>(OPTIONS);
  for (const guest of ["a1", "a2"]) places.enter(guest, { source: "a", nowMs: 0 });
  places.leave("a1");
  places.leave("a1");
  assert.deepEqual(places.enter("a3", { source: "a", nowMs: 0 }), { out: null });
  assert.equal(places.enter("a4", { source: "a", nowMs: 0 }), null);
  for (const guest of ["a2", "a3"]) places.leave(guest);
  assert.equal(places.count, 0);
});

Deno.test("Places of those that yield go first, the newest of them, however new it is", () => {
  const places = new Places<string>({ most: 8, mostPerSource: 4, graceMs: 10 });
  for (const guest of ["a1", "a2", "a3", "a4"]) places.enter(guest, { source: "a", nowMs: 0 });
  places.yield("a2");
  places.yield("a3");
  assert.deepEqual(places.enter("a5", { source: "a", nowMs: 0 }), { out: "a3" });
  places.yield("a3"); // It is gone.
  assert.deepEqual(places.enter("a6", { source: "a", nowMs: 0 }), { out: "a2" });
  assert.equal(places.enter("a7", { source: "a", nowMs: 0 }), null);
  assert.deepEqual(places.guests(), ["a1", "a4", "a5", "a6"]);
});

Deno.test("Places that are full make room where most are, and there at one that yields", () => {
  const places = new Places<string>({ most: 3, mostPerSource: 2, graceMs: 10 });
  for (const guest of ["a1", "b1", "b2"]) {
    places.enter(guest, { source: guest.slice(0, 1), nowMs: 0 });
  }
  places.yield("a1");
  assert.equal(places.enter("c1", { source: "c", nowMs: 0 }), null, "the crowd is elsewhere");
  places.yield("b1");
  assert.deepEqual(places.enter("c1", { source: "c", nowMs: 0 }), { out: "b1" });
});
