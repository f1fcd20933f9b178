import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { comparePaths } from "../base/path.ts";
import type { Entry, FilterRule } from "../wire/messages.ts";
import {
  directoryEntry,
  directorySource,
  fileEntry,
  fileSource,
  inDirectory,
  linkEntry,
  listTree,
  makeTree,
  MTIME_NS,
  pruneAll,
  transferOf,
  wholeFile,
  withStore,
} from "./_fixture.ts";
import { Filter } from "../base/filter.ts";
import { Destination } from "./destination.ts";
import { DISK, type Disk } from "./disk.ts";
import { DiskStore } from "./disk_store.ts";
import { openDatabase } from "../runtime/database.ts";
import { Door } from "./door.ts";
import { PathList } from "./path_list.ts";
import { type PruneContext, Pruner } from "./prune.ts";
import { noting } from "./pruning.ts";
import type { ReceiveTransfer } from "./store.ts";

const CONTENTS = [{ ...directorySource("d"), contents: true }];

/** Empty files and directories by path, in order. */
function manifest(paths: readonly string[]): Entry[] {
  return [...paths].sort(comparePaths).map((path) =>
    path.endsWith("/") ? directoryEntry(path.slice(0, -1)) : fileEntry(path, 0)
  ).sort((a, b) => comparePaths(a.path, b.path));
}

/** Receives empty files of the first source, and prunes before the end. */
function sync(
  store: DiskStore,
  transfer: ReceiveTransfer,
  given: { readonly entries: readonly Entry[]; readonly filters?: readonly FilterRule[] },
) {
  const { entries, filters = [] } = given;
  const { id } = store.begin(transfer);
  const sources = entries.map((entry) =>
    transfer.sources.findIndex((source) =>
      source.contents || entry.path === source.name || entry.path.startsWith(`${source.name}/`)
    )
  );
  if (transfer.dryRun) {
    store.plan(id, 0, entries, sources);
    const pruned = pruneAll(store, id, filters);
    store.abandon(id);
    return pruned;
  }
  const placements = store.register(id, 0, entries, sources);
  store.placeDirectories(id);
  const files = placements.flatMap((placement, i) => "part" in placement ? [wholeFile(i)] : []);
  assert.deepEqual(store.commit(id, files).failures, []);
  const pruned = pruneAll(store, id, filters);
  assert.deepEqual(store.finish(id).failures, []);
  return pruned;
}

Deno.test("prune() removes what the manifest does not name, deepest first", () =>
  inDirectory((root) => {
    makeTree(root, ["x/d/old/deep/f", "x/d/old/g", "x/d/kept", "x/d/sub/extra", "x/beside"]);
    const entries = manifest(["d/", "d/kept", "d/new", "d/sub/"]);
    const transfer = transferOf({ destination: "x" });
    withStore(root, (store) => {
      const { deleted, failures } = sync(store, transfer, { entries });
      assert.deepEqual(deleted, [
        "d/old/deep/f",
        "d/old/deep/",
        "d/old/g",
        "d/old/",
        "d/sub/extra",
      ]);
      assert.deepEqual(failures, []);
    });
    assert.deepEqual(listTree(root), ["x/", "x/beside", "x/d/", "x/d/kept", "x/d/new", "x/d/sub/"]);
    const times = ["x/d", "x/d/sub"].map((path) => fs.statSync(join(root, path)).mtimeMs);
    assert.deepEqual(times, Array(2).fill(Number(MTIME_NS / 1_000_000n)), "times are put back");
  }));

Deno.test("prune() of contents looks through the destination itself and nothing above it", () =>
  inDirectory((root) => {
    makeTree(root, ["x/a", "x/b/c", "above"]);
    const transfer = transferOf({ sources: CONTENTS, destination: "x" });
    withStore(root, (store) => {
      const { deleted } = sync(store, transfer, { entries: manifest(["a"]) });
      assert.deepEqual(deleted, ["b/c", "b/"]);
      assert.deepEqual(sync(store, transfer, { entries: [] }).deleted, ["a"]);
    });
    assert.deepEqual(listTree(root), ["above", "x/"]);
  }));

Deno.test("prune() of several sources looks through the directories among them only", () =>
  inDirectory((root) => {
    makeTree(root, ["in/a/old", "in/b/old", "in/f", "in/other"]);
    const sources = [directorySource("a"), directorySource("b"), fileSource("f")];
    const transfer = transferOf({ sources, destination: "in" });
    withStore(root, (store) => {
      const entries = manifest(["a/", "a/x", "b/", "f"]);
      assert.deepEqual(sync(store, transfer, { entries }).deleted, ["a/old", "b/old"]);
    });
    assert.deepEqual(listTree(root), ["in/", "in/a/", "in/a/x", "in/b/", "in/f", "in/other"]);
  }));

Deno.test("prune() leaves a source alone that the manifest does not name", () =>
  inDirectory((root) => {
    makeTree(root, ["a/old", "b/old"]);
    const sources = [directorySource("a"), directorySource("b")];
    withStore(root, (store) => {
      const entries = manifest(["a/"]);
      const { deleted } = sync(store, transferOf({ sources }), { entries });
      assert.deepEqual(deleted, ["a/old"]);
    });
    assert.deepEqual(listTree(root), ["a/", "b/", "b/old"]);
  }));

Deno.test("prune() spares what filters exclude, and the directories it lies in", () =>
  inDirectory((root) => {
    makeTree(root, ["d/x.keep", "d/old/y.keep", "d/old/z", "d/cache/a", "d/gone/b"]);
    const filters = [
      { include: false, pattern: "*.keep" },
      { include: false, pattern: "/d/cache/" },
    ];
    withStore(root, (store) => {
      const given = { entries: manifest(["d/"]), filters };
      assert.deepEqual(sync(store, transferOf(), given).deleted, [
        "d/gone/b",
        "d/gone/",
        "d/old/z",
      ]);
    });
    assert.deepEqual(listTree(root), [
      "d/",
      "d/cache/",
      "d/cache/a",
      "d/old/",
      "d/old/y.keep",
      "d/x.keep",
    ]);
  }));

Deno.test("prune() never removes .sftpx, in any spelling and at any level", () =>
  inDirectory((root) => {
    makeTree(root, ["old/.sftpx/state.db", "old/x", ".SFTPX-1/y", "z"]);
    withStore(root, (store) => {
      const transfer = transferOf({ sources: CONTENTS });
      const { deleted, failures } = sync(store, transfer, { entries: [] });
      assert.deepEqual([deleted, failures], [["old/x", "z"], []]);
    });
    assert.equal(fs.existsSync(join(root, "old/.sftpx/state.db")), true);
    assert.equal(fs.existsSync(join(root, ".SFTPX-1/y")), true);
  }));

Deno.test("prune() removes links themselves and never what they lead to", () =>
  inDirectory((root) => {
    makeTree(root, ["victim/f", "in/d/l->../../victim", "in/d/f->../../victim/f", "in/d/sub/x"]);
    withStore(join(root, "in"), (store) => {
      const { deleted } = sync(store, transferOf(), { entries: manifest(["d/"]) });
      assert.deepEqual(deleted, ["d/f", "d/l", "d/sub/x", "d/sub/"]);
    });
    assert.deepEqual(listTree(join(root, "victim")), ["f"]);
  }));

Deno.test("prune() goes through no link that took a directory's place in the middle", () =>
  inDirectory((root) => {
    const many = Array.from({ length: 2500 }, (_, i) => `in/d/sub/${i}`);
    makeTree(root, ["victim/1", "victim/2499", ...many]);
    withStore(join(root, "in"), (store) => {
      const { id } = store.begin(transferOf());
      store.register(id, 0, manifest(["d/"]), [0]);
      store.placeDirectories(id);
      const first = store.prune(id, []);
      assert.ok(first.more && first.deleted.length < 2500);
      fs.rmSync(join(root, "in/d/sub"), { recursive: true });
      fs.symlinkSync("../../victim", join(root, "in/d/sub"));
      const rest = pruneAll(store, id, []);
      assert.ok(rest.failures.length > 0);
      assert.ok(rest.failures.every(({ code }) => code === "conflict"));
      store.abandon(id);
    });
    assert.deepEqual(listTree(join(root, "victim")), ["1", "2499"]);
  }));

Deno.test("prune() leaves special files and names that cannot travel, and says so", () =>
  inDirectory((root) => {
    makeTree(root, ["d/old/back\\slash", "d/old/x", "d/y"]);
    assert.equal(spawnSync("mkfifo", [join(root, "d/old/pipe")]).status, 0);
    spawnSync("sh", ["-c", "touch d/$(printf 'x\\377')"], { cwd: root });
    withStore(root, (store) => {
      const { deleted, failures } = sync(store, transferOf(), { entries: manifest(["d/"]) });
      assert.deepEqual(deleted, ["d/old/x", "d/y"]);
      assert.deepEqual(failures.map(({ path, code }) => [path, code]), [
        ["d/old/back\\slash", "bad_name"],
        ["d/old/pipe", "conflict"],
        ["d/x\ufffd", "bad_name"],
      ]);
      assert.deepEqual(failures.slice(0, 2).map(({ message }) => message), [
        'Cannot remove "d/old/back\\slash": it has a backslash',
        'Cannot remove "d/old/pipe": it is a pipe',
      ]);
    });
    assert.equal(fs.existsSync(join(root, "d/old/pipe")), true);
  }));

Deno.test("prune() empties read-only directories, and closes again what stays", () =>
  inDirectory((root) => {
    makeTree(root, ["d/closed/x", "d/stays/keep", "d/stays/y"]);
    fs.chmodSync(join(root, "d/closed"), 0o555);
    fs.chmodSync(join(root, "d/stays"), 0o500);
    withStore(root, (store) => {
      const filters = [{ include: false, pattern: "keep" }];
      const { deleted, failures } = sync(store, transferOf(), {
        entries: manifest(["d/"]),
        filters,
      });
      assert.deepEqual([deleted, failures], [["d/closed/x", "d/closed/", "d/stays/y"], []]);
    });
    assert.equal(fs.statSync(join(root, "d/stays")).mode & 0o777, 0o500);
  }));

Deno.test("prune() goes on where something cannot be removed, and keeps what it lies in", () =>
  inDirectory((root) => {
    makeTree(root, ["d/old/a", "d/old/b", "d/z"]);
    const disk: Disk = {
      ...DISK,
      remove: (path) => {
        if (path.endsWith("/a")) throw Object.assign(new Error("no"), { code: "EPERM" });
        DISK.remove(path);
      },
    };
    withStore(root, (store) => {
      const { deleted, failures } = sync(store, transferOf(), { entries: manifest(["d/"]) });
      assert.deepEqual(deleted, ["d/old/b", "d/z"]);
      assert.deepEqual(failures, [{
        path: "d/old/a",
        code: "permission",
        message: 'Cannot remove "d/old/a": the operation is not permitted',
      }]);
    }, { disk });
    assert.deepEqual(listTree(root), ["d/", "d/old/", "d/old/a"]);
  }));

Deno.test("prune() drops the records of what it removed", () =>
  inDirectory((root) => {
    const store = new DiskStore({ root, keep: true });
    sync(store, transferOf(), { entries: manifest(["d/", "d/a", "d/b"]) });
    sync(store, transferOf(), { entries: manifest(["d/", "d/a"]) });
    store.close();
    const database = openDatabase(join(root, ".sftpx/state.db"));
    const rows = database.prepare("SELECT path FROM committed").all();
    database.close();
    assert.deepEqual(rows.map((row) => row["path"]), ["d/a"]);
  }));

Deno.test("prune() syncs the directories that lost a name", () =>
  inDirectory((root) => {
    const synced: string[] = [];
    const disk: Disk = {
      ...DISK,
      syncDirectory: (path) => synced.push(path.slice(root.length)),
    };
    makeTree(root, ["x/old/f", "x/kept/keep", "x/kept/g"]);
    withStore(root, (store) => {
      const transfer = transferOf({ sources: CONTENTS, destination: "x" });
      const filters = [{ include: false, pattern: "keep" }];
      sync(store, transfer, { entries: [], filters });
    }, { disk });
    assert.deepEqual(synced.sort(), ["/x", "/x/kept"]);
  }));

Deno.test("prune() makes durable what an attempt removed that broke off", () =>
  inDirectory((root) => {
    const synced: string[] = [];
    /** What the state knows of transfers as each name goes. */
    const known: number[] = [];
    const disk: Disk = {
      ...DISK,
      syncDirectory: (path) => synced.push(path.slice(root.length)),
      finish: (path, finish) => {
        if (finish.sync) synced.push(path.slice(root.length));
        return DISK.finish(path, finish);
      },
      remove: (path) => {
        if (/\/(f|g)$/.test(path)) known.push(transfersIn(root));
        DISK.remove(path);
      },
    };
    makeTree(root, ["x/in/leaf/f", "x/old/keep", "x/old/g"]);
    const transfer = transferOf({ sources: CONTENTS, destination: "x" });
    const filters = [{ include: false, pattern: "keep" }];
    const entries = manifest(["in/", "in/leaf/"]);
    const again = () =>
      withStore(root, (store) => {
        synced.length = 0;
        assert.deepEqual(sync(store, transfer, { entries, filters }).deleted, []);
      }, { disk });
    withStore(root, (store) => {
      const { id } = store.begin(transfer);
      store.register(id, 0, entries, [0, 0]);
      store.placeDirectories(id);
      const { deleted, failures } = pruneAll(store, id, filters);
      assert.deepEqual([deleted, failures], [["in/leaf/f", "old/g"], []]);
      store.abandon(id);
    }, { disk });
    assert.deepEqual(known, [1, 1], "a kill leaves a trace of it");
    again();
    for (const path of ["/x", "/x/in", "/x/in/leaf", "/x/old"]) assert.ok(synced.includes(path));
    again();
    assert.deepEqual(synced, [], "what was finished is not synced again");
  }));

/** How many transfers the state knows of. */
function transfersIn(root: string): number {
  const database = openDatabase(join(root, ".sftpx/state.db"));
  try {
    return database.prepare("SELECT key FROM transfers").all().length;
  } finally {
    database.close();
  }
}

Deno.test("prune() spares a name the manifest spells otherwise where both are one file", () =>
  inDirectory((root) => {
    makeTree(root, ["d/README", "d/Sub/1", "d/Sub/extra", "d/other"]);
    // The same file under two names stands for a file system that takes the two for one.
    fs.linkSync(join(root, "d/README"), join(root, "d/readme"));
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const entries = manifest(["d/", "d/README"]);
      store.register(id, 0, entries, [0, 0]);
      store.placeDirectories(id);
      assert.deepEqual(pruneAll(store, id, []).deleted, [
        "d/Sub/1",
        "d/Sub/extra",
        "d/Sub/",
        "d/other",
      ]);
      store.abandon(id);
    });
    assert.deepEqual(listTree(root), ["d/", "d/README", "d/readme"]);
  }));

/** Of the source `d` in the root; what is asked for in one call comes in one, however long it takes. */
function prunerOf(door: Door, paths: PathList, more: Partial<PruneContext> = {}): Pruner {
  return new Pruner({
    sources: [directorySource("d")],
    destination: Destination.resolve(transferOf(), door),
    door,
    disk: DISK,
    paths,
    filter: new Filter([]),
    ignoresCase: false,
    goesOn: false,
    onLost: () => {},
    nowMs: () => 0,
    ...more,
  });
}

Deno.test("prune() takes no two spellings apart where case is ignored", () =>
  inDirectory((root) => {
    makeTree(root, ["d/README", "d/Sub/1", "d/Sub/extra", "d/other"]);
    const door = new Door(root);
    const paths = new PathList();
    for (const path of ["d", "d/readme", "d/sub", "d/sub/1"]) paths.add(path);
    const pruner = prunerOf(door, paths, { ignoresCase: true });
    assert.deepEqual(pruner.next().deleted, ["d/Sub/extra", "d/other"]);
  }));

Deno.test("prune() ends where the state is damaged, and takes it for no name's fault", () =>
  inDirectory((root) => {
    const damage = Object.assign(new Error("malformed"), { code: "ERR_SQLITE_ERROR", errcode: 11 });
    const paths = new PathList();
    paths.add("d");
    for (const name of ["d/f", "d/empty/"]) {
      makeTree(root, [name]);
      const disk = noting(DISK, () => {
        throw damage;
      });
      const pruner = prunerOf(new Door(root), paths, { disk });
      assert.throws(() => pruner.next(), (thrown) => thrown === damage, name);
      fs.rmSync(join(root, name), { recursive: true });
    }
  }));

/** A door that shows one path as another file system's. */
class MountedDoor extends Door {
  override look(path: string): fs.BigIntStats | null {
    const stat = super.look(path);
    if (stat !== null && path.endsWith("/mounted")) stat.dev += 1n;
    return stat;
  }
}

Deno.test("prune() leaves a mount point that is extraneous, and looks into one that is not", () =>
  inDirectory((root) => {
    makeTree(root, ["d/mounted/x", "d/old/mounted/y", "d/old/z"]);
    const door = new MountedDoor(root);
    const paths = new PathList();
    for (const path of ["d", "d/mounted"]) paths.add(path);
    const pruner = prunerOf(door, paths);
    const { deleted, failures } = pruner.next();
    assert.deepEqual(deleted, ["d/mounted/x", "d/old/z"]);
    assert.deepEqual(failures, [{
      path: "d/old/mounted",
      code: "conflict",
      message: 'Cannot remove "d/old/mounted": it is a mount point',
    }]);
  }));

Deno.test("prune() refuses a write-once grant, open directories and a manifest out of order", () =>
  inDirectory((root) => {
    makeTree(root, ["d/old"]);
    withStore(root, (store) => {
      const once = store.begin(transferOf({ writeOnce: true }));
      store.register(once.id, 0, manifest(["d/"]), [0]);
      assert.throws(() => store.prune(once.id, []), TypeError);
      store.placeDirectories(once.id);
      assert.throws(() => store.prune(once.id, []), { code: "refused" });
      store.abandon(once.id);
      const { id } = store.begin(transferOf());
      const unordered = ["d/z", "d/m", "d/a"].map((path) => fileEntry(path, 0));
      store.register(id, 0, unordered, [0, 0, 0]);
      store.placeDirectories(id);
      assert.throws(() => store.prune(id, []), { code: "protocol" });
      store.abandon(id);
    });
    assert.deepEqual(listTree(root), ["d/", "d/old"]);
  }));

Deno.test("prune() of a dry run says the same and removes nothing", () =>
  inDirectory((root) => {
    makeTree(root, ["d/old/deep/f", "d/keep/x", "d/keep/y.keep", "d/named"]);
    fs.chmodSync(join(root, "d/old"), 0o555);
    const filters = [{ include: false, pattern: "*.keep" }];
    const given = { entries: manifest(["d/", "d/named"]), filters };
    const before = listTree(root);
    withStore(root, (store) => {
      const dry = sync(store, transferOf({ dryRun: true }), given);
      assert.deepEqual(listTree(root), before);
      assert.equal(fs.statSync(join(root, "d/old")).mode & 0o777, 0o555);
      const real = sync(store, transferOf(), given);
      assert.deepEqual([dry.deleted, dry.failures], [real.deleted, real.failures]);
      assert.equal(dry.deleted.length, 4);
    });
  }));

const NAME = fc.constantFrom("a", "a-", "A", "b", "é", "e\u0301", "c!");
const PATHS = fc.array(fc.array(NAME, { minLength: 1, maxLength: 4 }), { maxLength: 14 });

Deno.test("prune() leaves exactly the manifest, whatever stood there before", async () => {
  await fc.assert(
    fc.asyncProperty(PATHS, PATHS, (standing, sent) =>
      inDirectory((root) => {
        for (const names of standing) {
          try {
            makeTree(root, [`d/${names.join("/")}`]);
          } catch {
            continue; // A file stands where this one needs a directory, or the other way round.
          }
        }
        // Directories only: a file could meet a directory, and then nothing would be removed.
        const paths = new Set<string>();
        for (const names of sent) {
          const wanted = names.map((_, i) => ["d", ...names.slice(0, i + 1)].join("/"));
          const isFree = wanted.every((path) =>
            fs.lstatSync(join(root, path), { throwIfNoEntry: false })?.isFile() !== true
          );
          if (isFree) wanted.forEach((path) => paths.add(`${path}/`));
        }
        withStore(root, (store) => {
          sync(store, transferOf(), { entries: manifest(["d/", ...paths]) });
        });
        assert.deepEqual(listTree(root), ["d/", ...paths].sort());
      })),
    { numRuns: 60 },
  );
});

Deno.test("prune() takes its time in turns", () =>
  inDirectory((root) => {
    makeTree(root, Array.from({ length: 2500 }, (_, i) => `d/${i % 50}/${i}`));
    withStore(root, (store) => {
      const { deleted, calls } = sync(store, transferOf(), { entries: manifest(["d/"]) });
      assert.equal(deleted.length, 2550);
      assert.ok(calls > 1);
    });
    assert.deepEqual(listTree(root), ["d/"]);
  }));

Deno.test("prune() ends a call when its time is up, though it removed nothing", () =>
  inDirectory((root) => {
    makeTree(root, Array.from({ length: 20 }, (_, i) => `d/${i}`));
    const paths = new PathList();
    paths.add("d");
    let nowMs = 0;
    const pruner = prunerOf(new Door(root), paths, {
      filter: new Filter([{ include: false, pattern: "/d/*" }]),
      nowMs: () => nowMs += 1000,
    });
    let calls = 0;
    for (let more = true; more; calls++) more = pruner.next().more;
    assert.ok(calls >= 20, `${calls} calls`);
  }));

for (const swap of ["link", "directory"]) {
  Deno.test(`prune() sets no mode on the ${swap} that took a closed directory's place`, () =>
    inDirectory((root) => {
      makeTree(root, ["d/closed/1", "d/closed/.sftpx", "victim/1", "d/z"]);
      const closed = join(root, "d/closed");
      fs.chmodSync(closed, 0o500);
      fs.chmodSync(join(root, "victim"), 0o755);
      const paths = new PathList();
      paths.add("d");
      const door = new Door(root);
      let nowMs = 0;
      const pruner = prunerOf(door, paths, { nowMs: () => nowMs += 1000 });
      while (!pruner.next().deleted.includes("d/closed/1"));
      fs.renameSync(closed, join(root, "moved"));
      if (swap === "link") fs.symlinkSync("../victim", closed);
      else fs.renameSync(join(root, "victim"), closed);
      const rest = { deleted: [] as string[], failures: [] as string[] };
      for (let more = true; more;) {
        door.forget();
        const some = pruner.next();
        rest.deleted.push(...some.deleted);
        rest.failures.push(...some.failures.map(({ message }) => message));
        more = some.more;
      }
      assert.deepEqual(rest.deleted, ["d/z"]);
      assert.equal(
        rest.failures.at(-1),
        'Cannot close "d/closed": something else came in its place',
      );
      assert.equal(fs.statSync(closed).mode & 0o777, 0o755);
      fs.chmodSync(join(root, "moved"), 0o700);
    }));
}

Deno.test("a link entry is no extraneous thing", () =>
  inDirectory((root) => {
    makeTree(root, ["d/l->old", "d/m->old"]);
    withStore(root, (store) => {
      const entries = [directoryEntry("d"), linkEntry("d/l", "new")];
      assert.deepEqual(sync(store, transferOf(), { entries }).deleted, ["d/m"]);
    });
    assert.equal(fs.readlinkSync(join(root, "d/l")), "new");
  }));
