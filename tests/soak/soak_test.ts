// A soak as short as a test run has time for: `deno task soak` goes on for as long as one likes, and is
// what shows a slow leak.

import assert from "node:assert/strict";
import { growthOf, type Sample } from "./samples.ts";
import { problemsOf, visitsLine } from "./report.ts";
import { soak } from "./soak.ts";

const SEED = 1;

Deno.test("a server under clients that push, pull, die and are refused keeps nothing of them", async () => {
  const report = await soak({ durationMs: 5_000, clients: 4, strangers: 8, seed: SEED });
  console.log(visitsLine(report));
  // So short a run is hardly warm: a leak of any size is found by a longer one.
  assert.deepEqual(problemsOf(report, { slack: 3 }), []);
  assert.ok((report.visits["push"] ?? 0) > 0);
});

const STILL: Sample = {
  atMs: 0,
  residentBytes: 200e6,
  descriptors: 60,
  threads: 40,
  stateFiles: 10,
  stateBytes: 1e6,
};

/** So many samples, of which one figure grows by so much in all. */
function growing(by: Partial<Sample>): readonly Sample[] {
  return Array.from({ length: 100 }, (_, at) => {
    const sample = { ...STILL, atMs: at };
    for (const [figure, amount] of Object.entries(by)) {
      sample[figure as keyof Sample] += amount * at / 100;
    }
    return sample;
  });
}

Deno.test("growthOf() finds a figure that grows, and none where all stand still", () => {
  const found = (by: Partial<Sample>) =>
    growthOf(growing(by)).filter(({ isBounded }) => !isBounded).map(({ figure }) => figure);
  assert.deepEqual(found({}), []);
  assert.deepEqual(found({ residentBytes: 200e6 }), ["residentBytes"]);
  assert.deepEqual(found({ descriptors: 60 }), ["descriptors"]);
  assert.deepEqual(found({ threads: 10 }), ["threads"]);
  assert.deepEqual(found({ stateFiles: 80, stateBytes: 90e6 }), ["stateFiles", "stateBytes"]);
});
