import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { openDatabase } from "../runtime/database.ts";
import {
  digest,
  directoryEntry,
  fileEntry,
  fillPart,
  inDirectory,
  linkEntry,
  receive,
  transferOf,
  withStore,
} from "./_fixture.ts";
import { DISK, type Disk } from "./disk.ts";

/** A disk on which one call fails at some paths, once `fails` is set; what it throws names the path. */
class Failing {
  fails = false;
  readonly #code: string;

  constructor(code: string) {
    this.#code = code;
  }

  /** The disk with one call that may fail. */
  disk(call: "makeDirectory" | "look" | "list", pattern: RegExp): Disk {
    const fail = (path: string) => {
      if (!this.fails || !pattern.test(path)) return;
      throw Object.assign(new Error(`${this.#code}: it failed, '${path}'`), { code: this.#code });
    };
    return {
      ...DISK,
      [call]: (path: string, options: never) => {
        fail(path);
        return DISK[call](path, options);
      },
    };
  }
}

const PARTS = /\/\.sftpx\/parts\//;

Deno.test("a file whose part cannot be made fails with what the disk said, and no path of this machine", () =>
  inDirectory((root) => {
    const full = new Failing("ENOSPC");
    const disk = full.disk("makeDirectory", PARTS);
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      full.fails = true;
      const message = 'Cannot place "d/f": the disk is full';
      const [placement] = store.register(id, 0, [fileEntry("d/f", 5)], [0]);
      assert.deepEqual(placement, { kind: "failed", code: "no_space", message });
    }, { disk });
  }));

Deno.test("a dry run tells a failure of the disk as the real one does", () =>
  inDirectory((root) => {
    const broken = new Failing("EIO");
    const disk = broken.disk("look", PARTS);
    withStore(root, (store) => {
      const first = store.begin(transferOf());
      const entries = [fileEntry("d/f", 5)];
      const [part] = store.register(first.id, 0, entries, [0]);
      fillPart(part, "hello");
      const run = { entry: 0, first: 0, digests: digest(1), synced: false };
      store.journal(first.id, [run]);
      store.abandon(first.id);
      const dry = store.begin(transferOf({ dryRun: true }));
      broken.fails = true;
      const message = 'Cannot place "d/f": the disk failed to read or write it';
      assert.deepEqual(store.plan(dry.id, 0, entries, [0]), [{
        action: "fail",
        code: "io",
        message,
      }]);
      store.abandon(dry.id);
      const { id } = store.begin(transferOf());
      const [placement] = store.register(id, 0, entries, [0]);
      assert.deepEqual(placement, { kind: "failed", code: "io", message });
      broken.fails = false;
    }, { disk });
  }));

Deno.test("a link that there is no place to make fails with what the disk said", () =>
  inDirectory((root) => {
    const full = new Failing("ENOSPC");
    const disk = full.disk("makeDirectory", PARTS);
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      store.register(id, 0, [directoryEntry("d"), linkEntry("d/l", "f")], [0, 0]);
      store.placeDirectories(id);
      full.fails = true;
      const message = "Cannot place it: the disk is full";
      const { failures } = store.finish(id);
      assert.deepEqual(failures, [{ entry: 1, code: "no_space", message }]);
    }, { disk });
  }));

Deno.test("removing what is extraneous fails without where it was on this machine", () =>
  inDirectory((root) => {
    const closed = new Failing("EACCES");
    const disk = closed.disk("list", /\/d$/);
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      store.register(id, 0, [directoryEntry("d")], [0]);
      store.placeDirectories(id);
      closed.fails = true;
      const message = "Cannot remove what is extraneous: permission denied";
      assert.throws(() => store.prune(id, []), { code: "permission", message });
    }, { disk });
  }));

/** Ruins what a state that is open remembers, so that its next question meets it. */
function ruin(root: string): void {
  const path = join(root, ".sftpx/state.db");
  const database = openDatabase(path);
  // Who has it open reads it anew.
  database.exec("INSERT INTO claims VALUES ('x', x'00', x'00')");
  database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  database.close();
  fs.writeFileSync(path, fs.readFileSync(path).fill(0xff, 4096));
}

const DAMAGED = { code: "io", message: /the state is damaged; run it again$/ };

Deno.test("damage that a dry run meets is told once, not of each file, and the next transfer mends it", () =>
  inDirectory((root) =>
    withStore(root, (store) => {
      const entries = [fileEntry("d/f", 1)];
      const contents = { "d/f": "x" };
      receive(store, transferOf(), { entries, contents });
      const { id } = store.begin(transferOf({ dryRun: true }));
      ruin(root);
      assert.throws(() => store.plan(id, 0, entries, [0]), DAMAGED);
      store.abandon(id);
      const { placements, failures } = receive(store, transferOf(), { entries, contents });
      assert.deepEqual([placements[0]?.kind, failures], ["stands", []]);
    })
  ));

Deno.test("damage that removing meets is remembered: the next transfer mends it", () =>
  inDirectory((root) =>
    withStore(root, (store) => {
      const entries = [directoryEntry("d"), fileEntry("d/f", 1)];
      receive(store, transferOf(), { entries, contents: { "d/f": "x" } });
      const { id } = store.begin(transferOf());
      store.register(id, 0, [directoryEntry("d")], [0]);
      store.placeDirectories(id);
      ruin(root);
      assert.throws(() => store.prune(id, []), DAMAGED);
      assert.equal(fs.existsSync(join(root, "d/f")), true, "nothing went that nobody knows of");
      store.abandon(id);
      receive(store, transferOf(), { entries, contents: { "d/f": "x" } });
    })
  ));
