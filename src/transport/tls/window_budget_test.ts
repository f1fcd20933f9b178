import assert from "node:assert/strict";
import { WindowBudget } from "./window_budget.ts";

Deno.test("all of it may be taken, and no more, by one that shares it with nobody", () => {
  const budget = new WindowBudget(8);
  assert.ok(budget.take(5) && budget.take(3));
  assert.ok(!budget.take(1));
  budget.give(3);
  assert.equal(budget.leftBytes, 3);
});

Deno.test("of several nobody has more than is left, however many connections they make of it", () => {
  const budget = new WindowBudget(64);
  const greedy = (source: string) => {
    let taken = 0;
    // A connection each time.
    while (budget.shareOf(source).take(1)) taken++;
    return taken;
  };
  assert.deepEqual(["a", "b", "c", "a", "b"].map(greedy), [32, 16, 8, 0, 0]);
  assert.equal(budget.leftBytes, 8);
});

Deno.test("what is given back may be taken again, by whoever has less", () => {
  const budget = new WindowBudget(64);
  const [a, b] = [budget.shareOf("a"), budget.shareOf("b")];
  assert.ok(a.take(32) && !a.take(1) && b.take(16) && !b.take(1));
  a.give(32);
  assert.ok(b.take(8) && !b.take(16) && a.take(16));
  a.give(16);
  b.give(24);
  assert.equal(budget.leftBytes, 64);
  assert.ok(a.take(32));
});

Deno.test("memory of what was held is used again by whoever needs some, of any address", () => {
  const budget = new WindowBudget(1);
  assert.equal(budget.shareOf("a").spare, budget.spare);
  assert.equal(budget.shareOf("b").spare, budget.spare);
});
