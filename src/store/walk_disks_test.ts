import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { descriptorsTo } from "../../tests/descriptors.ts";
import { inDirectory, makeTree } from "./_fixture.ts";
import { DISK } from "./disk.ts";
import { WalkDisks } from "./walk_disks.ts";
import { sourcePath } from "./walk_source.ts";
import { doorName } from "../runtime/beneath.ts";

const SOURCE = { name: "d", contents: true, follow: false } as const;

Deno.test({
  name: "what a peer walks is confined to its root by the kernel, within a step too (I5)",
  ignore: doorName() !== "openat2",
  fn: () =>
    inDirectory((directory) => {
      makeTree(directory, ["root/d/f", "out/d/secret", "out/l->secret"]);
      const root = join(directory, "root");
      using disks = new WalkDisks();
      const disk = disks.of({ ...SOURCE, path: join(root, "d"), root });
      assert.deepEqual(disk.list(join(root, "d")).map(({ name }) => name), ["f"]);
      fs.renameSync(join(root, "d"), join(root, "away"));
      fs.symlinkSync("../out", join(root, "d"));
      assert.throws(() => disk.list(join(root, "d")), /ELOOP|ENOTDIR/);
      assert.throws(() => disk.look(join(root, "d/l")), { code: "ELOOP" });
      assert.throws(() => disk.readLink(join(root, "d/l")), { code: "ELOOP" });
    }),
});

Deno.test("what a user names is followed wherever it leads", () =>
  inDirectory((directory) => {
    makeTree(directory, ["d/f", "l->d"]);
    using disks = new WalkDisks();
    const disk = disks.of({ ...SOURCE, path: join(directory, "l") });
    assert.equal(disk.look(join(directory, "l/f"))?.isFile(), true);
    const path = sourcePath({ ...SOURCE, path: join(directory, "l"), follow: true });
    assert.equal(path, join(directory, "d"));
    const followed = disks.of({ ...SOURCE, path });
    assert.equal(followed, disks.of({ ...SOURCE, path }));
    assert.equal(followed === DISK, doorName() !== "openat2", "it is held where it can be");
    assert.equal(followed.look(join(path, "f"))?.isFile(), true);
  }));

Deno.test({
  name: "a root is held once for all sources of a walk, and given back at its end",
  ignore: doorName() !== "openat2",
  fn: () =>
    inDirectory((root) => {
      const descriptors = () => descriptorsTo((path) => path === root).length;
      const disks = new WalkDisks();
      const first = disks.of({ ...SOURCE, path: root, root });
      assert.equal(disks.of({ ...SOURCE, path: root, root }), first);
      assert.equal(descriptors(), 1);
      disks[Symbol.dispose]();
      assert.equal(descriptors(), 0);
    }),
});

Deno.test({
  name: "a user's own directory is held while it is walked, and seen to be another one afterwards",
  ignore: doorName() !== "openat2",
  fn: () =>
    inDirectory((directory) => {
      makeTree(directory, ["d/f", "d/g", "e/x"]);
      const path = join(directory, "d");
      using disks = new WalkDisks();
      const disk = disks.of({ ...SOURCE, path });
      assert.equal(disks.of({ ...SOURCE, path }), disk, "it is held once");
      const own = fs.lstatSync(path, { bigint: true }).ino;
      assert.equal(disk.look(path)?.ino, own);
      assert.deepEqual(disk.list(path).map(({ name }) => name).sort(), ["f", "g"]);
      fs.renameSync(path, join(directory, "away"));
      fs.renameSync(join(directory, "e"), path);
      assert.notEqual(disk.look(path)?.ino, own);
    }),
});

Deno.test("a file and a directory that is not there are looked at by their paths", () =>
  inDirectory((directory) => {
    makeTree(directory, ["f"]);
    using disks = new WalkDisks();
    const path = join(directory, "f");
    assert.equal(disks.of({ ...SOURCE, path }).look(path)?.isFile(), true);
    const gone = join(directory, "gone");
    assert.equal(disks.of({ ...SOURCE, path: gone }).look(gone), null);
  }));
