import assert from "node:assert/strict";
import { HandClock, PendingTimers } from "./_fixture.ts";
import { WalkFirst } from "./walk_first.ts";

const unasked = () => assert.fail("it took no time");

Deno.test("on a short path frames wait while the walk may go on, and never again", () => {
  using first = new WalkFirst(true, unasked);
  const sender = { isGathering: true };
  assert.equal(first.holds(sender), true);
  sender.isGathering = false;
  assert.equal(first.holds(sender), false);
  sender.isGathering = true;
  assert.equal(first.holds(sender), false);
});

Deno.test("on a long path no frame waits for the walk", () => {
  using first = new WalkFirst(false, unasked);
  assert.equal(first.holds({ isGathering: true }), false);
});

Deno.test("a walk that takes long is waited for no longer, and that is told", () => {
  using clock = new HandClock();
  let told = 0;
  using first = new WalkFirst(true, () => told++);
  assert.equal(first.holds({ isGathering: true }), true);
  clock.goOff();
  assert.equal(told, 1);
  assert.equal(first.holds({ isGathering: true }), false);
});

Deno.test("a walk that is disposed of while it is waited for leaves no timer, and holds nothing", () => {
  using timers = new PendingTimers();
  const first = new WalkFirst(true, unasked);
  assert.equal(timers.count, 1);
  first[Symbol.dispose]();
  assert.deepEqual([timers.count, first.holds({ isGathering: true })], [0, false]);
});
