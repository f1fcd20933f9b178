import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { inDirectory, makeTree } from "./_fixture.ts";
import { DISK, type Disk } from "./disk.ts";
import { isOwn, WalkSkipped } from "./walk_skipped.ts";

Deno.test("WalkSkipped tells of each kind once, the first path and how many more", () => {
  const skipped = new WalkSkipped();
  assert.deepEqual(skipped.notices(), []);
  for (const path of ["d/l", "e", "f"]) skipped.link(path);
  skipped.reserved("d/.sftpx\n");
  assert.deepEqual(skipped.notices(), [
    { path: "d/l", code: null, message: 'Skipped link "d/l" and 2 more: no links are sent' },
    {
      path: "d/.sftpx\n",
      code: null,
      message: 'Skipped "d/.sftpx\\u{a}": its name is reserved for sftpx',
    },
  ]);
});

Deno.test("isOwn() knows a root's state, and the names that sftpx makes", () =>
  inDirectory((root) => {
    makeTree(root, ["a/.sftpx/state.db", "b/.sftpx/identity", "c/.sftpx"]);
    const isState = (above: string, disk: Disk = DISK) =>
      isOwn(".sftpx", { path: join(root, above, ".sftpx"), disk });
    assert.deepEqual([isState("a"), isState("b"), isState("c")], [true, false, false]);
    fs.rmSync(join(root, "c"), { recursive: true });
    assert.equal(isState("c"), false, "it went away meanwhile");
    const at = { path: join(root, "x"), disk: DISK };
    assert.equal(isOwn(".sftpx-0123456789abcdef", at), true);
    assert.equal(isOwn(".sftpx-1f", at), false);
  }));

Deno.test("isOwn() takes a state for one that only its owner may look into", () => {
  const disk: Disk = {
    ...DISK,
    look: () => {
      throw Object.assign(new Error("EACCES"), { code: "EACCES" });
    },
  };
  assert.equal(isOwn(".sftpx", { path: "/served/.sftpx", disk }), true);
});
