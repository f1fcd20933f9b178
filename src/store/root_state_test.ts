import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { inDirectory } from "./_fixture.ts";
import { DISK, type Disk } from "./disk.ts";
import { RootState, type RootStateOptions } from "./root_state.ts";
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
