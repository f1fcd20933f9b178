import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { descriptorsTo } from "../../tests/descriptors.ts";
import { Beneath, doorName } from "../runtime/beneath.ts";
import { inDirectory, listTree, makeTree } from "./_fixture.ts";
import { BeneathDisk } from "./beneath_disk.ts";
import { CheckedDisk } from "./checked_disk.ts";
import { DISK, type Disk, sameStamp, stampOf } from "./disk.ts";
import { openRootByPath, openRootDisk, removalOf } from "./root_disk.ts";
import { StateDirectory } from "./state_directory.ts";

/** Every disk that a root is used through; the one that is held where this system has it. */
const DISKS: readonly (readonly [string, (root: string) => (Disk & Partial<Disposable>) | null])[] =
  [
    ["CheckedDisk", (root) => new CheckedDisk(root)],
    ["BeneathDisk", heldDisk],
  ];

function heldDisk(root: string): (Disk & Disposable) | null {
  const beneath = Beneath.open(root, "write");
  if (beneath === null) return null;
  const disk = new BeneathDisk(root, beneath);
  return Object.assign(disk, { [Symbol.dispose]: () => beneath[Symbol.dispose]() });
}

/** A test of each of them, in a root `in` beside a directory `out` of somebody else's. */
function onEach(name: string, body: (disk: Disk, root: string, out: string) => void): void {
  for (const [kind, open] of DISKS) {
    Deno.test(`${kind}: ${name}`, () =>
      inDirectory((directory) => {
        makeTree(directory, ["in/", "out/f", "out/d/", "out/e/g", "out/l->f"]);
        const root = join(directory, "in");
        const disk = open(root);
        if (disk === null) return;
        try {
          body(disk, root, join(directory, "out"));
        } finally {
          disk[Symbol.dispose]?.();
        }
      }));
  }
}

const FINISH = { mode: 0o600, mtimeNs: 0n, sync: true } as const;
const BYTES = new Uint8Array([1, 2, 3]);

/** Everything that changes or tells something, done to a name in a directory that is a link by now. */
const CHANGES: Readonly<Record<string, (disk: Disk, at: string, root: string) => unknown>> = {
  finish: (disk, at) => disk.finish(`${at}/f`, FINISH),
  createEmpty: (disk, at) => disk.createEmpty(`${at}/new`),
  write: (disk, at) => disk.write(`${at}/new`, BYTES),
  append: (disk, at) => disk.append(`${at}/f`, BYTES),
  resize: (disk, at) => disk.resize(`${at}/f`, 0),
  "copy into it": (disk, at, root) => disk.copy(`${root}/own`, `${at}/new`),
  "copy out of it": (disk, at, root) => disk.copy(`${at}/f`, `${root}/stolen`),
  "rename into it": (disk, at, root) => disk.rename(`${root}/own`, `${at}/f`),
  "rename out of it": (disk, at, root) => disk.rename(`${at}/f`, `${root}/stolen`),
  "link into it": (disk, at, root) => disk.link(`${root}/own`, `${at}/new`),
  "link out of it": (disk, at, root) => disk.link(`${at}/f`, `${root}/stolen`),
  symlink: (disk, at) => disk.symlink("x", `${at}/new`),
  makeDirectory: (disk, at) => disk.makeDirectory(`${at}/new`),
  setMode: (disk, at) => disk.setMode(`${at}/f`, 0o600),
  setTime: (disk, at) => disk.setTime(`${at}/f`, 0n),
  remove: (disk, at) => disk.remove(`${at}/f`),
  removeDirectory: (disk, at) => disk.removeDirectory(`${at}/d`),
  removeTree: (disk, at) => disk.removeTree(`${at}/e`),
  look: (disk, at) => disk.look(`${at}/f`),
  readLink: (disk, at) => disk.readLink(`${at}/l`),
};

for (const [change, act] of Object.entries(CHANGES)) {
  onEach(`${change} does nothing through a link in the place of a directory`, (disk, root, out) => {
    makeTree(root, ["own", "a/"]);
    fs.symlinkSync(out, join(root, "a/l"));
    const before = everythingIn(out);
    assert.throws(() => act(disk, `${root}/a/l`, root), { code: "ELOOP" });
    assert.deepEqual(everythingIn(out), before);
    assert.deepEqual(listTree(root), ["a/", "a/l", "own"]);
  });
}

onEach("lists no directory that is a link by now", (disk, root, out) => {
  fs.symlinkSync(out, join(root, "l"));
  assert.throws(() => disk.list(`${root}/l`), /ELOOP|ENOTDIR/);
});

onEach("looks, lists, syncs and reads as they are named", (disk, root) => {
  makeTree(root, ["a/b/f", "a/b/l->nowhere", "a/c/"]);
  const file = disk.look(`${root}/a/b/f`);
  assert.ok(file?.isFile() && !file.isDirectory() && file.size === 5n);
  assert.equal(disk.look(`${root}/a/b/absent`), null);
  assert.equal(disk.look(`${root}/absent/f`), null);
  assert.ok(disk.look(root)?.isDirectory());
  assert.ok(disk.look(`${root}/a/b/l`)?.isSymbolicLink());
  assert.equal(disk.readLink(`${root}/a/b/l`), "nowhere");
  assert.deepEqual(disk.list(`${root}/a`).map(({ name }) => name).sort(), ["b", "c"]);
  const kinds = Object.fromEntries(disk.list(`${root}/a/b`).map(({ name, kind }) => [name, kind]));
  if (kinds["f"] !== null) assert.deepEqual(kinds, { f: "file", l: "other" });
  disk.syncFile(`${root}/a/b/f`);
  disk.syncDirectory(`${root}/a/b`);
  disk.syncDirectory(root);
});

onEach("sees what the runtime sees, to its resolution", (disk, root) => {
  makeTree(root, ["f", "d/", "l->f"]);
  fs.utimesSync(join(root, "f"), 1_700_000_000.123, 1_700_000_000.987);
  for (const name of ["f", "d", "l", ""]) {
    const path = name === "" ? root : join(root, name);
    const [seen, known] = [disk.look(path), fs.lstatSync(path, { bigint: true })];
    assert.ok(seen !== null && sameStamp(stampOf(seen), stampOf(known)), name);
    for (const  of of["mode", "nlink", "uid", "gid", "blocks", "rdev", "mtimeMs"] as const) {
      assert.equal(seen[of], known[of], `${name}: ${of}`);
    }
    const open = fs.openSync(path, "r");
    try {
      if (name !== "l") {
        assert.ok(sameStamp(stampOf(seen), stampOf(fs.fstatSync(open, { bigint: true }))));
      }
    } finally {
      fs.closeSync(open);
    }
  }
});

onEach("sets time and mode, of a link itself and of what may not be read", (disk, root) => {
  makeTree(root, ["f", "d/", "l->f"]);
  fs.chmodSync(join(root, "d"), 0o300);
  disk.setMode(`${root}/d`, 0o750);
  assert.equal(fs.statSync(join(root, "d")).mode & 0o7777, 0o750);
  const mtimeNs = 1_700_000_000_123_000_000n;
  disk.setTime(`${root}/l`, mtimeNs);
  assert.equal(disk.look(`${root}/l`)?.mtimeNs, mtimeNs);
  assert.notEqual(disk.look(`${root}/f`)?.mtimeNs, mtimeNs);
  assert.equal(disk.finish(`${root}/f`, { mode: 0o640, mtimeNs, sync: true, sizeBytes: 1 }), true);
  assert.equal(disk.finish(`${root}/f`, { ...FINISH, sizeBytes: 2 }), false);
  const stat = disk.look(`${root}/f`);
  assert.deepEqual([stat?.mtimeNs, Number(stat?.mode) & 0o7777], [mtimeNs, 0o640]);
  disk.setTime(`${root}/f`, -1n);
  assert.equal(disk.look(`${root}/f`)?.mtimeNs, 0n, "before 1970 it is the epoch");
});

onEach("makes, moves and removes, and replaces nothing that it is not to", (disk, root) => {
  disk.makeDirectory(`${root}/a/b`, { recursive: true, mode: 0o700 });
  disk.makeDirectory(`${root}/a/b`, { recursive: true });
  assert.throws(() => disk.makeDirectory(`${root}/a`), { code: "EEXIST" });
  disk.write(`${root}/a/f`, BYTES);
  assert.throws(() => disk.write(`${root}/a/f`, BYTES), { code: "EEXIST" });
  disk.append(`${root}/a/f`, BYTES);
  disk.append(`${root}/a/new`, BYTES);
  assert.equal(fs.statSync(join(root, "a/new")).mode & 0o777, 0o600);
  disk.resize(`${root}/a/f`, 4);
  assert.deepEqual([...fs.readFileSync(join(root, "a/f"))], [1, 2, 3, 1]);
  disk.link(`${root}/a/f`, `${root}/a/g`);
  assert.throws(() => disk.link(`${root}/a/f`, `${root}/a/g`), { code: "EEXIST" });
  assert.throws(() => disk.symlink("x", `${root}/a/g`), { code: "EEXIST" });
  disk.copy(`${root}/a/f`, `${root}/a/b/copy`);
  assert.throws(() => disk.copy(`${root}/a/f`, `${root}/a/b/copy`)); // Deno gives it no code.
  disk.rename(`${root}/a/b/copy`, `${root}/a/new`);
  assert.deepEqual([...fs.readFileSync(join(root, "a/new"))], [1, 2, 3, 1]);
  disk.createEmpty(`${root}/a/empty`);
  disk.remove(`${root}/a/empty`);
  disk.remove(`${root}/a/empty`);
  disk.remove(`${root}/absent/f`);
  assert.throws(() => disk.removeDirectory(`${root}/a`), { code: "ENOTEMPTY" });
  disk.removeDirectory(`${root}/a/b`);
  assert.equal(disk.probe(`${root}/probe`, 0o640).isFile(), true);
  assert.deepEqual(listTree(root), ["a/", "a/f", "a/g", "a/new"]);
  disk.removeTree(`${root}/a`);
  disk.removeTree(`${root}/a`);
  assert.deepEqual(listTree(root), []);
});

onEach("copies a file of more than it holds in memory", (disk, root) => {
  const bytes = new Uint8Array(1_000_000).map((_, i) => i % 251);
  disk.write(`${root}/f`, bytes);
  disk.copy(`${root}/f`, `${root}/g`);
  assert.deepEqual(Uint8Array.from(fs.readFileSync(join(root, "g"))), bytes);
});

onEach("refuses a path that is too long, and one with a NUL", (disk, root) => {
  const long = `${root}/${"x".repeat(200)}`.padEnd(5000, "/y");
  assert.throws(() => disk.look(long), { code: "ENAMETOOLONG" });
  assert.throws(() => disk.createEmpty(`${root}/${"x".repeat(256)}`), { code: "ENAMETOOLONG" });
  assert.throws(() => disk.createEmpty(`${root}/a\0b`));
  assert.deepEqual(fs.readdirSync(root), []);
});

Deno.test("BeneathDisk uses no path that is not below its root", () =>
  inDirectory((directory) => {
    makeTree(directory, ["in/", "inside/f"]);
    using disk = heldDisk(join(directory, "in"));
    if (disk === null) return;
    for (const path of [directory, join(directory, "inside/f"), "/etc/passwd", "f"]) {
      assert.throws(() => disk.look(path), RangeError);
    }
    assert.throws(() => disk.look(join(directory, "in") + "/../inside/f"), { code: "EXDEV" });
  }));

Deno.test({
  name: "a state that is opened holds its root, where this system lets it",
  ignore: doorName() !== "openat2",
  fn: () =>
    inDirectory((root) => {
      const state = StateDirectory.open(root);
      try {
        assert.ok(state.disk instanceof BeneathDisk);
      } finally {
        state.close({ keep: false });
      }
    }),
});

Deno.test("a state that cannot be opened holds nothing of its root", () =>
  inDirectory((root) => {
    makeTree(root, [".sftpx"]);
    assert.throws(() => StateDirectory.open(root), { code: "conflict" });
    assert.equal(openDescriptors(root), 0);
  }));

Deno.test("CheckedDisk takes back what came elsewhere, and fails what went away at once", () =>
  inDirectory((directory) => {
    makeTree(directory, ["in/d/", "in/own", "in/part", "out/"]);
    const root = join(directory, "in");
    const swap = () => {
      fs.renameSync(join(root, "d"), join(root, "d.away"));
      fs.symlinkSync("../out", join(root, "d"));
    };
    const swapBack = () => {
      fs.rmSync(join(root, "d"));
      fs.renameSync(join(root, "d.away"), join(root, "d"));
    };
    /** Swapped between the look and the call; afterwards swapped back where it is said. */
    const swapping = (back: boolean): Disk => {
      const during = <A extends unknown[]>(call: (...args: A) => void) => (...args: A) => {
        swap();
        call(...args);
        if (back) swapBack();
      };
      const { createEmpty, rename, makeDirectory, symlink } = DISK;
      return {
        ...DISK,
        createEmpty: during(createEmpty),
        rename: (from, to) => (to.includes("/d/") ? during(rename) : rename)(from, to),
        makeDirectory: during(makeDirectory),
        symlink: during(symlink),
      };
    };
    const calls: readonly ((disk: Disk) => void)[] = [
      (disk) => disk.createEmpty(`${root}/d/new`),
      (disk) => disk.symlink("x", `${root}/d/new`),
      (disk) => disk.makeDirectory(`${root}/d/new`),
      (disk) => disk.rename(`${root}/part`, `${root}/d/f`),
    ];
    for (const call of calls) {
      assert.throws(() => call(new CheckedDisk(root, swapping(false))), { code: "ELOOP" });
      assert.deepEqual(fs.readdirSync(join(directory, "out")), [], "taken back");
      assert.ok(fs.existsSync(join(root, "part")));
      swapBack();
    }
    for (const call of calls) {
      assert.throws(() => call(new CheckedDisk(root, swapping(true))), { code: "ELOOP" });
      assert.deepEqual(fs.readdirSync(join(root, "d")), [], "and told as failed");
      fs.rmSync(join(directory, "out"), { recursive: true });
      fs.mkdirSync(join(directory, "out"));
    }
  }));

onEach("a file that was finished and is another one by now is not moved", (disk, root, out) => {
  makeTree(root, ["parts/f", "d/"]);
  const [part, final] = [`${root}/parts/f`, `${root}/d/f`];
  assert.equal(disk.finish(part, FINISH), true);
  fs.renameSync(`${root}/parts`, `${root}/parts.away`);
  fs.symlinkSync(out, `${root}/parts`);
  const before = everythingIn(out);
  assert.throws(() => disk.rename(part, final), { code: "ELOOP" });
  assert.deepEqual(everythingIn(out), before);
  fs.rmSync(`${root}/parts`);
  fs.renameSync(`${root}/parts.away`, `${root}/parts`);
  assert.equal(disk.finish(part, FINISH), true);
  disk.rename(part, final);
  assert.deepEqual(listTree(root), ["d/", "d/f", "parts/"]);
});

onEach("a rename tells of no other file than the one that it put there", (disk, root) => {
  makeTree(root, ["a", "b"]);
  const inode = fs.statSync(join(root, "a")).ino;
  const placed = disk.rename(`${root}/a`, `${root}/b`);
  if (placed !== undefined) assert.equal(Number(placed?.ino), inode);
});

Deno.test("openRootDisk() gives back what it holds, and refuses a root that became a link", () =>
  inDirectory((directory) => {
    makeTree(directory, ["root/", "other/"]);
    const root = join(directory, "root");
    for (let i = 0; i < 3; i++) openRootDisk(root)[Symbol.dispose]();
    assert.equal(openDescriptors(directory), 0);
    if (doorName() !== "openat2") return;
    fs.rmdirSync(root);
    fs.symlinkSync("other", root);
    assert.throws(() => openRootDisk(root), { code: "ELOOP" });
    assert.equal(openDescriptors(directory), 0);
  }));

/** Descriptors of what lies in a directory. */
function openDescriptors(directory: string): number {
  return descriptorsTo((path) => path.startsWith(directory)).length;
}

/** Everything in a directory, with what may be changed of it. */
function everythingIn(directory: string): string[] {
  return ["", ...fs.readdirSync(directory, { recursive: true }).map(String)].sort().map((name) => {
    const path = join(directory, name);
    const stat = fs.lstatSync(path);
    const content = stat.isFile() ? fs.readFileSync(path, "utf8") : "";
    return `${name} ${stat.mode} ${stat.mtimeMs} ${stat.ino} ${stat.nlink} ${content}`;
  });
}

onEach("what is no file is not finished as one, whatever size it has", (disk, root) => {
  const path = join(root, "d");
  fs.mkdirSync(path);
  const sizeBytes = Number(fs.lstatSync(path).size);
  assert.equal(disk.finish(path, { mode: 0o700, mtimeNs: 0n, sync: false, sizeBytes }), false);
});

for (const open of [openRootDisk, openRootByPath]) {
  Deno.test(`${open.name}() tells that a root was removed, and not of one that was moved`, () =>
    inDirectory((above) => {
      if (process.platform === "win32") return;
      makeTree(above, ["in/"]);
      const root = join(above, "in");
      const held = open(root);
      try {
        assert.equal(held.isRemoved, false);
        fs.renameSync(root, `${root}-moved`);
        makeTree(above, ["in/f"]);
        assert.equal(held.isRemoved, false);
        fs.rmdirSync(`${root}-moved`);
        assert.equal(held.isRemoved, true);
      } finally {
        held[Symbol.dispose]();
      }
      assert.deepEqual(descriptorsTo((path) => path.startsWith(root)), []);
    }));
}

Deno.test("removalOf() takes a file system that counts no links at its word for nothing", () => {
  let links = 0;
  const uncounted = removalOf(() => links);
  assert.equal(uncounted(), false);
  links = 1;
  const counted = removalOf(() => links);
  assert.equal(counted(), false);
  links = 0;
  assert.deepEqual([counted(), uncounted()], [true, false]);
});
