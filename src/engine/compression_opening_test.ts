import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { Economics } from "./compression_costs.ts";
import { Opening } from "./compression_opening.ts";

const CHUNK = 2 << 20;
const FRAME = 500_000;
const FIRST = LIMITS.defaultZstdLevel;

/** As a worker takes 20 ms for a chunk of text at the first level. */
function tried(): Economics {
  const costs = new Economics(2);
  const work = {
    busyMs: 21,
    zeroBytes: 0,
    sampledBytes: CHUNK,
    triedBytes: CHUNK,
    keptBytes: FRAME,
    triedMs: 20,
    sampleBytes: CHUNK * 0.4,
  };
  costs.add(FIRST, { rawBytes: CHUNK, work });
  return costs;
}

Deno.test("before anything is packed, and while no level was tried, it is the first level", () => {
  const opening = new Opening({ isFast: false, rttMs: 0 });
  assert.equal(opening.way(tried(), { rawBytes: CHUNK, nowMs: 0 }), FIRST);
  opening.packed(50 * FRAME, 0);
  assert.equal(opening.way(new Economics(2), { rawBytes: CHUNK, nowMs: 0 }), FIRST);
});

Deno.test("the more is ahead the higher the level, and what is stored or lost is not ahead", () => {
  const costs = tried();
  const opening = new Opening({ isFast: false, rttMs: 0 });
  const way = () => opening.way(costs, { rawBytes: CHUNK, nowMs: 1_000 })!;
  const ways: number[] = [];
  for (let frame = 0; frame < 16; frame++) {
    opening.packed(FRAME, 0);
    ways.push(way());
  }
  assert.deepEqual(ways, ways.toSorted());
  assert.equal(ways[0], FIRST);
  assert.equal(ways.at(-1), 9);
  opening.lost(6 * FRAME);
  assert.equal(way(), ways[9]);
  opening.stored(9 * FRAME, 1_000);
  assert.equal(way(), ways[0]);
});

Deno.test("a path that was seen to be fast leaves less time", () => {
  const costs = tried();
  const opening = new Opening({ isFast: false, rttMs: 0 });
  opening.packed(116 * FRAME, 0);
  opening.stored(100 * FRAME, 200);
  assert.equal(opening.way(costs, { rawBytes: CHUNK, nowMs: 200 }), FIRST);
  assert.equal(opening.way(costs, { rawBytes: CHUNK, nowMs: 5_000 }), 9, "slow after all");
});

Deno.test("within one machine it says nothing, unless nothing comes back for a second", () => {
  const costs = tried();
  const opening = new Opening({ isFast: true, rttMs: 0 });
  const way = (nowMs: number) => opening.way(costs, { rawBytes: CHUNK, nowMs });
  assert.equal(way(5_000), null, "nothing is on its way");
  opening.packed(10 * FRAME, 5_000);
  assert.equal(way(5_900), null);
  opening.stored(FRAME, 5_900);
  assert.equal(way(6_800), null);
  const first = way(6_900);
  assert.ok(first !== null && first > FIRST);
  opening.stored(FRAME, 6_900);
  assert.notEqual(way(6_901), null, "it only looked fast");
});
