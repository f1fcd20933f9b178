// The suite proves nothing unless it sees what it is there for: each order of the store, left out, must
// be found by what a crash then leaves.

import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { Random } from "../simulation/clock.ts";
import { findProblem, type Story } from "./exploring.ts";
import type { Sabotage } from "./recording_disk.ts";
import { changedTree, CHUNK_BYTES, treeOf } from "./tree.ts";

/** What is done in which order is for chance to say, and not every order needs every sync. */
const SEEDS = 12;
const TREE = treeOf({ "d/": 0, "d/a": 100, "d/big": 4 * CHUNK_BYTES }, new Random(1));
const FEW = treeOf({ "d/": 0, "d/x": 2 * CHUNK_BYTES, "d/y": 2 * CHUNK_BYTES }, new Random(1));

/** Chunks are journalled, and overwritten when their source changed. */
const RESUMED: Story = {
  seed: 1,
  attempts: [{ tree: TREE, chunks: 4 }, { tree: changedTree(TREE, new Random(3), { all: true }) }],
};
/** Files become whole, one of which their user wrote and never synced. */
const WHOLE: Story = {
  seed: 1,
  before: (root) => fs.mkdirSync(join(root, "d")),
  unsynced: { "d/y": FEW.contents.get("d/y")! },
  attempts: [{ tree: FEW }],
};

interface Finding {
  readonly story: Story;
  readonly found: RegExp;
}

const FINDINGS: Readonly<Record<Sabotage, Finding>> = {
  "files are not synced": { story: RESUMED, found: /^I2: / },
  "directories are not synced": { story: RESUMED, found: /^I2: the part of .* is not there/ },
  "what is finished is not synced": { story: WHOLE, found: /^I1: |recorded with/ },
  "what is finished is synced after its rename": { story: WHOLE, found: /^I1: / },
  "rows are written before the syncs": { story: RESUMED, found: /^I2: / },
  "what is forgotten is not synced": { story: RESUMED, found: /^I2: chunk/ },
};

for (const [sabotage, { story, found }] of Object.entries(FINDINGS) as [Sabotage, Finding][]) {
  Deno.test(`a crash shows when ${sabotage}`, () => {
    let problem: string | null = null;
    for (let seed = 1; problem === null && seed <= SEEDS; seed++) {
      problem = findProblem({ ...story, seed, recording: { sabotage } });
    }
    assert.match(problem ?? "nothing", found);
  });
}

Deno.test("a crash shows when files that are to be synced together are not", () => {
  const tree = treeOf({ "d/": 0, "d/a": 100, "d/b": 5000, "d/c": 9000 }, new Random(1));
  const recording = { sabotage: "files are not synced", together: true } as const;
  let problem: string | null = null;
  for (let seed = 1; problem === null && seed <= SEEDS; seed++) {
    problem = findProblem({ seed, attempts: [{ tree }], recording });
  }
  assert.match(problem ?? "nothing", /^I[12]: /);
});

Deno.test("a crash shows nothing when every order is kept", () => {
  for (const story of [RESUMED, WHOLE]) assert.equal(findProblem(story), null);
});
