import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { descriptorsTo } from "../../tests/descriptors.ts";
import { doorName } from "./beneath.ts";
import type { SeenStamp } from "./beneath_stats.ts";
import { Kernel } from "./kernel.ts";
import { SmallFiles } from "./small_files.ts";

const TEXT = "what a small file says";

/** A test with a file in a directory of its own; passed over where this system has no such calls. */
function reading(
  name: string,
  body: (files: SmallFiles, path: string, root: string) => void,
): void {
  Deno.test({
    name,
    ignore: doorName() !== "openat2",
    fn: () => {
      const root = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "sftpx-small-")));
      try {
        using files = SmallFiles.open({ without: [] });
        assert.ok(files !== null);
        const path = join(root, "f");
        fs.writeFileSync(path, TEXT);
        body(files, path, root);
      } finally {
        fs.rmSync(root, { recursive: true, force: true });
      }
    },
  });
}

reading("a file is read whole that is the one that was seen", (files, path) => {
  const into = new Uint8Array(TEXT.length);
  assert.equal(files.read(path, { seen: seenAt(path), into }), "read");
  assert.equal(new TextDecoder().decode(into), TEXT);
});

reading("a file is not read where one thing about it is not what was seen", (files, path) => {
  const seen = seenAt(path);
  for (
    const other of [
      { ...seen, device: seen.device + 1n },
      { ...seen, inode: seen.inode + 1n },
      { ...seen, sizeBytes: seen.sizeBytes + 1 },
      { ...seen, mtimeNs: seen.mtimeNs + 1n },
      { ...seen, ctimeNs: seen.ctimeNs + 1n },
    ]
  ) {
    const into = new Uint8Array(TEXT.length);
    assert.equal(files.read(path, { seen: other, into }), "changed");
    assert.deepEqual(into, new Uint8Array(TEXT.length));
  }
});

reading("a file that changes while it is read is told to have changed", (files, path) => {
  const seen = seenAt(path);
  const into = new Meddler(TEXT.length);
  into.meddle = () => fs.appendFileSync(path, "more");
  assert.equal(files.read(path, { seen, into }), "changed");
});

reading("a file that the kernel tells nothing of by then is left to another way", (files, path) => {
  const seen = seenAt(path);
  const into = new Meddler(TEXT.length);
  using kernel = Kernel.open();
  into.meddle = () => kernel?.call("close", openOn(path)[0]);
  assert.equal(files.read(path, { seen, into }), "unread");
});

reading("a link is not gone through, wherever in the path it is", (files, path, root) => {
  fs.mkdirSync(join(root, "d"));
  fs.renameSync(path, join(root, "d/f"));
  fs.symlinkSync("d", join(root, "link"));
  fs.symlinkSync("d/f", path);
  const seen = seenAt(join(root, "d/f"));
  const into = new Uint8Array(TEXT.length);
  assert.equal(files.read(join(root, "d/f"), { seen, into }), "read");
  assert.equal(files.read(join(root, "link/f"), { seen, into }), "unread");
  assert.equal(files.read(path, { seen, into }), "unread");
});

reading("what is gone, shorter, or large is left to another way", (files, path, root) => {
  const seen = seenAt(path);
  const into = new Uint8Array(TEXT.length);
  assert.equal(files.read(join(root, "gone"), { seen, into }), "unread");
  assert.equal(files.read(path, { seen, into: new Uint8Array(TEXT.length + 1) }), "unread");
  fs.writeFileSync(path, new Uint8Array(64 * 1024 + 1));
  const large = new Uint8Array(64 * 1024 + 1);
  assert.equal(files.read(path, { seen: seenAt(path), into: large }), "unread");
  fs.truncateSync(path, 64 * 1024);
  const most = large.subarray(1);
  assert.equal(files.read(path, { seen: seenAt(path), into: most }), "read");
});

reading("no descriptor stays open, whatever comes of a file", (files, path) => {
  const into = new Uint8Array(TEXT.length);
  const seen = seenAt(path);
  files.read(path, { seen, into });
  files.read(path, { seen: { ...seen, inode: 0n }, into });
  files.read(path, { seen, into: new Uint8Array(TEXT.length + 1) });
  assert.deepEqual(openOn(path), []);
});

Deno.test("open() has none where it is to be left out", () => {
  assert.equal(SmallFiles.open({ without: ["openat2"] }), null);
});

/** As a walk sees it. */
function seenAt(path: string): SeenStamp {
  const { dev, ino, size, mtimeNs, ctimeNs } = fs.statSync(path, { bigint: true });
  return { device: dev, inode: ino, sizeBytes: Number(size), mtimeNs, ctimeNs };
}

/** Descriptors that are open on a file. */
function openOn(path: string): number[] {
  return descriptorsTo((target) => target === path).map(({ fd }) => fd);
}

/** Room for bytes that something happens beside, when they come. */
class Meddler extends Uint8Array {
  meddle = () => {};

  override set(bytes: ArrayLike<number>, at?: number): void {
    super.set(bytes, at);
    this.meddle();
  }
}
