import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import type { FoundEntries } from "../engine/sender.ts";
import type { Entry } from "../wire/messages.ts";
import { readableFiles } from "./readable_files.ts";

/** What a walk finds of files of these modes, made in a directory. */
async function foundIn(directory: string, modes: readonly number[]): Promise<FoundEntries> {
  const paths = modes.map((_, at) => join(directory, `f${at}`));
  for (const [at, path] of paths.entries()) await writeFile(path, "x", { mode: modes[at]! });
  const entries = modes.map((mode, at): Entry => {
    return { path: `d/f${at}`, kind: "file", sizeBytes: 1, mtimeNs: 0n, mode };
  });
  return { entries, paths, sources: modes.map((_, at) => at) };
}

function taken(found: FoundEntries) {
  const added: FoundEntries[] = [];
  const omitted: string[] = [];
  const taker = readableFiles({
    wantsEntries: true,
    addEntries: (entries) => added.push(entries),
    omit: ({ path, code, message }) => omitted.push(`${path} ${code} ${message}`),
    endEntries: () => {},
  });
  taker.addEntries(found);
  return { added: added[0]!, omitted };
}

async function inDirectory(check: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "sftpx-readable-"));
  try {
    await check(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

Deno.test({
  name: "readableFiles() leaves out what may not be read, and keeps the others in their order",
  ignore: process.platform === "win32" || process.getuid?.() === 0,
  fn: () =>
    inDirectory(async (directory) => {
      const found = await foundIn(directory, [0o600, 0o000, 0o644, 0o200]);
      const { added, omitted } = taken(found);
      assert.deepEqual(added.entries.map(({ path }) => path), ["d/f0", "d/f2"]);
      assert.deepEqual(added.paths, [found.paths[0], found.paths[2]]);
      assert.deepEqual(added.sources, [0, 2]);
      assert.deepEqual(omitted, [
        'd/f1 source_unreadable Cannot read "f1": permission is denied',
        'd/f3 source_unreadable Cannot read "f3": permission is denied',
      ]);
    }),
});

Deno.test("readableFiles() keeps what went away or changed: the run finds that", () =>
  inDirectory(async (directory) => {
    const found = await foundIn(directory, [0o600, 0o600]);
    await rm(found.paths[0]!);
    const { added, omitted } = taken(found);
    assert.equal(added, found);
    assert.deepEqual(omitted, []);
  }));
