import assert from "node:assert/strict";
import type { OpenFile } from "./chunk_journal.ts";
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

Deno.test("columns go with the last file in them (I8)", () => {
  const files = new RegisteredFiles(NAMES);
  for (let entry = 0; entry < 2000; entry++) files.set(entry, openFile(entry));
  assert.equal(files.pages, 4);
  for (let entry = 0; entry < 1999; entry++) assert.ok(files.delete(entry));
  assert.deepEqual([files.size, files.pages], [1, 1]);
  assert.equal(files.get(1998), undefined);
  assert.equal(files.delete(1998), false);
  assert.equal(files.delete(5), false);
  assert.deepEqual([...files.values()].map(({ path }) => path), ["d/1999"]);
  files.delete(1999);
  assert.deepEqual([files.size, files.pages], [0, 0]);
});

Deno.test("of a file that is new some forty bytes are kept, and nothing of what all have alike (I8)", () => {
  const files = new RegisteredFiles(NAMES);
  const count = 100_000;
  for (let entry = 0; entry < count; entry++) {
    // As files lie that were written one after the other within minutes.
    const [sizeBytes, mtimeNs] = [entry, 10n ** 18n + 10n ** 8n * BigInt(entry)];
    const stamp = { device: 7n, inode: BigInt(entry), sizeBytes, mtimeNs, ctimeNs: mtimeNs + 5n };
    const sizes = { sizeBytes, growthBytes: sizeBytes, chargedBytes: 0 };
    files.set(entry, openFile(entry, { ...sizes, mtimeNs, stamp }));
  }
  assert.ok(files.heldBytes / count < 26, `${files.heldBytes / count} bytes`);
  for (let entry = 0; entry < count; entry++) {
    Object.assign(files.get(entry)!, { row: entry, undurable: 0 });
  }
  assert.ok(files.heldBytes / count < 34, `${files.heldBytes / count} bytes`);
  assert.deepEqual(files.get(77_777)?.stamp.ctimeNs, 10n ** 18n + 10n ** 8n * 77_777n + 5n);
});
