import assert from "node:assert/strict";
import { mkdtemp, rename, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileWatch } from "./file_watch.ts";

async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "sftpx-watch-"));
  try {
    await run(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

Deno.test("hasChanged() tells each change once: contents, another file, none at all", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "keys");
    await writeFile(path, "a");
    const watch = await FileWatch.begin(path, { everyMs: 0 });
    assert.equal(await watch.hasChanged(), false);
    await writeFile(path, "ab");
    assert.deepEqual([await watch.hasChanged(), await watch.hasChanged()], [true, false]);
    await writeFile(`${path}.new`, "ab");
    await rename(`${path}.new`, path);
    assert.deepEqual([await watch.hasChanged(), await watch.hasChanged()], [true, false]);
    await rm(path);
    assert.deepEqual([await watch.hasChanged(), await watch.hasChanged()], [true, false]);
    await writeFile(path, "ab");
    assert.deepEqual([await watch.hasChanged(), await watch.hasChanged()], [true, false]);
  }));

Deno.test("hasChanged() does not look again within its time", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "keys");
    await writeFile(path, "a");
    const watch = await FileWatch.begin(path, { everyMs: 3_600_000 });
    await writeFile(path, "ab");
    await utimes(path, 1, 1);
    assert.equal(await watch.hasChanged(), false);
  }));

Deno.test("hasChanged() waits with a file that was written to a moment ago", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "keys");
    await writeFile(path, "a");
    const due = { everyMs: 3_600_000, lookedMs: -Infinity };
    const watch = await FileWatch.begin(path, due);
    await writeFile(path, "half");
    assert.equal(await watch.hasChanged(), false);
    // One of a day to come is as old as one of yesterday: the clock is not to be waited for.
    for (const days of [-1, 1]) {
      const settled = await FileWatch.begin(path, due);
      const seconds = Date.now() / 1000 + days * 86_400;
      await utimes(path, seconds, seconds);
      assert.equal(await settled.hasChanged(), true);
    }
  }));
