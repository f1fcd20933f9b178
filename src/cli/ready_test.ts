import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { ReadyFile } from "./ready.ts";

const HERE = { address: "::", port: 4443, identity: "me" };

async function inDirectory(test: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "sftpx-ready-"));
  try {
    await test(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

Deno.test("ReadyFile says where it listens, whole, and is gone when disposed of", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "ready");
    await writeFile(path, "of a run that was killed");
    {
      await using _ready = await ReadyFile.write(path, HERE, 7);
      assert.deepEqual(JSON.parse(await readFile(path, "utf8")), { ...HERE, pid: 7 });
      assert.deepEqual(await readdir(directory), ["ready"]);
    }
    assert.deepEqual(await readdir(directory), []);
  }));

Deno.test("ReadyFile never says more than address, port, identity and pid (I9)", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "ready");
    const more = { ...HERE, ticket: "sftpx1secret" };
    await using _ready = await ReadyFile.write(path, more);
    assert.doesNotMatch(await readFile(path, "utf8"), /secret/);
  }));

Deno.test("ReadyFile leaves the file of another server that came after it", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "ready");
    const first = await ReadyFile.write(path, HERE, 7);
    await using _second = await ReadyFile.write(path, { ...HERE, port: 2 }, 8);
    await first[Symbol.asyncDispose]();
    assert.equal(JSON.parse(await readFile(path, "utf8")).port, 2);
  }));

Deno.test("ReadyFile that cannot be written says which, and leaves nothing", () =>
  inDirectory(async (directory) => {
    await assert.rejects(
      ReadyFile.write(join(directory, "missing", "ready"), HERE),
      (error) => error instanceof SftpxError && error.code === "io" && /ready/.test(error.message),
    );
    await writeFile(join(directory, "file"), "");
    await assert.rejects(ReadyFile.write(join(directory, "file", "ready"), HERE), SftpxError);
    assert.deepEqual(await readdir(directory), ["file"]);
  }));
