import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { descriptorsTo } from "../../tests/descriptors.ts";
import {
  directoryEntry,
  fileEntry,
  fillPart,
  inDirectory,
  transferOf,
  wholeFile,
  withStore,
} from "./_fixture.ts";
import type { DiskStore } from "./disk_store.ts";
import { DISK, type Disk, type WholeSync } from "./disk.ts";
import { openRootDisk } from "./root_disk.ts";
import { doorName } from "../runtime/beneath.ts";
import { tellsOfFailures, tellsOfNames, wholeSyncOf } from "./whole_sync.ts";

/** A disk that writes down in which order things are made durable and put in place. */
function recorded(log: string[], whole: Partial<WholeSync> = {}): Disk {
  return {
    ...DISK,
    holdWhole: () => ({
      fewest: 2,
      namesOn: null,
      sync: () => void log.push("whole"),
      [Symbol.dispose]: () => void log.push("let go"),
      ...whole,
    }),
    syncFile: (path) => {
      log.push("file");
      DISK.syncFile(path);
    },
    finish: (path, finish) => {
      const what = path.includes("/parts/") ? "" : "directory ";
      log.push(what + (finish.sync ? "finish synced" : "finish"));
      return DISK.finish(path, finish);
    },
    syncDirectory: (path) => {
      if (!path.includes("/.sftpx")) log.push("directory");
      DISK.syncDirectory(path);
    },
    rename: (from, to) => {
      if (from.includes("/parts/")) log.push("rename");
      DISK.rename(from, to);
    },
  };
}

function ofFiles(log: readonly string[]): readonly string[] {
  return log.filter((line) => !line.startsWith("directory"));
}

const ENTRIES = [
  directoryEntry("d"),
  fileEntry("d/a", 3),
  directoryEntry("d/e"),
  fileEntry("d/e/b", 3),
];

/** Puts two files into two directories, up to what `end` does, on a disk that syncs names on a device. */
function endOf(
  root: string,
  { log, end, disk, ...whole }: Partial<WholeSync> & {
    readonly log: string[];
    readonly disk?: Disk;
    readonly end: (store: DiskStore, id: number) => void;
  },
): void {
  withStore(root, (store) => {
    const { id } = store.begin(transferOf());
    const placements = store.register(id, 0, ENTRIES, [0, 0, 0, 0]);
    for (const at of [1, 3]) fillPart(placements[at], "abc");
    store.placeDirectories(id);
    store.commit(id, [wholeFile(1), wholeFile(3)]);
    log.length = 0;
    end(store, id);
  }, { disk: disk ?? recorded(log, whole) });
}

function deviceOf(path: string): bigint {
  return fs.lstatSync(path, { bigint: true }).dev;
}

function commit(
  root: string,
  { disk, names, sizeBytes = 3 }: {
    disk: Disk;
    names: readonly string[];
    sizeBytes?: number;
  },
): void {
  withStore(root, (store) => {
    const { id, syncsTogether } = store.begin(transferOf());
    assert.equal(syncsTogether, true);
    const entries = [
      directoryEntry("d"),
      ...names.map((name) => fileEntry(`d/${name}`, sizeBytes)),
    ];
    const placements = store.register(id, 0, entries, entries.map(() => 0));
    if (sizeBytes > 0) placements.slice(1).forEach((placement) => fillPart(placement, "abc"));
    store.placeDirectories(id);
    const { failures } = store.commit(id, names.map((_, i) => wholeFile(i + 1)));
    assert.deepEqual(failures, []);
    store.finish(id);
  }, { disk });
}

Deno.test("small files are durable by one call before any of them is named (I1)", () =>
  inDirectory((root) => {
    const log: string[] = [];
    commit(root, { disk: recorded(log), names: ["a", "b"] });
    assert.deepEqual(ofFiles(log), ["whole", "finish", "rename", "finish", "rename", "let go"]);
  }));

Deno.test("empty files are not synced: they have no bytes to lose", () =>
  inDirectory((root) => {
    const log: string[] = [];
    commit(root, { disk: recorded(log), names: ["a", "b"], sizeBytes: 0 });
    assert.deepEqual(ofFiles(log), ["finish", "rename", "finish", "rename", "let go"]);
  }));

Deno.test("fewer files than are worth it are synced one by one", () =>
  inDirectory((root) => {
    const log: string[] = [];
    commit(root, { disk: recorded(log), names: ["a"] });
    assert.deepEqual(ofFiles(log), ["finish synced", "rename", "let go"]);
  }));

Deno.test("directories with new names in them are durable by one call, behind their modes and times", () =>
  inDirectory((root) => {
    const log: string[] = [];
    endOf(root, { log, namesOn: deviceOf(root), end: (store, id) => store.finish(id) });
    assert.deepEqual(log, ["directory finish", "directory finish", "whole", "let go"]);
  }));

Deno.test("directories of another device than is held are synced one by one", () =>
  inDirectory((root) => {
    const log: string[] = [];
    endOf(root, { log, namesOn: deviceOf(root) + 1n, end: (store, id) => store.finish(id) });
    const synced = "directory finish synced";
    assert.deepEqual(log, [synced, synced, "directory", "let go"]);
  }));

Deno.test("no transfer ends whose names could not be made durable together, however often it is tried", () =>
  inDirectory((root) => {
    const log: string[] = [];
    let [calls, failures] = [0, 0];
    const sync = () => {
      log.push("whole");
      // The first is that of the files.
      if (++calls !== 2) return;
      failures++;
      throw Object.assign(new Error("EIO"), { code: "EIO" });
    };
    const end = (store: DiskStore, id: number) => {
      assert.throws(() => store.finish(id), { code: "io" });
      assert.throws(() => store.finish(id), { code: "io" });
      assert.equal(failures, 1);
      store.abandon(id);
      // The next attempt finds all in place, and makes its names durable all the same.
      const next = store.begin(transferOf()).id;
      store.register(next, 0, ENTRIES, [0, 0, 0, 0]);
      store.placeDirectories(next);
      log.length = 0;
      assert.deepEqual(store.finish(next).failures, []);
      assert.deepEqual(log, ["whole", "let go"]);
    };
    endOf(root, { log, namesOn: deviceOf(root), sync, end });
  }));

Deno.test("no transfer ends on a file system that is read-only behind the sync of names, whatever that said", () =>
  inDirectory((root) => {
    const log: string[] = [];
    const disk = recorded(log, { namesOn: deviceOf(root) });
    const probe: Disk["probe"] = () => {
      throw Object.assign(new Error("EROFS"), { code: "EROFS" });
    };
    const end = (store: DiskStore, id: number) => {
      disk.probe = probe;
      assert.throws(() => store.finish(id), { code: "permission" });
      // What was left to that call is touched no more.
      assert.throws(() => store.finish(id), { code: "permission" });
      disk.probe = DISK.probe;
      assert.throws(() => store.finish(id), { code: "permission" });
      store.abandon(id);
      assert.deepEqual(log.filter((line) => line === "whole"), ["whole"]);
    };
    endOf(root, { log, disk, end });
  }));

Deno.test("what is journalled is synced together too, and before its row (I2)", () =>
  inDirectory((root) => {
    const log: string[] = [];
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const entries = ["d/a", "d/b"].map((path) => fileEntry(path, 3));
      store.register(id, 0, [directoryEntry("d"), ...entries], [0, 0, 0]).slice(1)
        .forEach((placement) => fillPart(placement, "abc"));
      const digests = new Uint8Array(32);
      store.journal(id, [1, 2].map((entry) => ({ entry, first: 0, digests, synced: false })));
      assert.deepEqual(log, ["whole"]);
      store.abandon(id);
    }, { disk: recorded(log) });
  }));

Deno.test("a failed sync of all is final: nothing is put in place, nor journalled later (I1, I2)", () =>
  inDirectory((root) => {
    const log: string[] = [];
    let failures = 1;
    const sync = () => {
      if (failures-- > 0) throw Object.assign(new Error("EIO"), { code: "EIO" });
    };
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const entries = ["d/a", "d/b"].map((path) => fileEntry(path, 3));
      store.register(id, 0, [directoryEntry("d"), ...entries], [0, 0, 0]).slice(1)
        .forEach((placement) => fillPart(placement, "abc"));
      store.placeDirectories(id);
      const files = [wholeFile(1), wholeFile(2)];
      assert.throws(() => store.commit(id, files), { code: "io" });
      assert.throws(() => store.commit(id, files), { code: "io" });
      const digests = new Uint8Array(32);
      const run = { entry: 1, first: 0, digests, synced: false };
      assert.throws(() => store.journal(id, [run]), { code: "io" });
      store.abandon(id);
    }, { disk: recorded(log, { sync }) });
    assert.ok(!log.includes("rename"));
    assert.equal(fs.existsSync(join(root, "d/a")), false);
  }));

Deno.test("a kernel that tells of no failure is not relied on, nor a file system that may not", () => {
  assert.equal(tellsOfFailures("/proc", { kernel: "6.1.0" }), false);
  for (const kernel of ["4.19.0", "5.7.19-generic", "strange"]) {
    assert.equal(tellsOfFailures("/dev/shm", { kernel }), false);
  }
  assert.equal(tellsOfFailures("/there/is/none", { kernel: "6.1.0" }), false);
});

Deno.test("a kernel that tells of files only is not relied on for names", () => {
  for (const kernel of ["4.19.0", "5.8.0", "5.16.20-generic", "strange"]) {
    assert.ok(!tellsOfNames({ kernel }), kernel);
  }
  for (const kernel of ["5.17.0", "6.1.0-13-amd64", "10.0"]) assert.ok(tellsOfNames({ kernel }));
});

Deno.test("a disk on which others write much is synced as a whole for many files only", () => {
  let nowMs = 0;
  let tookMs = 0;
  const held = { device: 1n, sync: () => void (nowMs += tookMs), [Symbol.dispose]: () => {} };
  const whole = wholeSyncOf(held, { namesOn: null, nowMs: () => nowMs });
  const usual = whole.fewest;
  tookMs = 5000;
  whole.sync();
  assert.ok(whole.fewest > usual);
  tookMs = 1;
  whole.sync();
  assert.equal(whole.fewest, usual);
});

Deno.test({
  name: "a root that is held syncs its file system, and gives it back",
  ignore: doorName() !== "openat2",
  fn: () =>
    inDirectory((root) => {
      const descriptors = () => descriptorsOf(root);
      using opened = openRootDisk(root);
      const before = descriptors();
      const whole = opened.disk.holdWhole?.(root) ?? null;
      if (whole === null) return; // A file system that is not relied on.
      whole.sync();
      assert.equal(whole.namesOn, tellsOfNames() ? deviceOf(root) : null);
      whole[Symbol.dispose]();
      assert.equal(descriptors(), before);
      // Its number is another file's by now, which nobody closes or syncs in its stead (I2).
      const next = fs.openSync(root, "r");
      whole[Symbol.dispose]();
      assert.equal(descriptors(), before + 1);
      fs.closeSync(next);
      assert.throws(() => whole.sync(), TypeError);
    }),
});

/** Descriptors open on a directory. */
function descriptorsOf(directory: string): number {
  return descriptorsTo((path) => path === directory).length;
}
