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

Deno.test("a far connection has under way what its way takes", () => {
  const { backlog, take } = setUp();
  take(0, 2, 0);
  backlog.stored([[0, 2]], 1000);
  // Some 1.5 mebibytes a second, for half of one and twice the way.
  take(0, 3, 1000);
  assert.equal(backlog.hasRoom(0), true);
  take(0, 1, 1000);
  assert.equal(backlog.hasRoom(0), false);
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
  assert.equal(looked(backlog, 3_600_000), null, "nothing is known of any");
  const { backlog: known, take: taken } = setUp();
  taken(0, 2, 0);
  taken(1, 2, 0);
  known.stored([[0, 2]], 1000);
  // What the one brought in a second is what the other may need, a few times over, and a way there.
  assert.equal(looked(known, 5500), null);
  assert.equal(looked(known, 6000), 1);
  known.stored([[2, 1]], 6000);
  assert.equal(looked(known, 8000), null);
  known.stored([[3, 1]], 8000);
  assert.equal(looked(known, 60_000), null, "nothing is under way");
  taken(1, 1, 60_000);
  assert.equal(looked(known, 60_500), null, "it has only begun again");
});

Deno.test("a slow connection, and a far one, are given the time that they need", () => {
  const { backlog, take } = setUp();
  take(0, 2, 0);
  take(1, 1, 0);
  backlog.stored([[2, 1]], 10);
  backlog.stored([[0, 2]], 60_000);
  take(0, 2, 60_000);
  assert.equal(looked(backlog, 100_000), null);
  const { backlog: far, take: taken } = setUp();
  taken(0, 2, 0);
  taken(1, 2, 0);
  far.stored([[0, 4]], 700);
  far.took(9, { number: 1, bytes: 1, nowMs: 1000 });
  assert.equal(looked(far, 3000), null, "its acknowledgement is hardly due");
});

Deno.test("where no connection brings anything it is the receiver that stands still", () => {
  const { backlog, take } = setUp();
  take(0, 1, 0);
  take(1, 1, 0);
  backlog.stored([[0, 2]], 50);
  take(0, 1, 100);
  take(1, 1, 100);
  assert.equal(looked(backlog, 60_000), null);
  backlog.stored([[2, 1]], 60_000);
  take(0, 1, 60_000);
  assert.equal(looked(backlog, 60_100), 1, "one of them goes on");
});

Deno.test("who was away itself takes nobody for silent", () => {
  const { backlog, take } = setUp();
  take(0, 1, 0);
  take(1, 1, 0);
  backlog.stored([[0, 1]], 50);
  assert.equal(backlog.silent(100), null);
  assert.equal(backlog.silent(3_600_000), null);
  assert.equal(looked(backlog, 3_610_000), 1);
});

/** What is found by who looks often enough, until then. */
function looked(backlog: LaneBacklog, untilMs: number): number | null {
  for (let nowMs = Math.max(0, untilMs - 20_000); nowMs < untilMs; nowMs += 500) {
    const found = backlog.silent(nowMs);
    if (found !== null) return found;
  }
  return backlog.silent(untilMs);
}
