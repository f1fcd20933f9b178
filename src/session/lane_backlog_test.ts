import assert from "node:assert/strict";
import { LaneBacklog } from "./lane_backlog.ts";

const MIB = 1024 * 1024;

/** A backlog of connections 0 and 1 with frames of a mebibyte, numbered as they are taken. */
function setUp() {
  const backlog = new LaneBacklog();
  let frames = 0;
  const take = (number: number, count: number, nowMs: number) => {
    for (let at = 0; at < count; at++) backlog.took(frames++, { number, bytes: MIB, nowMs });
  };
  const rooms = () => [backlog.hasRoom(0), backlog.hasRoom(1)];
  return { backlog, take, rooms };
}

Deno.test("a connection of which nothing was stored takes a mebibyte, or one frame", () => {
  const { take, rooms } = setUp();
  assert.deepEqual(rooms(), [true, true]);
  take(0, 1, 0);
  assert.deepEqual(rooms(), [false, true]);
});

Deno.test("a connection takes what it brings in about half a second, and always a little", () => {
  const { backlog, take, rooms } = setUp();
  take(0, 4, 0);
  take(1, 4, 0);
  // The one brings four of them in 100 ms, the other in four seconds.
  backlog.stored([[0, 4]], 100);
  backlog.stored([[4, 4]], 4000);
  take(0, 8, 4000);
  assert.deepEqual(rooms(), [true, true]);
  take(1, 1, 4000);
  take(0, 20, 4000);
  assert.equal(backlog.hasRoom(0), false);
  const { backlog: slow, take: takeSlowly } = setUp();
  takeSlowly(1, 4, 0);
  slow.stored([[0, 4]], 60_000);
  assert.equal(slow.hasRoom(1), true, "nothing is under way");
  takeSlowly(1, 1, 60_000);
  slow.stored([[4, 1]], 60_010);
  takeSlowly(1, 1, 60_010);
  assert.equal(slow.hasRoom(1), true, "it became fast");
});

Deno.test("what is stored or lost is under way no more, and counts once", () => {
  const { backlog, take, rooms } = setUp();
  take(0, 2, 0);
  backlog.lost([0, 1]);
  backlog.lost([0, 1]);
  assert.deepEqual(rooms(), [true, true]);
  take(0, 1, 0);
  assert.deepEqual(rooms(), [false, true], "no more than it had");
});

Deno.test("a range that names more than was ever sent is no work (I3)", () => {
  const { backlog, take, rooms } = setUp();
  take(0, 4, 0);
  backlog.stored([[0, Number.MAX_SAFE_INTEGER]], 1);
  assert.deepEqual(rooms(), [true, true]);
});

Deno.test("a connection is silent that has something, and brings none of it for long", () => {
  const { backlog, take } = setUp();
  take(0, 2, 0);
  take(1, 2, 0);
  assert.deepEqual(backlog.silent(1e9), [], "nothing is known of any");
  backlog.stored([[0, 2]], 1000);
  // What the one brought in a second is what the other may need, a few times over.
  assert.deepEqual(backlog.silent(3000), []);
  assert.deepEqual(backlog.silent(4000), [1]);
  backlog.stored([[2, 1]], 4000);
  assert.deepEqual(backlog.silent(5000), []);
  backlog.stored([[3, 1]], 5000);
  assert.deepEqual(backlog.silent(1e9), [], "nothing is under way");
  take(1, 1, 1e9);
  assert.deepEqual(backlog.silent(1e9 + 500), [], "it has only begun again");
});

Deno.test("a slow connection is given the time that it needs", () => {
  const { backlog, take } = setUp();
  take(0, 2, 0);
  backlog.stored([[0, 2]], 60_000);
  take(0, 2, 60_000);
  assert.deepEqual(backlog.silent(180_000), []);
});
