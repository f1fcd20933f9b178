import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { SftpxError } from "../base/errors.ts";
import {
  directoryEntry,
  fileEntry,
  inDirectory,
  makeTree,
  receive,
  transferOf,
  withStore,
} from "./_fixture.ts";
import { BeneathDisk } from "./beneath_disk.ts";
import { DISK, type Disk } from "./disk.ts";
import { RootState, type RootStateOptions } from "./root_state.ts";
import { StateDirectory } from "./state_directory.ts";
import { allOf, type Steps } from "./steps.ts";

/** As SQLite throws it. */
const DAMAGE = Object.assign(new Error("database disk image is malformed"), {
  code: "ERR_SQLITE_ERROR",
  errcode: 11,
});

function withState(
  root: string,
  body: (state: RootState) => void,
  options: Partial<RootStateOptions> = {},
): void {
  const state = new RootState({ root, ...options });
  try {
    body(state);
  } finally {
    state.close({ keep: false });
  }
}

function failing(thrown: unknown): () => never {
  return () => {
    throw thrown;
  };
}

function* failingInSteps(thrown: unknown): Steps<void> {
  yield;
  throw thrown;
}

function isMarked(root: string): boolean {
  return fs.existsSync(join(root, ".sftpx/damaged"));
}

Deno.test("RootState begins a damaged state anew once nothing runs on it", () =>
  inDirectory((root) => {
    withState(root, (state) => {
      const first = state.writable();
      const message = "Cannot count: the state is damaged; run it again";
      assert.throws(() => state.attempt("count", failing(DAMAGE)), { code: "io", message });
      assert.equal(isMarked(root), true, "whoever is alone with it first drops it");
      assert.equal(state.sound({ isIdle: false }), first);
      const second = state.sound({ isIdle: true });
      assert.notEqual(second, first);
      assert.equal(isMarked(root), false);
      assert.equal(state.sound({ isIdle: true }), second, "once");
    });
    assert.deepEqual(fs.readdirSync(root), []);
  }));

Deno.test("RootState notices damage met in steps, and behind an error of its own", () =>
  inDirectory((root) =>
    withState(root, (state) => {
      const first = state.writable();
      const own = new SftpxError("io", "Cannot count: as it says itself", { cause: DAMAGE });
      const counting = () => allOf(state.attempting("count", failingInSteps(own)));
      assert.throws(counting, (thrown) => thrown === own);
      assert.notEqual(state.sound({ isIdle: true }), first);
    })
  ));

Deno.test("RootState takes no other failure for damage, and answers what was done", () =>
  inDirectory((root) =>
    withState(root, (state) => {
      const first = state.writable();
      const full = Object.assign(new Error(`ENOSPC, mkdir '${root}'`), { code: "ENOSPC" });
      const message = "Cannot count: the disk is full";
      assert.throws(() => state.attempt("count", failing(full)), { code: "no_space", message });
      assert.throws(
        () => allOf(state.attempting("count", failingInSteps(full))),
        { code: "no_space", message },
      );
      assert.equal(state.attempt("count", () => 7), 7);
      assert.equal(isMarked(root), false);
      assert.equal(state.sound({ isIdle: true }), first);
    })
  ));

Deno.test("RootState passes a programmer's mistake on as it is, and takes nothing else for one", () =>
  inDirectory((root) =>
    withState(root, (state) => {
      for (const mistake of [new TypeError("not yet"), new RangeError("it is not open")]) {
        assert.throws(
          () => state.attempt("count", failing(mistake)),
          (thrown) => thrown === mistake,
        );
      }
      const value = Object.assign(new TypeError(root), { code: "ERR_INVALID_ARG_VALUE" });
      assert.throws(() => state.attempt("count", failing(value)), { code: "bad_name" });
    })
  ));

Deno.test("RootState that is only looked at is not written to, damaged or not", () =>
  inDirectory((root) =>
    withState(root, (state) => {
      assert.throws(() => state.attempt("count", failing(DAMAGE)), { code: "io" });
      assert.equal(state.opened().root, root);
      const message = "Cannot receive: the store is read-only";
      assert.throws(() => state.writable(), { name: "TypeError", message });
      assert.deepEqual(fs.readdirSync(root), []);
    }, { readOnly: true })
  ));

Deno.test("RootState names its root when it is made, and to no peer later", () =>
  inDirectory((root) => {
    const refused = Object.assign(new Error("no more files"), { code: "EMFILE" });
    let isFailing = true;
    const disk: Disk = {
      ...DISK,
      probe: (path) => isFailing ? failing(refused)() : DISK.probe(path),
    };
    assert.throws(() => new RootState({ root, disk }), (thrown) => String(thrown).includes(root));
    isFailing = false;
    withState(root, (state) => {
      assert.throws(() => state.attempt("count", failing(DAMAGE)));
      isFailing = true;
      const message = "Cannot use the store: the damaged state could not be begun anew";
      assert.throws(() => state.sound({ isIdle: true }), { code: "io", message });
      assert.throws(() => state.opened(), { code: "io", message });
      isFailing = false;
      assert.equal(state.writable().root, root);
    }, { disk });
  }));

Deno.test("RootState says that its root is gone, without its path, and only where it is", () =>
  inDirectory((above) => {
    const root = join(above, "served");
    fs.mkdirSync(root);
    const state = new RootState({ root });
    const missing = Object.assign(new Error(`ENOENT, open '${root}'`), { code: "ENOENT" });
    const begin = () => state.attempt("begin the transfer", failing(missing));
    assert.throws(begin, { message: "Cannot begin the transfer: it does not exist" });
    fs.rmSync(root, { recursive: true });
    const message = "Cannot begin the transfer: the receiving directory does not exist any more";
    assert.throws(begin, { code: "io", message });
    state.close({ keep: true });
  }));

/** Runs `body` with the state of a root `served`, which others may remove meanwhile. */
function withServed(body: (state: RootState, served: string) => void): Promise<void> {
  return inDirectory((above) => {
    const root = join(above, "served");
    const state = new RootState({ root });
    try {
      body(state, root);
    } finally {
      state.close({ keep: true });
    }
  });
}

Deno.test("RootState takes up a root that was removed and made again, once nothing runs on it", () =>
  withServed((state, root) => {
    const first = state.writable();
    assert.equal(state.sound({ isIdle: true }), first);
    fs.rmSync(root, { recursive: true });
    const begin = () => state.attempt("begin", () => state.sound({ isIdle: true }));
    const message = "Cannot begin: the receiving directory does not exist any more";
    assert.throws(begin, { code: "io", message });
    assert.equal(fs.existsSync(root), false, "a server makes none: its disk may be gone");
    fs.mkdirSync(root);
    assert.throws(() => state.sound({ isIdle: false }), {
      code: "busy",
      message: "Cannot use the store: others still use the directory that was here before",
    });
    assert.equal(state.opened(), first);
    const second = begin();
    assert.notEqual(second, first);
    assert.deepEqual([second.root, fs.existsSync(join(root, ".sftpx/state.db"))], [root, true]);
    assert.equal(begin(), second, "once");
  }));

Deno.test("RootState takes up no root in the place of one that was moved, and says so", () =>
  withServed((state, root) => {
    const first = state.writable();
    fs.renameSync(root, `${root}-before`);
    fs.mkdirSync(root);
    assert.equal(state.sound({ isIdle: true }), first);
    assert.deepEqual(fs.readdirSync(root), []);
    if (!(first.disk instanceof BeneathDisk)) return;
    const missing = Object.assign(new Error(`ENOENT, open '${root}'`), { code: "ENOENT" });
    assert.throws(() => state.attempt("begin", failing(missing)), {
      code: "io",
      message: "Cannot begin: another directory stands in the place of the receiving one",
    });
  }));

Deno.test("RootState says nothing of this machine where it cannot look at what came in a root's place", () =>
  inDirectory((above) => {
    const root = join(above, "in/served");
    makeTree(above, ["in/served/"]);
    const state = new RootState({ root });
    const missing = Object.assign(new Error(`ENOENT, open '${root}'`), { code: "ENOENT" });
    const begin = () => state.attempt("begin", failing(missing));
    fs.renameSync(join(above, "in"), join(above, "moved"));
    fs.symlinkSync("in", join(above, "in"));
    assert.throws(begin, { code: "io", message: "Cannot begin: it does not exist" });
    fs.unlinkSync(join(above, "in"));
    fs.renameSync(join(above, "moved"), join(above, "in"));
    state.close({ keep: false });
  }));

Deno.test("RootState takes up no link in the place of a root, until a directory stands there", () =>
  withServed((state, root) => {
    const first = state.writable();
    const other = `${root}-other`;
    fs.mkdirSync(other);
    fs.rmSync(root, { recursive: true });
    fs.symlinkSync(other, root);
    const message = "Cannot use the store: " +
      "the directory that came in the place of the receiving one is another's or cannot be opened";
    for (const again of [1, 2]) {
      assert.throws(() => state.sound({ isIdle: true }), { code: "conflict", message }, `${again}`);
      assert.throws(() => state.takeUp({ isIdle: true }) ?? state.opened(), { message });
    }
    assert.deepEqual(fs.readdirSync(other), []);
    fs.unlinkSync(root);
    assert.throws(() => state.sound({ isIdle: true }), { code: "io" });
    assert.equal(fs.existsSync(root), false);
    fs.mkdirSync(root);
    assert.notEqual(state.sound({ isIdle: true }), first);
  }));

Deno.test("a root of another owner than it was of is not opened again", () =>
  inDirectory((root) => {
    const owner = fs.statSync(root, { bigint: true }).uid;
    const known = { path: root, owner: owner + 1n };
    assert.throws(() => StateDirectory.open(root, { known }), { code: "conflict" });
    assert.deepEqual(fs.readdirSync(root), []);
    StateDirectory.open(root, { known: { ...known, owner } }).close({ keep: false });
  }));

Deno.test("a store goes on in a root that was made again, as if it was opened there", () =>
  inDirectory((above) => {
    const root = join(above, "served");
    const entries = [directoryEntry("d"), fileEntry("d/f", 5)];
    const makeAgain = () => {
      fs.rmSync(root, { recursive: true });
      fs.mkdirSync(root);
    };
    withStore(root, (store) => {
      receive(store, transferOf(), { entries, contents: { "d/f": "first" } });
      makeAgain();
      store.abandon(store.begin(transferOf({ dryRun: true })).id);
      receive(store, transferOf(), { entries, contents: { "d/f": "other" } });
      assert.equal(fs.readFileSync(join(root, "d/f"), "utf8"), "other");
      const { id } = store.begin(transferOf());
      makeAgain();
      const another = transferOf({ key: new Uint8Array(32).fill(2), destination: "x" });
      const dry = transferOf({ dryRun: true });
      for (const transfer of [another, dry]) {
        assert.throws(() => store.begin(transfer), { code: "busy" });
      }
      store.abandon(id);
      const [placement] = store.register(store.begin(another).id, 0, entries.slice(0, 1), [0]);
      assert.equal(placement?.kind, "later");
    }, { keep: true });
    assert.equal(fs.existsSync(join(root, ".sftpx/state.db")), true);
  }));
