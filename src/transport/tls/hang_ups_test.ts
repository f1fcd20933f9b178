import assert from "node:assert/strict";
import { HangUps } from "./hang_ups.ts";

Deno.test("a port that never says a word is given up after its time, each by itself", () => {
  const hangUps = new HangUps(1000);
  assert.equal(hangUps.isOver("a", 5000), false);
  assert.equal(hangUps.isOver("a", 5999), false);
  assert.equal(hangUps.isOver("b", 6000), false);
  assert.equal(hangUps.isOver("a", 6000), true);
});

Deno.test("one that was heard is waited for", () => {
  const hangUps = new HangUps(1000);
  assert.equal(hangUps.isOver("a", 0), false);
  hangUps.heard("a");
  assert.equal(hangUps.isOver("a", 5000), false);
  assert.equal(hangUps.isOver("a", 50_000), false);
});
