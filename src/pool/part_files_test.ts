import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { descriptorsTo } from "../../tests/descriptors.ts";
import { doorName } from "../runtime/beneath.ts";
import type { OpenedPart } from "./files.ts";
import { PartFiles } from "./part_files.ts";
import { noise, Scratch } from "./testing/fixture.ts";

/** Opens a part, whether it is expected there or not. */
type Open = (path: string) => OpenedPart;

/** A test with and without the kernel's door, of parts that are expected to be there and that are not. */
function onEach(name: string, body: (open: Open, at: Ground) => void): void {
  const cases = [[], ["openat2"]].flatMap((without) =>
    [true, false].map((isNew) => ({ without, isNew }))
  );
  for (const { without, isNew } of cases) {
    const door = without.length > 0 ? "path checks" : "openat2";
    Deno.test({
      name: `by ${door}: ${name}${isNew ? " (expected to be new)" : ""}`,
      ignore: door === "openat2" && doorName() !== door,
      fn: () => {
        using scratch = new Scratch();
        using parts = new PartFiles({ without });
        const open = (path: string) => parts.open(path, isNew);
        const release = () => parts.release();
        body(open, new Ground(fs.realpathSync(scratch.path), release));
      },
    });
  }
}

/** A root with a directory of parts, and beside it one of somebody else's. */
class Ground {
  readonly shard: string;
  readonly outside: string;

  /** Has the roots let go of. */
  readonly release: () => void;

  constructor(directory: string, release: () => void = () => {}) {
    this.release = release;
    this.shard = join(directory, "root/.sftpx/parts/0123456789abcdef/0");
    this.outside = join(directory, "outside");
    fs.mkdirSync(this.shard, { recursive: true });
    fs.mkdirSync(this.outside);
  }

  /** Puts a link in the place of a directory of the part. */
  swap(directory: string): void {
    fs.renameSync(directory, `${directory}.away`);
    fs.symlinkSync(this.outside, directory);
  }
}

onEach("a part is made for this user alone, and found again", (open, { shard }) => {
  const path = join(shard, "a");
  const first = open(path);
  assert.deepEqual({ ...first, fd: 0 }, { fd: 0, sizeBytes: 0, isFile: true });
  fs.writeSync(first.fd, "abc");
  fs.closeSync(first.fd);
  assert.equal(fs.statSync(path).mode & 0o777, 0o600);
  const second = open(path);
  assert.equal(second.sizeBytes, 3);
  const read = new Uint8Array(3);
  fs.readSync(second.fd, read, 0, 3, 0);
  fs.closeSync(second.fd);
  assert.equal(new TextDecoder().decode(read), "abc");
});

for (const depth of [0, 1, 2]) {
  onEach(`nothing is made or opened through a link ${depth} above a part`, (open, ground) => {
    const names = ["0", "0123456789abcdef"].slice(0, depth).reverse();
    const directory = join(ground.shard, ...names.map(() => ".."));
    const below = join(ground.outside, ...names);
    ground.swap(directory);
    fs.mkdirSync(below, { recursive: true });
    fs.writeFileSync(join(below, "standing"), "theirs");
    for (const name of ["standing", "new"]) {
      assert.throws(() => open(join(ground.shard, name)), name);
    }
    assert.deepEqual(fs.readdirSync(below), ["standing"]);
    assert.equal(fs.readFileSync(join(below, "standing"), "utf8"), "theirs");
  });
}

onEach("a link, a directory and a pipe in the place of a part are refused", (open, ground) => {
  fs.writeFileSync(join(ground.outside, "f"), "theirs");
  fs.symlinkSync(join(ground.outside, "f"), join(ground.shard, "link"));
  fs.symlinkSync(join(ground.outside, "absent"), join(ground.shard, "dangling"));
  fs.mkdirSync(join(ground.shard, "directory"));
  for (const name of ["link", "dangling", "directory"]) {
    assert.throws(() => open(join(ground.shard, name)), name);
  }
  assert.deepEqual(fs.readdirSync(ground.outside), ["f"]);
});

/** A test of what is put beneath the kernel's door. */
function onPut(name: string, body: (put: PartFiles["put"], at: Ground) => void): void {
  Deno.test({
    name,
    ignore: doorName() !== "openat2",
    fn: () => {
      using scratch = new Scratch();
      using parts = new PartFiles();
      const ground = new Ground(fs.realpathSync(scratch.path), () => parts.release());
      body((path, bytes) => parts.put(path, bytes), ground);
    },
  });
}

onPut("a part is put whole, for this user alone, however long it is", (put, { shard }) => {
  const bytes = noise(600_000);
  assert.equal(put(join(shard, "a"), bytes), true);
  assert.deepEqual(Uint8Array.from(fs.readFileSync(join(shard, "a"))), bytes);
  assert.equal(fs.statSync(join(shard, "a")).mode & 0o777, 0o600);
});

onPut("nothing is put over what is there, whatever it is", (put, { shard, outside }) => {
  fs.writeFileSync(join(outside, "f"), "theirs");
  fs.writeFileSync(join(shard, "file"), "longer than what comes");
  fs.symlinkSync(join(outside, "f"), join(shard, "link"));
  fs.symlinkSync(join(outside, "absent"), join(shard, "dangling"));
  fs.mkdirSync(join(shard, "directory"));
  for (const name of ["file", "link", "dangling", "directory"]) {
    assert.equal(put(join(shard, name), noise(3)), false, name);
  }
  assert.equal(fs.readFileSync(join(shard, "file"), "utf8"), "longer than what comes");
  assert.deepEqual(fs.readdirSync(outside), ["f"]);
  assert.equal(fs.readFileSync(join(outside, "f"), "utf8"), "theirs");
});

for (const depth of [0, 1, 2]) {
  onPut(`nothing is put through a link ${depth} above a part`, (put, ground) => {
    const names = ["0", "0123456789abcdef"].slice(0, depth).reverse();
    ground.swap(join(ground.shard, ...names.map(() => "..")));
    const below = join(ground.outside, ...names);
    fs.mkdirSync(below, { recursive: true });
    assert.throws(() => put(join(ground.shard, "a"), noise(3)), { code: "ELOOP" });
    assert.deepEqual(fs.readdirSync(below), []);
  });
}

onPut("of a root that another took the place of the held one gets what is put", (put, at) => {
  const root = join(at.shard, "../../../..");
  put(join(at.shard, "a"), noise(3));
  fs.renameSync(root, join(root, "../away"));
  fs.mkdirSync(at.shard, { recursive: true });
  put(join(at.shard, "b"), noise(3));
  assert.deepEqual(fs.readdirSync(at.shard), []);
  assert.deepEqual(fs.readdirSync(at.shard.replace("/root/", "/away/")).sort(), ["a", "b"]);
  at.release();
  put(join(at.shard, "c"), noise(3));
  assert.deepEqual(fs.readdirSync(at.shard), ["c"]);
});

Deno.test("nothing is put where there is no door: a part is opened there", () => {
  using scratch = new Scratch();
  using parts = new PartFiles({ without: ["openat2"] });
  const { shard } = new Ground(fs.realpathSync(scratch.path));
  assert.equal(parts.put(join(shard, "a"), noise(3)), false);
  assert.deepEqual(fs.readdirSync(shard), []);
});

Deno.test({
  name: "the file that a path leads to is not written to when the kernel's is another one",
  ignore: doorName() !== "openat2",
  fn: () => {
    using scratch = new Scratch();
    const ground = new Ground(fs.realpathSync(scratch.path));
    // Swapped between the kernel's open and that of the path.
    using parts = new PartFiles({
      openPath: (path) => {
        ground.swap(ground.shard);
        fs.writeFileSync(join(ground.outside, "a"), "theirs");
        return fs.openSync(path, "r+");
      },
    });
    assert.throws(() => parts.open(join(ground.shard, "a"), true), { code: "conflict" });
  },
});

onEach(
  "a root that another took the place of is given up, and the new one used next",
  (open, at) => {
    const root = join(at.shard, "../../../..");
    closed(open(join(at.shard, "a")));
    fs.renameSync(root, join(root, "../away"));
    fs.mkdirSync(at.shard, { recursive: true });
    // By the path alone it is the new one's at once.
    const found = attempt(() => closed(open(join(at.shard, "b"))));
    assert.ok(found === null || found === "conflict" || found === "ENOENT", `${found}`);
    assert.deepEqual(fs.readdirSync(at.shard), found === null ? ["b"] : []);
    at.release();
    closed(open(join(at.shard, "c")));
    assert.ok(fs.existsSync(join(at.shard, "c")));
  },
);

Deno.test({
  name: "PartFiles holds a root once for many parts, until it is told to let go",
  ignore: doorName() !== "openat2" || !fs.existsSync("/proc/self/fd"),
  fn: () => {
    using scratch = new Scratch();
    const directory = fs.realpathSync(scratch.path);
    const { shard } = new Ground(directory);
    const held = () => descriptorsTo((path) => path.startsWith(directory)).map(({ path }) => path);
    const parts = new PartFiles();
    for (const name of ["a", "b"]) closed(parts.open(join(shard, name), true));
    assert.throws(() => parts.open(join(shard, "absent/b"), true));
    assert.deepEqual(held(), [join(directory, "root")]);
    parts.release();
    assert.deepEqual(held(), []);
    closed(parts.open(join(shard, "c"), true));
    parts[Symbol.dispose]();
    assert.deepEqual(held(), []);
  },
});

function closed({ fd }: OpenedPart): void {
  fs.closeSync(fd);
}

/** With which code it failed; null where it did not. */
function attempt(body: () => void): unknown {
  try {
    body();
    return null;
  } catch (thrown) {
    return (thrown as { code?: unknown }).code;
  }
}
