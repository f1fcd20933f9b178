import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isCode } from "./_fixture.ts";
import { localSources, localWalk } from "./local_sources.ts";
import type { PushOptions } from "./options.ts";

/** A directory with `dir/` and `file`; what is looked for is relative to it. */
async function inPlace(
  body: (
    find: (given: readonly string[], more?: Partial<PushOptions>) => Promise<string>,
  ) => Promise<void>,
): Promise<void> {
  const top = await fs.mkdtemp(join(tmpdir(), "sftpx-local-"));
  try {
    await fs.mkdir(join(top, "dir"));
    await fs.writeFile(join(top, "file"), "");
    await body(async (given, more = {}) => {
      const sources = given.map((path) => `${top}/${path}`);
      const options = { files: null, delete: false, ...more, sources };
      const { offered, missing, walks } = await localSources(options as PushOptions);
      assert.equal(walks.length, offered.length);
      const found = offered.map(({ name, contents }) => contents ? `${name}/` : name);
      return [...found, ...missing.map(({ error }) => error.code)].join(" ");
    });
  } finally {
    await fs.rm(top, { recursive: true });
  }
}

Deno.test("of several sources one that is missing fails alone", async () => {
  await inPlace(async (find) => {
    assert.equal(await find(["file", "absent", "dir"]), "file dir source_missing");
    await assert.rejects(find(["absent", "gone"]), isCode("source_missing"));
  });
});

Deno.test("a list of files is of one directory, whose own name does not travel", async () => {
  await inPlace(async (find) => {
    const listed = { files: ["a"] };
    assert.equal(await find(["dir"], listed), "dir/");
    assert.equal(await find(["dir/"], listed), "dir/");
    assert.equal(await find(["dir"]), "dir");
    await assert.rejects(find(["file"], listed), isCode("usage"));
    await assert.rejects(find(["dir", "file"], listed), isCode("usage"));
  });
});

Deno.test("deleting needs a source that is a directory, and all of it", async () => {
  await inPlace(async (find) => {
    assert.equal(await find(["dir", "file"], { delete: true }), "dir file");
    assert.equal(await find(["dir/"], { delete: true }), "dir/");
    await assert.rejects(find(["file"], { delete: true }), isCode("usage"));
    await assert.rejects(find(["dir/"], { delete: true, files: ["a"] }), isCode("usage"));
  });
});

Deno.test("localWalk() names no files where all of the source is listed", () => {
  const walk = (files: readonly string[] | null) => localWalk({ files, filters: [] } as never);
  assert.deepEqual(walk(null), { filters: [] });
  assert.deepEqual(walk(["."]), { filters: [] });
  assert.deepEqual(walk(["./a"]), { filters: [], files: ["a"] });
});
