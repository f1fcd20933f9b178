import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import {
  directoryEntry,
  inDirectory,
  listTree,
  makeTree,
  pruneAll,
  transferOf,
  withStore,
} from "./_fixture.ts";
import { DISK, type Disk, lookAt } from "./disk.ts";
import { DiskStore } from "./disk_store.ts";
import { closeLeftOpen, OpenedUp } from "./opened_up.ts";

/** Begins to remove `d/closed`, and what is in it. */
function prune(store: DiskStore): { readonly id: number; readonly deleted: readonly string[] } {
  const { id } = store.begin(transferOf());
  store.register(id, 0, [directoryEntry("d")], [0]);
  store.placeDirectories(id);
  return { id, deleted: pruneAll(store, id, []).deleted };
}

/** Directories that are closed to their owner in one way or another. */
function makeClosed(root: string): void {
  makeTree(root, ["d/closed/before/f", "d/closed/in/f", "d/closed/in/z"]);
  for (const [name, mode] of [["before", 0o2555], ["in", 0o070], ["", 0o500]] as const) {
    fs.chmodSync(join(root, "d/closed", name), mode);
  }
}

function modeOf(...path: string[]): number {
  return fs.lstatSync(join(...path)).mode & 0o7777;
}

function notesIn(root: string): string[] {
  const state = join(root, ".sftpx");
  return fs.existsSync(state) ? fs.readdirSync(state).filter((name) => /^opened-/.test(name)) : [];
}

/** A disk that nothing more is done on once it is asked to remove `dies`; `root` is looked at then. */
function dying(dies: string, onDeath: () => void): Disk {
  let isDead = false;
  const alive = <A extends unknown[], R>(method: (...args: A) => R) => (...args: A): R => {
    if (isDead) throw Object.assign(new Error("EIO: killed"), { code: "EIO" });
    return method(...args);
  };
  return {
    ...DISK,
    setMode: alive(DISK.setMode),
    removeDirectory: alive(DISK.removeDirectory),
    removeTree: alive(DISK.removeTree),
    append: alive(DISK.append),
    remove: (path) => {
      if (!isDead && path.endsWith(dies)) {
        onDeath();
        isDead = true;
      }
      alive(DISK.remove)(path);
    },
  };
}

Deno.test("what a kill left open to be emptied is closed by whoever is alone in the state next", () =>
  inDirectory((root) => {
    makeClosed(root);
    const at: number[] = [];
    const disk = dying("/in/z", () => {
      at.push(modeOf(root, "d/closed"), modeOf(root, "d/closed/in"));
    });
    const store = new DiskStore({ root, keep: true, disk });
    prune(store);
    assert.throws(() => store.close(), "a dead process tidies nothing up");
    assert.deepEqual(at, [0o700, 0o770], "it was in the middle of it");
    assert.deepEqual([modeOf(root, "d/closed"), notesIn(root).length], [0o700, 1]);
    withStore(root, () => {
      assert.deepEqual([modeOf(root, "d/closed"), modeOf(root, "d/closed/in")], [0o500, 0o070]);
      assert.deepEqual(notesIn(root), []);
    });
  }));

Deno.test("what is removed in the end leaves no note", () =>
  inDirectory((root) => {
    makeClosed(root);
    withStore(root, (store) => {
      const { id, deleted } = prune(store);
      assert.equal(deleted.length, 6);
      assert.deepEqual([notesIn(root), listTree(join(root, "d"))], [[], []]);
      store.finish(id);
    });
  }));

Deno.test("what is removed while no note can be written is removed all the same", () =>
  inDirectory((root) => {
    makeClosed(root);
    const append: Disk["append"] = (path, bytes) => {
      if (/opened-/.test(path)) throw Object.assign(new Error("full"), { code: "ENOSPC" });
      DISK.append(path, bytes);
    };
    withStore(root, (store) => assert.equal(prune(store).deleted.length, 6), {
      disk: { ...DISK, append },
    });
  }));

Deno.test("what a transfer that is put aside was emptying is closed at once", () =>
  inDirectory((root) => {
    makeTree(root, ["d/closed/in/f"]);
    for (let i = 0; i < 3000; i++) fs.writeFileSync(join(root, "d/closed", `x${i}`), "");
    fs.chmodSync(join(root, "d/closed"), 0o500);
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      store.register(id, 0, [directoryEntry("d")], [0]);
      store.placeDirectories(id);
      assert.equal(store.prune(id, []).more, true);
      assert.equal(modeOf(root, "d/closed"), 0o700);
      store.abandon(id);
      assert.deepEqual([modeOf(root, "d/closed"), notesIn(root)], [0o500, []]);
    });
  }));

Deno.test("closeLeftOpen() believes no more of a note than that its owner may do less", () =>
  inDirectory((root) => {
    makeTree(root, [".sftpx/", "out/", "d/1/", "d/2/", "d/3/", "d/4/", "d/l->../out", "d/f"]);
    const state = join(root, ".sftpx");
    const notes = join(state, `opened-${"0".repeat(16)}`);
    const statOf = (path: string) => lookAt(join(root, path))!;
    const noted = (path: string, mode: number) => {
      const { dev, ino } = statOf(path);
      return JSON.stringify([path, mode, `${dev}`, `${ino}`]);
    };
    for (const path of ["out", "d/1", "d/2", "d/3", "d/4", "d/f"]) {
      fs.chmodSync(join(root, path), 0o755);
    }
    const lines = [
      "torn [",
      JSON.stringify(["../x", 0, "1", "1"]),
      JSON.stringify(["d/1", 0o055, "1", "one"]),
      JSON.stringify(["d/1", 0o055, "1", `${statOf("d/1").ino}`]),
      noted("d/l", 0o055),
      noted("d/f", 0o055),
    ];
    // Each alone: of several side by side no more than the last can be open.
    const closing = (line: string) => {
      fs.writeFileSync(notes, `${line}\n`);
      closeLeftOpen(state, { root, disk: DISK });
      assert.equal(fs.existsSync(notes), false);
    };
    lines.forEach(closing);
    closing(noted("d/2", 0o655 & ~0o200)); // It was opened up to 0o755 from it.
    closing(noted("d/3", 0o4055)); // It would have been opened up to 0o4755: somebody changed it since.
    fs.renameSync(join(root, "d/4"), join(root, "d/moved"));
    fs.mkdirSync(join(root, "d/4"), { mode: 0o755 });
    closing(noted("d/moved", 0o055).replace("d/moved", "d/4"));
    const modes = ["out", "d/1", "d/2", "d/3", "d/4", "d/moved", "d/f"].map((p) => modeOf(root, p));
    assert.deepEqual(modes, [0o755, 0o755, 0o455, 0o755, 0o755, 0o755, 0o755]);
    fs.mkdirSync(`${notes.slice(0, -1)}1`);
    fs.writeFileSync(join(state, "opened-more"), noted("d/1", 0o055));
    closeLeftOpen(state, { root, disk: DISK });
    assert.equal(modeOf(root, "d/1"), 0o755);
    assert.equal(fs.readdirSync(state).length, 2);
  }));

Deno.test("closeLeftOpen() closes what lies above the last one noted, the deepest first", () =>
  inDirectory((root) => {
    makeTree(root, [".sftpx/", "d/1/2/", "d/in/last/"]);
    const state = join(root, ".sftpx");
    const opened = new OpenedUp(state, DISK);
    for (const final of ["d", "d/1", "d/1/2", "d/in", "d/in/last"]) {
      fs.chmodSync(join(root, final), 0o055);
      opened.note({ final, stat: lookAt(join(root, final))! });
      fs.chmodSync(join(root, final), 0o755);
    }
    const closed: string[] = [];
    const setMode: Disk["setMode"] = (path, mode) => closed.push(`${path} ${mode.toString(8)}`);
    closeLeftOpen(state, { root, disk: { ...DISK, setMode } });
    assert.deepEqual(closed, ["d/in/last", "d/in", "d"].map((final) => `${root}/${final} 55`));
  }));

Deno.test("a note that a full disk cut off hides none of those after it", () =>
  inDirectory((root) => {
    makeTree(root, [".sftpx/", "d/in/"]);
    const state = join(root, ".sftpx");
    let isFull = true;
    const append: Disk["append"] = (path, bytes) => {
      if (!isFull) return DISK.append(path, bytes);
      isFull = false;
      DISK.append(path, bytes.subarray(0, bytes.byteLength / 2));
      throw Object.assign(new Error("full"), { code: "ENOSPC" });
    };
    const opened = new OpenedUp(state, { ...DISK, append });
    for (const final of ["d", "d/in"]) {
      fs.chmodSync(join(root, final), 0o555);
      opened.note({ final, stat: lookAt(join(root, final))! });
      fs.chmodSync(join(root, final), 0o755);
    }
    closeLeftOpen(state, { root, disk: DISK });
    assert.deepEqual([modeOf(root, "d"), modeOf(root, "d/in")], [0o755, 0o555]);
    fs.chmodSync(join(root, "d/in"), 0o755);
  }));

Deno.test("OpenedUp makes no file before the first note, and each has one of its own", () =>
  inDirectory((root) => {
    makeTree(root, [".sftpx/", "d/"]);
    const state = join(root, ".sftpx");
    const [one, other] = [new OpenedUp(state, DISK), new OpenedUp(state, DISK)];
    one.discard();
    const stat = lookAt(join(root, "d"))!;
    for (const opened of [one, other]) opened.note({ final: "d", stat });
    assert.equal(notesIn(root).length, 2);
    one.discard();
    assert.equal(notesIn(root).length, 1);
  }));
