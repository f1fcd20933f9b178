import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { PathLength } from "./lane_path.ts";

const [SHORT_MS, LONG_MS] = [LIMITS.shortPathMs - 0.1, LIMITS.shortPathMs];

function lookedAt(...rttsMs: readonly (number | null)[]): PathLength {
  const path = new PathLength();
  for (const rttMs of rttsMs) path.look(rttMs);
  return path;
}

Deno.test("a path is as long as its smallest round trip", () => {
  assert.deepEqual([lookedAt(null).rttMs, lookedAt(null).isLong], [null, false]);
  assert.deepEqual([lookedAt(LONG_MS).rttMs, lookedAt(LONG_MS).isLong], [LONG_MS, true]);
  const path = lookedAt(LONG_MS, SHORT_MS, null, LONG_MS);
  assert.deepEqual([path.rttMs, path.isLong], [SHORT_MS, false]);
});

Deno.test("a path is surely long once it looked so twice, or others know", () => {
  assert.equal(lookedAt(LONG_MS).isSurelyLong, false);
  // What is known holds until another one is.
  assert.equal(lookedAt(LONG_MS, null).isSurelyLong, true);
  assert.equal(lookedAt(SHORT_MS, LONG_MS, LONG_MS).isSurelyLong, false);
  const path = lookedAt(null);
  path.takeForLong();
  assert.deepEqual([path.isSurelyLong, path.isLong], [true, false]);
});

Deno.test("a path that looked long and turns out short says so once", () => {
  assert.equal(lookedAt(SHORT_MS, SHORT_MS).pollShort(), false);
  const path = lookedAt(LONG_MS);
  assert.equal(path.pollShort(), false);
  path.look(SHORT_MS);
  assert.deepEqual([path.pollShort(), path.pollShort()], [true, false]);
  const told = lookedAt(null);
  told.takeForLong();
  assert.equal(told.pollShort(), false, "nobody has measured it");
  told.look(SHORT_MS);
  assert.equal(told.pollShort(), true);
});
