import assert from "node:assert/strict";
import { directoryEntry, fileEntry, linkEntry } from "./_fixture.ts";
import { InPlace } from "./in_place.ts";
import type { EntryReport } from "./report.ts";
import { RootLog } from "./root.ts";

const NONE: ReadonlySet<number> = new Set();

/** A directory, two files and a link, none of them in place. */
function inPlaceOf({ tellEntries = true } = {}): InPlace {
  const log = new RootLog();
  log.add(directoryEntry("d"));
  log.add(fileEntry("d/a", 4));
  log.add(fileEntry("d/b", 6));
  log.add(linkEntry("d/l", "a"));
  return new InPlace(log, { tellEntries });
}

function told(inPlace: InPlace, failed = NONE): EntryReport[] {
  const reports: EntryReport[] = [];
  for (let next = inPlace.poll(failed); next !== null; next = inPlace.poll(failed)) {
    reports.push(next);
  }
  return reports;
}

Deno.test("entries are settled once, and only those that there are", () => {
  const inPlace = inPlaceOf();
  assert.equal(inPlace.settle(0, 2), true);
  assert.equal(inPlace.settle(1), false);
  assert.equal(inPlace.settle(3, 2), false, "there is no fifth entry");
  assert.equal(inPlace.has(3), false);
  assert.equal(inPlace.filesDone, 1);
  assert.deepEqual(inPlace.counts(NONE), { files: 1, bytes: 4, changed: 0 });
});

Deno.test("only what is in place is changed, and once", () => {
  const inPlace = inPlaceOf();
  assert.equal(inPlace.change(0), false);
  inPlace.settle(0, 3);
  assert.equal(inPlace.change(0, 2), true);
  assert.deepEqual([inPlace.counts(NONE).changed, inPlace.changed], [2, 2]);
  assert.equal(inPlace.change(1, 2), false);
  assert.equal(inPlace.change(3, 9), false);
});

Deno.test("an entry that failed after all counts no more, but progress does not fall", () => {
  const inPlace = inPlaceOf();
  inPlace.settle(0, 3);
  inPlace.change(0, 3);
  assert.deepEqual(inPlace.counts(new Set([2, 3])), { files: 1, bytes: 4, changed: 2 });
  assert.equal(inPlace.filesDone, 2);
});

Deno.test("what was changed is told at once, what was not at the end", () => {
  const inPlace = inPlaceOf();
  inPlace.settle(0, 4);
  inPlace.change(1);
  inPlace.change(3);
  const changed = [
    { path: "d/a", kind: "file", sizeBytes: 4, result: "done" },
    { path: "d/l", kind: "link", sizeBytes: 0, result: "done" },
  ];
  assert.deepEqual(told(inPlace), changed);
  inPlace.change(0);
  assert.deepEqual(told(inPlace).map(({ path }) => path), ["d"]);
  inPlace.end();
  assert.deepEqual(told(inPlace), [
    { path: "d/b", kind: "file", sizeBytes: 6, result: "unchanged" },
  ]);
  assert.deepEqual(told(inPlace), []);
});

Deno.test("an entry that failed is not told", () => {
  const inPlace = inPlaceOf();
  inPlace.settle(0, 4);
  inPlace.change(0);
  inPlace.end();
  assert.deepEqual(told(inPlace, new Set([0, 1])).map(({ path }) => path), ["d/b", "d/l"]);
});

Deno.test("nothing is told that was not asked for", () => {
  const inPlace = inPlaceOf({ tellEntries: false });
  inPlace.settle(0, 4);
  inPlace.change(0);
  inPlace.end();
  assert.deepEqual(told(inPlace), []);
});
