import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { fileEntry, fillPart, inDirectory, transferOf, withStore } from "./_fixture.ts";
import { PartsRun } from "./parts.ts";

Deno.test("a run makes nothing before its first part, and leaves nothing after its last", () =>
  inDirectory((root) => {
    const run = new PartsRun(join(root, "parts"));
    run.sweep(new Set());
    assert.deepEqual(fs.readdirSync(root), []);
    const name = run.nameOf(1025);
    fs.writeFileSync(run.pathOf(name), "x");
    run.keepRoom();
    assert.deepEqual(fs.readdirSync(run.directory).sort(), ["1", "room"]);
    run.sweep(new Set());
    assert.deepEqual(fs.readdirSync(join(root, "parts")), []);
  }));

Deno.test("a shard that was emptied is made again for the next part", () =>
  inDirectory((root) => {
    const run = new PartsRun(join(root, "parts"));
    run.remove([run.nameOf(1)]);
    assert.deepEqual(fs.readdirSync(join(root, "parts")), []);
    fs.writeFileSync(run.pathOf(run.nameOf(2)), "x");
  }));

Deno.test("what an earlier run held and is in place by now leaves no empty directory", () =>
  inDirectory((root) => {
    const parts = join(root, "parts");
    const earlier = new PartsRun(parts);
    const name = earlier.nameOf(1);
    const kept = earlier.nameOf(2000);
    fs.writeFileSync(earlier.pathOf(name), "x");
    fs.writeFileSync(earlier.pathOf(kept), "y");
    const run = new PartsRun(parts);
    fs.renameSync(run.pathOf(name), join(root, "final"));
    run.sweep(new Set());
    assert.deepEqual(fs.readdirSync(earlier.directory), ["1"]);
    assert.equal(fs.readFileSync(run.pathOf(kept), "utf8"), "y");
  }));

Deno.test("names of parts are durable up to the state's own directory", () => {
  const run = new PartsRun("/r/.sftpx/parts");
  const [shard, directory, parts, state] = run.directoriesOf("0123456789abcdef/0/1");
  assert.equal(shard, "/r/.sftpx/parts/0123456789abcdef/0");
  assert.equal(directory, "/r/.sftpx/parts/0123456789abcdef");
  assert.deepEqual([parts, state], ["/r/.sftpx/parts", "/r/.sftpx"]);
});

Deno.test("a transfer that ends before its first part leaves no directory in a state that is kept", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      store.abandon(id);
      assert.equal(fs.existsSync(join(root, ".sftpx/parts")), false);
      const next = store.begin(transferOf());
      const [placement] = store.register(next.id, 0, [fileEntry("d/f", 3)], [0]);
      fillPart(placement, "abc");
      store.abandon(next.id);
      assert.deepEqual(fs.readdirSync(join(root, ".sftpx/parts")), []);
    }, { keep: true });
  }));
