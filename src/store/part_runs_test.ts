import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { inDirectory, listTree, makeTree } from "./_fixture.ts";
import { DISK } from "./disk.ts";
import { runsOfParts, sweepRun } from "./part_runs.ts";
import { allOf } from "./steps.ts";

const RUN = "0123456789abcdef";

function sweep(root: string, keep: readonly string[] = []): void {
  allOf(sweepRun(RUN, { partsDirectory: join(root, "parts"), keep: new Set(keep), disk: DISK }));
}

const runsIn = (root: string) => runsOfParts({ partsDirectory: join(root, "parts"), disk: DISK });

Deno.test("sweepRun() removes what is not kept, and what that leaves empty", () =>
  inDirectory((root) => {
    const parts = ["names", "room", "0/1", "0/2", "1/400"].map((name) => `parts/${RUN}/${name}`);
    makeTree(root, parts);
    sweep(root, [`${RUN}/0/2`]);
    const left = ["parts/", `parts/${RUN}/`, `parts/${RUN}/0/`, `parts/${RUN}/0/2`];
    assert.deepEqual(listTree(root), [...left, `parts/${RUN}/names`]);
    sweep(root);
    assert.deepEqual(listTree(root), ["parts/"]);
    sweep(root);
  }));

Deno.test("sweepRun() removes links in a run and enters none", () =>
  inDirectory((root) => {
    makeTree(root, ["user/precious", `parts/${RUN}/0/1`]);
    fs.symlinkSync(join(root, "user"), join(root, "parts", RUN, "1"));
    fs.symlinkSync(join(root, "user"), join(root, "parts", RUN, "0/2"));
    fs.symlinkSync(join(root, "user/precious"), join(root, "parts", RUN, "names"));
    sweep(root, [`${RUN}/0/1`]);
    const left = ["parts/", `parts/${RUN}/`, `parts/${RUN}/0/`, `parts/${RUN}/0/1`];
    assert.deepEqual(listTree(root), [...left, "user/", "user/precious"]);
  }));

Deno.test("sweepRun() leaves alone what a run that is a link leads to", () =>
  inDirectory((root) => {
    makeTree(root, ["user/names", "parts/other"]);
    fs.symlinkSync(join(root, "user"), join(root, "parts", RUN));
    sweep(root);
    assert.equal(fs.existsSync(join(root, "user/names")), true);
  }));

Deno.test("runsOfParts() tells real directories, and removes what else is among them", () =>
  inDirectory((root) => {
    makeTree(root, ["user/precious", `parts/${RUN}/0/1`, "parts/file"]);
    fs.symlinkSync(join(root, "user"), join(root, "parts/link"));
    assert.deepEqual(runsIn(root), [RUN]);
    assert.deepEqual(fs.readdirSync(join(root, "parts")), [RUN]);
  }));

Deno.test("runsOfParts() does not look behind a link", () =>
  inDirectory((root) => {
    makeTree(root, ["user/precious", "user/d/f"]);
    fs.symlinkSync(join(root, "user"), join(root, "parts"));
    assert.deepEqual(runsIn(root), []);
    assert.deepEqual(listTree(join(root, "user")), ["d/", "d/f", "precious"]);
  }));
