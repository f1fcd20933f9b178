import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pullAccess, pushAccess, serveAccess } from "./worker_access.ts";

Deno.test("a push's workers read its sources and write nothing", () => {
  using scratch = new Scratch();
  const { path } = scratch;
  fs.mkdirSync(join(path, "real"));
  fs.symlinkSync("real", join(path, "link"));
  const walks = [
    { path: join(path, "file"), name: "file", contents: false, follow: false },
    { path: join(path, "link"), name: "link", contents: true, follow: true },
  ];
  assert.deepEqual(pushAccess(walks), {
    read: [join(path, "file"), join(path, "link"), join(path, "real")],
    write: [],
  });
});

Deno.test("a pull's workers keep to a directory that is its destination, wherever a link leads", () => {
  using scratch = new Scratch();
  const { path } = scratch;
  fs.mkdirSync(join(path, "real"));
  fs.symlinkSync("real", join(path, "link"));
  for (const [given, meant] of [["real", "real"], ["link", "real"], ["new/deep/", "new/deep"]]) {
    const { read, write } = pullAccess(join(path, given!) + (given!.endsWith("/") ? "/" : ""));
    assert.deepEqual(write, [join(path, meant!)]);
    assert.deepEqual(read, write);
  }
});

Deno.test("where a pull's destination may be a file, its directory is written to as well", () => {
  using scratch = new Scratch();
  const { write } = pullAccess(join(scratch.path, "new"));
  assert.deepEqual(write, [join(scratch.path, "new"), scratch.path]);
});

Deno.test("a server's workers keep to its root, and only read where nobody may write", () => {
  assert.deepEqual(serveAccess("/srv", { mayWrite: true }), { read: ["/srv"], write: ["/srv"] });
  assert.deepEqual(serveAccess("/srv", { mayWrite: false }), { read: ["/srv"], write: [] });
});

class Scratch {
  readonly path = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "sftpx-access-")));

  [Symbol.dispose](): void {
    fs.rmSync(this.path, { recursive: true, force: true });
  }
}
