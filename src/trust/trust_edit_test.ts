import assert from "node:assert/strict";
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { LIMITS } from "../base/limits.ts";
import { FileLock } from "../runtime/database.ts";
import { editTrustFile } from "./trust_edit.ts";

const LIST = { what: "list", secret: false } as const;
const append = (text: string) => text + "x";

function inDirectory(run: (directory: string) => Promise<void>): () => Promise<void> {
  return async () => {
    const directory = await mkdtemp(join(tmpdir(), "sftpx-edit-"));
    try {
      await run(directory);
    } finally {
      await rm(directory, { recursive: true });
    }
  };
}

Deno.test(
  "editTrustFile() makes a file, changes it and leaves nothing beside it",
  inDirectory(async (directory) => {
    const path = join(directory, "below", "list");
    assert.equal(await editTrustFile(path, () => null, LIST), false);
    assert.deepEqual(await readdir(directory), []);
    assert.equal(await editTrustFile(path, append, LIST), true);
    assert.equal(await editTrustFile(path, append, LIST), true);
    assert.equal(await readFile(path, "utf8"), "xx");
    assert.equal(await editTrustFile(path, () => null, LIST), false);
    assert.deepEqual(await readdir(join(directory, "below")), ["list"]);
  }),
);

Deno.test(
  "editTrustFile() sees what another process wrote while it waited",
  inDirectory(async (directory) => {
    const path = join(directory, "list");
    await writeFile(path, "a");
    const other = new FileLock(`${path}.lock`);
    assert.equal(other.tryExclusive(), true);
    const { promise: looked, resolve } = Promise.withResolvers<void>();
    const edited = editTrustFile(path, (text) => {
      resolve(); // it has read the file once, without the lock
      return append(text);
    }, LIST);
    await looked;
    await writeFile(path, "ab");
    other.discard();
    assert.equal(await edited, true);
    assert.equal(await readFile(path, "utf8"), "abx");
    assert.deepEqual(await readdir(directory), ["list"]);
  }),
);

Deno.test(
  "editTrustFile() leaves the file when an edit throws, and lets the next one in",
  inDirectory(async (directory) => {
    const path = join(directory, "list");
    await writeFile(path, "a");
    let calls = 0;
    const failing = editTrustFile(path, (text) => {
      if (++calls === 2) throw new Error("spoiled");
      return append(text);
    }, LIST);
    await assert.rejects(failing, { code: "io", message: /^Cannot save list ".+": spoiled$/ });
    assert.equal(await editTrustFile(path, append, LIST), true);
    assert.equal(await readFile(path, "utf8"), "ax");
    assert.deepEqual(await readdir(directory), ["list"]);
  }),
);

Deno.test(
  "editTrustFile() never writes what could not be read again",
  inDirectory(async (directory) => {
    const path = join(directory, "list");
    await writeFile(path, "x".repeat(LIMITS.trustFileBytes - 1));
    assert.equal(await editTrustFile(path, append, LIST), true);
    await assert.rejects(editTrustFile(path, append, LIST), {
      code: "limit",
      message: /would be larger/,
    });
    assert.equal((await stat(path)).size, LIMITS.trustFileBytes);
    assert.deepEqual(await readdir(directory), ["list"]);
  }),
);

Deno.test({
  name: "editTrustFile() changes the file behind a link, and keeps mode and owner",
  ignore: Deno.build.os === "windows",
  fn: inDirectory(async (directory) => {
    await mkdir(join(directory, "dotfiles"));
    const target = join(directory, "dotfiles", "list");
    const path = join(directory, "list");
    await writeFile(target, "a");
    await chmod(target, 0o640);
    const isRoot = process.getuid?.() === 0;
    if (isRoot) Deno.chownSync(target, 65534, 65534);
    await symlink("dotfiles/list", path);
    assert.equal(await editTrustFile(path, append, LIST), true);
    assert.equal((await lstat(path)).isSymbolicLink(), true);
    assert.equal(await readFile(target, "utf8"), "ax");
    const { mode, uid } = await stat(target);
    assert.equal(mode & 0o777, 0o640);
    assert.equal(uid, isRoot ? 65534 : process.getuid?.());
  }),
});

Deno.test({
  name: "editTrustFile() refuses a list that everyone may write",
  ignore: Deno.build.os === "windows",
  fn: inDirectory(async (directory) => {
    const path = join(directory, "list");
    await writeFile(path, "a");
    await chmod(path, 0o606);
    await assert.rejects(editTrustFile(path, append, LIST), {
      code: "permission",
      message: /everyone may write it/,
    });
    assert.equal(await readFile(path, "utf8"), "a");
  }),
});
