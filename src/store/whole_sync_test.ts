import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import {
  directoryEntry,
  fileEntry,
  fillPart,
  inDirectory,
  transferOf,
  wholeFile,
  withStore,
} from "./_fixture.ts";
import { DISK, type Disk, type WholeSync } from "./disk.ts";
import { openRootDisk } from "./root_disk.ts";
import { doorName } from "../runtime/beneath.ts";
import { tellsOfFailures, wholeSyncOf } from "./whole_sync.ts";

/** A disk that writes down in which order things are made durable and put in place. */
function recorded(log: string[], whole: Partial<WholeSync> = {}): Disk {
  return {
    ...DISK,
    holdWhole: () => ({
      fewest: 2,
      sync: () => void log.push("whole"),
      [Symbol.dispose]: () => void log.push("let go"),
      ...whole,
    }),
    syncFile: (path) => {
      log.push("file");
      DISK.syncFile(path);
    },
    finish: (path, finish) => {
      if (path.includes("/parts/")) log.push(finish.sync ? "finish synced" : "finish");
      return DISK.finish(path, finish);
    },
    rename: (from, to) => {
      if (from.includes("/parts/")) log.push("rename");
      DISK.rename(from, to);
    },
  };
}

function commit(root: string, { disk, names }: { disk: Disk; names: readonly string[] }): void {
  withStore(root, (store) => {
    const { id, syncsTogether } = store.begin(transferOf());
    assert.equal(syncsTogether, true);
    const entries = [directoryEntry("d"), ...names.map((name) => fileEntry(`d/${name}`, 3))];
    const placements = store.register(id, 0, entries, entries.map(() => 0));
    placements.slice(1).forEach((placement) => fillPart(placement, "abc"));
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
    assert.deepEqual(log, ["whole", "finish", "rename", "finish", "rename", "let go"]);
  }));

Deno.test("fewer files than are worth it are synced one by one", () =>
  inDirectory((root) => {
    const log: string[] = [];
    commit(root, { disk: recorded(log), names: ["a"] });
    assert.deepEqual(log, ["finish synced", "rename", "let go"]);
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

Deno.test("a disk on which others write much is synced as a whole for many files only", () => {
  let nowMs = 0;
  let tookMs = 0;
  const held = { sync: () => void (nowMs += tookMs), [Symbol.dispose]: () => {} };
  const whole = wholeSyncOf(held, () => nowMs);
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

/** Descriptors open on a directory; other tests of this process have their own. */
function descriptorsOf(directory: string): number {
  const isIt = (name: string) => {
    try {
      return fs.readlinkSync(`/proc/self/fd/${name}`) === directory;
    } catch {
      return false; // Closed meanwhile.
    }
  };
  return fs.readdirSync("/proc/self/fd").filter(isIt).length;
}
