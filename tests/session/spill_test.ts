// What is kept of each entry does not stay in memory (I8): files that have no name hold it, at both ends and in
// the store, until the transfer is over. One transfer of more files than any of them keeps in memory.

import assert from "node:assert/strict";
import * as fs from "node:fs";
import process from "node:process";
import { descriptorsTo } from "../descriptors.ts";
import { assertDone, Place } from "./place.ts";

const FILES = 52_000;
const PER_DIRECTORY = 1000;
const IN_MEMORY = "/dev/shm";

/** Open files of this process that have no name, by the directories in which they had one. */
function nameless(directories: readonly string[]): string[] {
  const name = /\/\.sftpx-[0-9a-f]{16} \(deleted\)$/;
  return descriptorsTo((path) => name.test(path))
    .map(({ path }) => path.replace(name, ""))
    .filter((directory) => directories.includes(directory));
}

Deno.test({
  name: "a manifest of very many files lies outside of memory at both ends, and arrives whole (I8)",
  ignore: process.platform !== "linux",
  fn: async () => {
    // So many files are a burden to a disk.
    await using place = await Place.open(fs.existsSync(IN_MEMORY) ? { within: IN_MEMORY } : {});
    const server = await place.serve();
    for (let at = 0; at < FILES; at++) {
      const directory = place.path(`tree/${Math.floor(at / PER_DIRECTORY)}`);
      if (at % PER_DIRECTORY === 0) fs.mkdirSync(directory, { recursive: true });
      fs.closeSync(fs.openSync(`${directory}/${at}`, "w"));
    }
    const parts = `${server.root}/.sftpx/parts`;
    const directories = [parts, process.env.TMPDIR ?? "", "/var/tmp", "/tmp"];
    let most: string[] = [];
    const watch = setInterval(() => {
      const found = nameless(directories);
      if (found.length > most.length) most = found;
    }, 20);
    try {
      const pushed = await place.push(["tree/"], server.remote("copy")).summary;
      assertDone(pushed);
      assert.equal(pushed.files, FILES);
    } finally {
      clearInterval(watch);
    }
    assert.equal(most.filter((path) => path === parts).length, 1, `the store's: ${most}`);
    assert.equal(most.length, 3, `and each end's: ${most}`);
    assert.deepEqual(nameless(directories), []);
    const copied = fs.readdirSync(`${server.root}/copy`)
      .map((directory) => fs.readdirSync(`${server.root}/copy/${directory}`).length);
    assert.equal(copied.reduce((sum, count) => sum + count, 0), FILES);
  },
});
