import assert from "node:assert/strict";
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

Deno.test("a walk that takes long is waited for no longer, and that is told", async () => {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  using first = new WalkFirst(true, resolve);
  await over;
  assert.equal(first.holds({ isGathering: true }), false);
});
