import assert from "node:assert/strict";
import { Movement } from "./movement.ts";

Deno.test("a transfer stands still from when the last that was done for it is over", () => {
  const startMs = performance.now();
  const movement = new Movement();
  assert.ok(movement.stillMs(startMs + 5000) <= 5000);
  assert.ok(movement.stillMs(startMs + 10_000) > 4000);
  const works = [movement.work(), movement.work()];
  assert.equal(movement.stillMs(Infinity), 0);
  works[0]![Symbol.dispose]();
  assert.equal(movement.stillMs(Infinity), 0, "something is still being done");
  works[1]![Symbol.dispose]();
  const overMs = performance.now();
  assert.ok(movement.stillMs(overMs) < overMs - startMs + 1);
  assert.ok(movement.stillMs(overMs + 1000) >= 1000);
});
