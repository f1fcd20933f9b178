import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import type { Entry } from "../wire/messages.ts";
import {
  directoryEntry,
  fileEntry,
  fileSource,
  fillPart,
  inDirectory,
  linkEntry,
  makeTree,
  MTIME_NS,
  receive,
  transferOf,
  wholeFile,
  withStore,
} from "./_fixture.ts";
import type { DiskStore } from "./disk_store.ts";

const LATER_NS = MTIME_NS + 60_000_000_000n;
const ENTRIES = [
  directoryEntry("d"),
  fileEntry("d/empty", 0),
  fileEntry("d/f", 1),
  linkEntry("d/l", "f"),
  directoryEntry("d/sub"),
];
const CONTENTS = { "d/f": "x" };

/** Receives a tree with some entries put otherwise; answers which paths changed. */
function changedBy(store: DiskStore, others: readonly Entry[] = [], more = {}): string[] {
  const entries = ENTRIES.map((entry) => others.find(({ path }) => path === entry.path) ?? entry);
  const { changed, failures } = receive(store, transferOf(more), { entries, contents: CONTENTS });
  assert.deepEqual(failures, []);
  return changed.map((entry) => entries[entry]?.path ?? "");
}

const everything = ENTRIES.map((entry) => entry.path);

Deno.test("everything made is changed, and a second time nothing is", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      assert.deepEqual(changedBy(store), everything);
      assert.deepEqual(changedBy(store), []);
    });
    withStore(root, (store) => {
      fs.writeFileSync(join(root, "d/f"), "y");
      assert.deepEqual(
        changedBy(store),
        ["d/f"],
        "d's own time is put back and counts for nothing",
      );
    });
  }));

Deno.test("another mode or time is a change of its own entry only", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      changedBy(store);
      const otherwise: readonly (readonly [Entry, Entry])[] = [
        [fileEntry("d/f", 1, { mode: 0o755 }), fileEntry("d/f", 1)],
        [fileEntry("d/empty", 0, { mode: 0o600 }), fileEntry("d/empty", 0)],
        [directoryEntry("d/sub", { mode: 0o700 }), directoryEntry("d/sub")],
        [directoryEntry("d", { mtimeNs: LATER_NS }), directoryEntry("d")],
        [{ ...linkEntry("d/l", "f"), mtimeNs: LATER_NS }, linkEntry("d/l", "f")],
        [linkEntry("d/l", "elsewhere"), linkEntry("d/l", "f")],
      ];
      for (const [other, as] of otherwise) {
        assert.deepEqual(changedBy(store, [other]), [other.path]);
        assert.deepEqual(changedBy(store, [other]), []);
        assert.deepEqual(changedBy(store, [as]), [as.path]);
      }
    });
  }));

Deno.test("an unchanged file gets its mode and is named once, committed before or not", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      changedBy(store);
      const { id } = store.begin(transferOf());
      const entries = [directoryEntry("d"), fileEntry("d/f", 1, { mode: 0o700 })];
      const placements = store.register(id, 0, entries, [0, 0]);
      assert.equal(placements[1]?.kind, "unchanged");
      store.placeDirectories(id);
      const outcome = store.finish(id);
      assert.deepEqual([outcome.committed, outcome.changed], [[0], [1]]);
    });
    assert.equal(fs.statSync(join(root, "d/f")).mode & 0o777, 0o700);
  }));

Deno.test("a kept file is changed only when its mode or time was another", () =>
  inDirectory((root) => {
    makeTree(root, ["f"]);
    const keep = (entry: Entry) =>
      withStore(root, (store) => {
        const { id } = store.begin(transferOf({ sources: [fileSource("f")], checksum: true }));
        assert.equal(store.register(id, 0, [entry], [0])[0]?.kind, "stands");
        store.placeDirectories(id);
        const { committed, changed } = store.commit(id, [wholeFile(0, { keep: true })]);
        store.finish(id);
        assert.deepEqual(committed, [0]);
        return changed;
      });
    assert.deepEqual(keep(fileEntry("f", 1)), [0], "its time was that of its making");
    assert.deepEqual(keep(fileEntry("f", 1)), []);
    assert.deepEqual(keep(fileEntry("f", 1, { mode: 0o600 })), [0]);
    assert.deepEqual(keep(fileEntry("f", 1, { mode: 0o600 })), []);
    assert.deepEqual(keep(fileEntry("f", 1, { mode: 0o600, mtimeNs: LATER_NS })), [0]);
  }));

Deno.test("an empty file without a record is left alone when it is as it was sent", () =>
  inDirectory((root) => {
    const entries = [fileEntry("d/e", 0)];
    withStore(root, (store) => receive(store, transferOf(), { entries }));
    assert.deepEqual(fs.readdirSync(root), ["d"], "no record is left");
    const inode = fs.statSync(join(root, "d/e")).ino;
    withStore(root, (store) => {
      const { changed, committed, placements } = receive(store, transferOf(), { entries });
      assert.deepEqual([placements[0]?.kind, committed, changed], ["new", [0], []]);
      assert.equal(fs.statSync(join(root, "d/e")).ino, inode);
      const others = [fileEntry("d/e", 0, { mode: 0o600 })];
      assert.deepEqual(
        receive(store, transferOf({ checksum: true }), { entries: others }).changed,
        [
          0,
        ],
      );
    });
    assert.equal(fs.statSync(join(root, "d/e")).mode & 0o777, 0o600);
  }));

Deno.test("write-once changes nothing of what stands", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      changedBy(store);
      const others = [
        directoryEntry("d", { mode: 0o700, mtimeNs: LATER_NS }),
        fileEntry("d/f", 1, { mode: 0o700 }),
        { ...linkEntry("d/l", "f"), mtimeNs: LATER_NS },
      ];
      assert.deepEqual(changedBy(store, others, { writeOnce: true }), []);
    });
  }));

Deno.test("a peer that may not read is told that all it sent was a change", () =>
  inDirectory((root) => {
    const transfer = transferOf({ mayRead: false });
    withStore(root, (store) => {
      changedBy(store);
      const { id } = store.begin(transfer);
      const placements = store.register(id, 0, ENTRIES, ENTRIES.map(() => 0));
      fillPart(placements[2], "x");
      store.placeDirectories(id);
      assert.deepEqual(store.commit(id, [wholeFile(1), wholeFile(2)]).changed, [1, 2]);
      assert.deepEqual([...store.finish(id).changed].sort(), [0, 3, 4]);
    });
  }));

Deno.test("begin() tells whether the destination is made, to who may not read always", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const makesBase = (more: object) => {
        const { id, makesBase } = store.begin(transferOf(more));
        store.abandon(id);
        return makesBase;
      };
      const into = { destination: "base/deep", intoDirectory: true };
      assert.equal(makesBase({ destination: "" }), false);
      assert.equal(makesBase(into), true);
      fs.mkdirSync(join(root, "base/deep"), { recursive: true });
      assert.equal(makesBase(into), false);
      assert.equal(makesBase({ ...into, mayRead: false }), true);
    });
  }));
