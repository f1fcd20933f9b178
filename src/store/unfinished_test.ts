// What an attempt put in place that was not finished: the one that goes on makes its names durable.

import assert from "node:assert/strict";
import {
  directoryEntry,
  fileEntry,
  fillPart,
  inDirectory,
  transferOf,
  wholeFile,
  withStore,
} from "./_fixture.ts";
import { DISK } from "./disk.ts";

const TRANSFER = transferOf({ destination: "in/to" });
const ENTRIES = [
  directoryEntry("d"),
  directoryEntry("d/of"),
  directoryEntry("d/of/them"),
  fileEntry("d/of/them/f", 3),
  directoryEntry("d/void"),
];
const SOURCES = ENTRIES.map(() => 0);
const FILE = 3;

/** One attempt after the other; answers the directories whose names the last made durable. */
function syncedBy(
  root: string,
  attempts: readonly ("finish" | "abandon")[],
): string[] {
  let synced = new Set<string>();
  const note = (path: string) => void synced.add(path.slice(root.length));
  const disk: typeof DISK = {
    ...DISK,
    syncDirectory: (path) => (note(path), DISK.syncDirectory(path)),
    finish: (path, finish) => {
      if (finish.sync) note(path);
      return DISK.finish(path, finish);
    },
  };
  for (const ends of attempts) {
    synced = new Set();
    withStore(root, (store) => {
      const { id } = store.begin(TRANSFER);
      const placements = store.register(id, 0, ENTRIES, SOURCES);
      const isNew = placements[FILE]?.kind === "new";
      if (isNew) fillPart(placements[FILE], "abc");
      assert.deepEqual(store.placeDirectories(id).failures, []);
      if (isNew) assert.deepEqual(store.commit(id, [wholeFile(FILE)]).committed, [FILE]);
      if (ends === "abandon") store.abandon(id);
      else assert.deepEqual(store.finish(id).failures, []);
    }, { keep: true, disk });
  }
  return [...synced].filter((path) => !path.includes(".sftpx")).sort();
}

const ALL = ["", "/in", "/in/to", "/in/to/d", "/in/to/d/of", "/in/to/d/of/them"];

Deno.test("names that an attempt left which was not finished are made durable by the next", () =>
  inDirectory((root) => {
    assert.deepEqual(syncedBy(root, ["abandon", "finish"]), ALL);
  }));

Deno.test("what a finished attempt put in place is not synced again", () =>
  inDirectory((root) => {
    assert.deepEqual(syncedBy(root, ["abandon", "finish", "finish"]), []);
  }));
