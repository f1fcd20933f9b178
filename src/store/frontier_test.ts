import assert from "node:assert/strict";
import { stampFor } from "./_fixture.ts";
import type { OpenFile } from "./chunk_journal.ts";
import { Frontier } from "./frontier.ts";

/** A frontier over entries `0`, `1`, ...; those with a number have so many chunks to be journalled. */
function frontierOf(
  entries: readonly (readonly [path: string, undurable?: number])[],
  from?: string,
) {
  const files = new Map<number, OpenFile>();
  const frontier = new Frontier(files, from ?? null);
  entries.forEach(([path, undurable], entry) => {
    if (undurable !== undefined) files.set(entry, openFile(path, undurable));
    frontier.add(path);
  });
  return { frontier, files };
}

function openFile(path: string, undurable: number): OpenFile {
  const times = { mode: 0, mtimeNs: 0n, stamp: stampFor(0) };
  const salvaged = { isStray: false, growthBytes: 0, chargedBytes: 0 };
  const state = { standing: null, row: null, isStale: false, undurable, ...salvaged };
  return { path, final: path, sizeBytes: 0, part: "", ...times, ...state };
}

Deno.test("Frontier is null before anything is registered, then the first that awaits the journal", () => {
  assert.equal(frontierOf([]).frontier.path, null);
  const { frontier, files } = frontierOf([["d"], ["d/a", 2], ["d/b", 1], ["d/c", 1]]);
  assert.equal(frontier.path, "d/a");
  files.get(2)!.undurable = 0;
  assert.equal(frontier.path, "d/a", "what is done out of order does not count yet");
  files.get(1)!.undurable = 0;
  assert.equal(frontier.path, "d/c");
});

Deno.test("Frontier is the last entry when all are done, and goes on with the next", () => {
  const { frontier, files } = frontierOf([["d"], ["d/a", 0], ["d/b"]]);
  assert.equal(frontier.path, "d/b");
  files.set(3, openFile("d/c", 1));
  frontier.add("d/c");
  assert.equal(frontier.path, "d/c");
  files.delete(3);
  frontier.add("d/d");
  assert.equal(frontier.path, "d/d");
});

Deno.test("Frontier goes back to an entry that has something to do again", () => {
  const { frontier, files } = frontierOf([["a", 0], ["b", 0], ["c", 1]]);
  assert.equal(frontier.path, "c");
  files.get(0)!.undurable = 1;
  frontier.reopen(0);
  assert.equal(frontier.path, "a");
  files.get(0)!.undurable = 0;
  assert.equal(frontier.path, "c");
});

Deno.test("Frontier passes over what failed, also before it was registered", () => {
  const { frontier, files } = frontierOf([["a", 1], ["b", 1]]);
  frontier.leaveOut([0, 2, 4]);
  assert.equal(frontier.path, "b");
  for (const [entry, path] of [[2, "c"], [3, "d"], [4, "e"]] as const) {
    files.set(entry, openFile(path, 1));
    frontier.add(path);
  }
  frontier.leaveOut([1]);
  assert.equal(frontier.path, "d");
  frontier.leaveOut([3]);
  assert.equal(frontier.path, "e", "it passed over everything");
});

Deno.test("Frontier stays where the attempt before stopped while nothing behind it was announced", () => {
  const { frontier, files } = frontierOf([["d"], ["d/a", 0], ["d/b"]], "d/m");
  assert.equal(frontier.path, "d/m");
  files.set(3, openFile("d/c", 1));
  frontier.add("d/c");
  assert.equal(frontier.path, "d/c", "something is to be done before that");
  files.delete(3);
  assert.equal(frontier.path, "d/m");
  frontier.add("d/m");
  frontier.add("d/n");
  assert.equal(frontier.path, "d/n");
  // The second section: all of the first is done.
  frontier.add("d/a");
  assert.equal(frontier.path, "d/a");
});
