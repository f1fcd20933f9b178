import assert from "node:assert/strict";
import type { OpenFile } from "./chunk_journal.ts";
import { memoryFile } from "../base/_spill_fixture.ts";
import { RegisteredFiles } from "./registered_files.ts";

const partOf = (entry: number) => `run/${entry.toString(16)}`;
const NAMES = {
  path: (entry: number) => `d/${entry}`,
  final: (path: string) => `to/${path}`,
  part: partOf,
};

function openFile(entry: number, fields: Partial<OpenFile> = {}): OpenFile {
  const path = `d/${entry}`;
  const stamp = { device: 1n, inode: 2n, sizeBytes: 3, mtimeNs: 4n, ctimeNs: 5n };
  return {
    path,
    final: `to/${path}`,
    sizeBytes: 3,
    mode: 0o644,
    mtimeNs: 4n,
    stamp,
    part: partOf(entry),
    standing: null,
    isStray: false,
    growthBytes: 3,
    chargedBytes: 3,
    row: null,
    isStale: false,
    undurable: 1,
    ...fields,
  };
}

/** What a view says, as an object. */
function said(file: OpenFile | undefined): OpenFile | null {
  if (file === undefined) return null;
  const { path, final, sizeBytes, mode, mtimeNs, stamp, part, standing, isStray } = file;
  const { growthBytes, chargedBytes, row, isStale, undurable } = file;
  const what = { path, final, sizeBytes, mode, mtimeNs, stamp, part, standing, isStray };
  return { ...what, growthBytes, chargedBytes, row, isStale, undurable };
}

Deno.test("everything that is said of a file comes back, the extremes too", () => {
  const files = new RegisteredFiles(NAMES);
  const far = { device: 2n ** 64n - 1n, inode: 2n ** 64n - 2n, sizeBytes: 2 ** 53 - 1 };
  const stamp = { ...far, mtimeNs: -(2n ** 63n), ctimeNs: 2n ** 63n - 1n };
  const given = [
    openFile(0),
    openFile(511, { final: "elsewhere/511", part: "earlier/1/2", isStray: true, row: 7 }),
    openFile(512, { stamp, mtimeNs: -1n, sizeBytes: 2 ** 53 - 1, undurable: 1 << 22 }),
    openFile(7_999_999, { standing: stamp, growthBytes: -5, chargedBytes: -6, isStale: true }),
    openFile(513, { mode: 0o177777, row: 2 ** 52 }),
    openFile(514, { path: "another", final: "another" }),
  ];
  const entries = [0, 511, 512, 7_999_999, 513, 514];
  given.forEach((file, at) => files.set(entries[at]!, file));
  entries.forEach((entry, at) => assert.deepEqual(said(files.get(entry)), given[at]));
  assert.equal(files.size, 6);
  assert.deepEqual(
    [...files.values()].map(({ path }) => path).sort(),
    given.map(({ path }) => path).sort(),
  );
  assert.equal(files.get(1), undefined);
});

Deno.test("what is changed of a file is changed for whoever asks next", () => {
  const files = new RegisteredFiles(NAMES);
  files.set(3, openFile(3, { isStray: true }));
  const file = files.get(3)!;
  Object.assign(file, { row: 9, isStale: true, undurable: 0 });
  assert.deepEqual(
    said(files.get(3)),
    openFile(3, { isStray: true, row: 9, isStale: true, undurable: 0 }),
  );
  Object.assign(files.get(3)!, { row: null, isStale: false });
  assert.deepEqual([file.row, file.isStale, file.isStray], [null, false, true]);
});

Deno.test("a file set again is another one, and counts once", () => {
  const files = new RegisteredFiles(NAMES);
  files.set(3, openFile(3, { final: "x", part: "y", standing: openFile(0).stamp, isStray: true }));
  files.set(3, openFile(3));
  assert.deepEqual(said(files.get(3)), openFile(3));
  assert.equal(files.size, 1);
});

Deno.test("a block is done with when its last file is", () => {
  const files = new RegisteredFiles(NAMES);
  for (let entry = 0; entry < 2000; entry++) files.set(entry, openFile(entry));
  assert.equal(files.blocks, 4);
  for (let entry = 0; entry < 1999; entry++) assert.ok(files.delete(entry));
  assert.deepEqual([files.size, files.blocks], [1, 1]);
  assert.equal(files.get(1998), undefined);
  assert.equal(files.delete(1998), false);
  assert.equal(files.delete(5), false);
  assert.deepEqual([...files.values()].map(({ path }) => path), ["d/1999"]);
  files.delete(1999);
  assert.deepEqual([files.size, files.blocks], [0, 0]);
  files.set(7, openFile(7));
  assert.deepEqual([...files.values()].map(({ path }) => path), ["d/7"], "what was there is not");
});

Deno.test("of however many files some MiB are in memory where there is a file for the rest (I8)", () => {
  const files = new RegisteredFiles(NAMES, { spill: () => memoryFile() });
  const count = 200_000;
  for (let entry = 0; entry < count; entry++) {
    const stamp = { device: 7n, inode: BigInt(entry), sizeBytes: 1, mtimeNs: 1n, ctimeNs: 2n };
    files.set(entry, openFile(entry, { stamp, standing: entry % 3 === 0 ? stamp : null }));
  }
  for (let entry = 0; entry < count; entry++) {
    Object.assign(files.get(entry)!, { row: entry, undurable: 0, isStale: entry % 2 === 0 });
  }
  assert.ok(files.heldBytes < 7 * 2 ** 20, `${files.heldBytes} bytes`);
  const view = files.get(3)!;
  for (const entry of [77_777, 0, 199_999, 77_778]) {
    const { stamp, standing, row, undurable, isStale } = files.get(entry)!;
    assert.deepEqual([stamp.inode, row, undurable, isStale], [
      BigInt(entry),
      entry,
      0,
      entry % 2 === 0,
    ]);
    assert.equal(standing === null, entry % 3 !== 0);
  }
  assert.equal(view.row, 3, "a view is of its file, wherever its block lies");
});

Deno.test("parts from before take no memory a file (I8), and any other name is kept as it is", () => {
  const files = new RegisteredFiles(NAMES);
  const run = (number: number) => number.toString(16).padStart(16, "0");
  const parts = [
    `${run(1)}/0/0`,
    `${run(1)}/1/400`,
    `${run(2)}/3fffff/ffffffff`,
    `${run(2)}/1/0`, // No part of a run lies there.
    "anything",
    `${run(1)}/0/07`,
  ];
  parts.forEach((part, entry) => files.set(entry, openFile(entry, { part })));
  assert.deepEqual([...files.values()].map(({ part }) => part), parts);
  files.set(4, openFile(4));
  assert.equal(files.get(4)!.part, partOf(4));
});

Deno.test("more runs than have numbers are kept by name", () => {
  const files = new RegisteredFiles(NAMES);
  const count = 66_000;
  const part = (entry: number) => `${entry.toString(16).padStart(16, "0")}/0/1`;
  for (let entry = 0; entry < count; entry++) {
    files.set(entry, openFile(entry, { part: part(entry) }));
  }
  for (const entry of [0, 65_533, 65_534, 65_535, 65_999]) {
    assert.equal(files.get(entry)!.part, part(entry));
  }
});
