import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import type { Database } from "../runtime/database.ts";
import type { Entry } from "../wire/messages.ts";
import { only } from "./_conformance.ts";
import {
  CHUNK_BYTES,
  digest,
  directoryEntry,
  directorySource,
  fileEntry,
  fillPart,
  inDirectory,
  linkEntry,
  listTree,
  makeTree,
  MTIME_NS,
  NAMES,
  PEER,
  pruneAll,
  SENDER_NOW_NS,
  stampFor,
  transferOf,
  wholeFile,
  withStore,
} from "./_fixture.ts";
import { DISK } from "./disk.ts";
import type { DiskStore } from "./disk_store.ts";
import { Journal } from "./journal.ts";
import { Quotas } from "./quota.ts";
import { type ReceiveContext, Receiving } from "./receive.ts";
import { Room } from "./room.ts";
import { openState } from "./schema.ts";
import { allOf } from "./steps.ts";
import type { JournalRun, ReceiveTransfer } from "./store.ts";

/** A directory `d` with files of two chunks. */
const ENTRIES: readonly Entry[] = [
  directoryEntry("d"),
  ...["d/a", "d/b", "d/c", "d/e"].map((path) => fileEntry(path, 2 * CHUNK_BYTES)),
];

/** Begins, registers and writes every part; nothing is journalled. */
function attempt(
  store: DiskStore,
  entries: readonly Entry[] = ENTRIES,
  transfer: ReceiveTransfer = transferOf(),
) {
  const begun = store.begin(transfer);
  const placements = store.register(begun.id, 0, entries, entries.map(() => 0));
  placements.forEach((placement, i) => {
    const { sizeBytes } = entries[i] ?? { sizeBytes: 0 };
    if (placement.kind === "new") fillPart(placement, new Uint8Array(sizeBytes));
  });
  return { ...begun, placements };
}

function chunks(entry: number, first: number, count = 1): JournalRun {
  return { entry, first, digests: new Uint8Array(32 * count).fill(entry), synced: false };
}

/** Where the next attempt is told to begin. */
function nextFrom(store: DiskStore, more: Partial<ReceiveTransfer> = {}): string | null {
  const { id, from } = store.begin(transferOf(more));
  store.abandon(id);
  return from;
}

Deno.test("begin() names the first file that was not wholly journalled", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id, from } = attempt(store);
      assert.equal(from, null, "a fresh transfer begins anywhere");
      store.journal(id, [chunks(1, 0, 2), chunks(2, 1), chunks(3, 0, 2)]);
      store.abandon(id);
      assert.equal(nextFrom(store), "d/b");
      assert.equal(nextFrom(store, { key: digest(2) }), null, "of another key nothing is known");
      assert.equal(nextFrom(store, { dryRun: true }), null);
    });
  }));

Deno.test("begin() names the last file registered when all were journalled", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = attempt(store, ENTRIES.slice(0, 3));
      store.journal(id, [chunks(2, 0, 2)]);
      store.journal(id, [chunks(1, 0), chunks(1, 1)]);
      store.abandon(id);
      assert.equal(nextFrom(store), "d/b");
    });
  }));

Deno.test("chunks held from before count as journalled, those of a changed source too", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const first = attempt(store);
      store.journal(first.id, [chunks(1, 0, 2), chunks(2, 0)]);
      store.abandon(first.id);
      const second = attempt(store);
      assert.deepEqual(second.placements.map(({ kind }) => kind), [
        "later",
        "held",
        "held",
        "new",
        "new",
      ]);
      store.journal(second.id, [chunks(2, 1)]);
      store.abandon(second.id);
      assert.equal(nextFrom(store), "d/c");
      const changed = ENTRIES.map((entry, i) =>
        i === 1 ? { ...entry, stamp: stampFor(entry.sizeBytes, 8n) } : entry
      );
      const third = attempt(store, changed);
      store.journal(third.id, [chunks(3, 0, 2)]);
      store.abandon(third.id);
      assert.equal(nextFrom(store), "d/e");
    });
  }));

Deno.test("a journal entry that fails leaves the beginning where it was", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = attempt(store);
      store.journal(id, [chunks(1, 0)]);
      // SQLite takes no such number: the transaction fails in its middle.
      const bad = { ...chunks(1, 0), first: NaN };
      assert.throws(() => store.journal(id, [chunks(1, 1), chunks(2, 0, 2), bad]));
      store.journal(id, [chunks(3, 0, 2)]);
      store.abandon(id);
      assert.equal(nextFrom(store), "d/a");
      const { placements } = attempt(store);
      assert.deepEqual(placements.map(({ kind }) => kind), ["later", "held", "new", "held", "new"]);
    });
  }));

Deno.test("what was forgotten is begun with again", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = attempt(store);
      store.journal(id, [chunks(1, 0, 2), chunks(2, 0, 2)]);
      store.forget(id, [{ entry: 1, ranges: [[1, 1]] }]);
      store.journal(id, [chunks(3, 0, 2)]);
      store.abandon(id);
      assert.equal(nextFrom(store), "d/a");
    });
  }));

Deno.test("entries that failed are not what a resume begins with", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = attempt(store);
      // Of the last one the store hears before it is registered.
      store.journal(id, [chunks(3, 0, 2)], [1, 2, 5]);
      store.register(id, 5, [fileEntry("d/f", CHUNK_BYTES)], [0]);
      store.journal(id, [chunks(4, 0, 2)]);
      store.abandon(id);
      assert.equal(nextFrom(store), "d/f", "everything else is journalled");
    });
  }));

Deno.test("what is only compared is not what a resume begins with, until it is written to", () =>
  inDirectory((root) => {
    fs.mkdirSync(join(root, "d"));
    for (const name of ["a", "b"]) {
      fs.writeFileSync(join(root, "d", name), new Uint8Array(2 * CHUNK_BYTES));
    }
    withStore(root, (store) => {
      const { id, placements } = attempt(store);
      const kinds = placements.map(({ kind }) => kind);
      assert.deepEqual(kinds, ["later", "stands", "stands", "new", "new"]);
      store.journal(id, [chunks(3, 0)]);
      store.abandon(id);
      assert.equal(nextFrom(store), "d/c");
      const again = attempt(store);
      const [, , standing] = again.placements;
      fillPart(standing, new Uint8Array(2 * CHUNK_BYTES));
      store.journal(again.id, [chunks(2, 1), chunks(3, 1)]);
      store.abandon(again.id);
      assert.equal(nextFrom(store), "d/b");
      const last = attempt(store);
      store.journal(last.id, [chunks(2, 0)]);
      store.abandon(last.id);
      assert.equal(nextFrom(store), "d/e");
    });
  }));

Deno.test("files in place are not what a resume begins with, though nothing was journalled", () =>
  inDirectory((root) => {
    const entries = ENTRIES.map((entry) =>
      entry.kind === "file" ? { ...entry, sizeBytes: 5, stamp: stampFor(5) } : entry
    );
    makeTree(root, ["d/c/stands-here"]);
    withStore(root, (store) => {
      const { id } = attempt(store, entries);
      store.placeDirectories(id);
      const { committed, failures } = store.commit(id, [1, 2, 3].map((i) => wholeFile(i)));
      assert.deepEqual([committed, failures.length], [[1, 2], 1]);
      store.abandon(id);
      assert.equal(nextFrom(store), "d/e");
      const other = attempt(store, entries, transferOf({ chunkBytes: 2 * CHUNK_BYTES }));
      assert.equal(other.chunkBytes, CHUNK_BYTES, "records of another chunk size say nothing");
      const kinds = other.placements.map(({ kind }) => kind);
      assert.deepEqual(kinds, ["later", "unchanged", "unchanged", "failed", "new"]);
      store.placeDirectories(other.id);
      // The engine says in a commit what failed meanwhile.
      store.commit(other.id, [], [4]);
      store.abandon(other.id);
    });
    withStore(root, (store) => {
      const { id } = attempt(store, entries);
      store.placeDirectories(id);
      store.commit(id, [wholeFile(4)]);
      store.finish(id);
    });
    assert.deepEqual(fs.readdirSync(root), ["d"], "finished, and nothing is left to resume");
  }));

Deno.test("after finish a resume begins with the first failed entry that has a part", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = attempt(store);
      store.journal(id, [chunks(1, 0, 2), chunks(2, 0), chunks(3, 0), chunks(4, 0, 2)]);
      store.placeDirectories(id);
      store.commit(id, [wholeFile(1), wholeFile(4)], [2, 3]);
      store.finish(id, [2, 3]);
      assert.equal(nextFrom(store), "d/b");
      const { placements } = attempt(store);
      const kinds = placements.map(({ kind }) => kind);
      assert.deepEqual(kinds, ["later", "unchanged", "held", "held", "unchanged"]);
    });
  }));

Deno.test("begin() tells no beginning that cannot be a path, nor one of what is gone", () =>
  inDirectory((root) => {
    const planted = (frontier: string) => {
      const journal = new Journal(openState(join(root, ".sftpx/state.db")));
      const { key, destination, chunkBytes, peer, given } = transferOf();
      const times = { startedNs: 1n, touchedNs: BigInt(Date.now()) * 1_000_000n };
      journal.transfers.add({ key, destination, chunkBytes, peer, given, frontier, ...times });
      journal.close();
    };
    withStore(root, (store) => {
      const { id } = attempt(store);
      store.journal(id, [chunks(1, 0)]);
      store.abandon(id);
      for (const frontier of ["../x", "/x", "", "d/.sftpx", "d\u202e", "d/".repeat(5000)]) {
        planted(frontier);
        assert.equal(nextFrom(store), null, frontier);
      }
      planted("d/any");
      assert.equal(nextFrom(store), "d/any");
      assert.equal(nextFrom(store, { sources: [directorySource("fresh")] }), null);
    });
  }));

Deno.test("a manifest that begins where it was told to is received whole", () =>
  inDirectory((root) => {
    const file = (path: string) => fileEntry(path, 2 * CHUNK_BYTES);
    const plain = [
      directoryEntry("d", { mode: 0o750 }),
      directoryEntry("d/b", { mode: 0o750 }),
      file("d/b/x"),
      directoryEntry("d/b/y", { mode: 0o750 }),
      linkEntry("d/b/y/l", "x"),
      file("d/b/y/z"),
      file("d/c"),
    ];
    makeTree(root, ["d/extra", "d/b/y/extra", "d/z/extra"]);
    withStore(root, (store) => {
      const first = attempt(store, plain);
      store.journal(first.id, [chunks(2, 0, 2), chunks(5, 0)]);
      store.abandon(first.id);
      const from = nextFrom(store);
      assert.equal(from, "d/b/y/z");
      const order = [0, 1, 3, 5, 6, 2, 4];
      const second = attempt(store, order.map((i) => plain[i]!));
      assert.equal(only(second.placements[5], "held").chunks.ranges.length, 1);
      store.placeDirectories(second.id);
      const outcome = store.commit(second.id, [3, 4, 5].map((i) => wholeFile(i)));
      assert.deepEqual([outcome.committed, outcome.failures], [[3, 4, 5], []]);
      const { deleted } = pruneAll(store, second.id, []);
      assert.deepEqual(deleted.sort(), ["d/b/y/extra", "d/extra", "d/z/", "d/z/extra"]);
      const finished = store.finish(second.id);
      assert.deepEqual([finished.committed, finished.failures], [[6, 2, 1, 0], []]);
    });
    assert.deepEqual(listTree(root), [
      "d/",
      "d/b/",
      "d/b/x",
      "d/b/y/",
      "d/b/y/l",
      "d/b/y/z",
      "d/c",
    ]);
    for (const path of ["d", "d/b", "d/b/y"]) {
      const { mode, mtimeNs } = fs.lstatSync(join(root, path), { bigint: true });
      assert.deepEqual([path, mode & 0o777n, mtimeNs], [path, 0o750n, MTIME_NS]);
    }
  }));

Deno.test("a manifest in plain order is received as well after a resume was told to begin elsewhere", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const first = attempt(store);
      store.journal(first.id, [chunks(1, 0, 2), chunks(2, 0, 2)]);
      store.abandon(first.id);
      const second = store.begin(transferOf());
      assert.equal(second.from, "d/c");
      store.register(second.id, 0, ENTRIES.slice(0, 3), [0, 0, 0]);
      store.journal(second.id, [chunks(1, 0)]);
      store.abandon(second.id);
      assert.equal(nextFrom(store), "d/c", "it did not come that far");
      const third = attempt(store);
      store.journal(third.id, [chunks(3, 0, 2), chunks(4, 0, 2)]);
      store.placeDirectories(third.id);
      store.commit(third.id, [1, 2, 3, 4].map((i) => wholeFile(i)));
      assert.deepEqual(store.finish(third.id).failures, []);
    });
    assert.equal(listTree(root).length, 5);
  }));

Deno.test("one path in both sections of a manifest fails its second entry, in any form", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const first = attempt(store);
      store.journal(first.id, [chunks(1, 0, 2)]);
      store.abandon(first.id);
      const { id, from } = store.begin(transferOf());
      assert.equal(from, "d/b");
      const file = (path: string) => fileEntry(path, 2 * CHUNK_BYTES);
      const twice = [
        directoryEntry("d"),
        file("d/b"),
        file("d/c"),
        file("d/a"),
        file("d/c"),
        directoryEntry("d/b"),
        fileEntry("d", 5),
      ];
      const kinds = store.register(id, 0, twice, twice.map(() => 0)).map((placed) => placed.kind);
      assert.deepEqual(kinds, ["later", "new", "new", "held", "failed", "failed", "failed"]);
    });
  }));

/** A database that counts the rows it answers with. */
function counted(database: Database): { readonly database: Database; readonly rows: () => number } {
  let rows = 0;
  const count = <T>(found: T): T => {
    if (Array.isArray(found)) rows += found.length;
    else if (found !== undefined) rows++;
    return found;
  };
  const prepare = (text: string) => {
    const statement = database.prepare(text);
    const asked = { get: "get", all: "all" } as const;
    return new Proxy(statement, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        if (name === asked.get || name === asked.all) {
          return (...args: unknown[]) => count(value.apply(target, args));
        }
        return value.bind(target);
      },
    });
  };
  const proxy = new Proxy(database, {
    get(target, name) {
      if (name === "prepare") return prepare;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { database: proxy, rows: () => rows };
}

Deno.test("begin and register read no more rows of many parts than of what is asked", () =>
  inDirectory((root) => {
    const parts = join(root, ".sftpx/parts");
    fs.mkdirSync(parts, { recursive: true });
    const { database, rows } = counted(openState(join(root, ".sftpx/state.db")));
    const journal = new Journal(database);
    const transfer = transferOf();
    const { key, destination, chunkBytes, given } = transfer;
    const path = (i: number) => `d/${i.toString().padStart(6, "0")}`;
    const frontier = path(1500);
    journal.transaction(() => {
      const times = { startedNs: 1n, touchedNs: 1n };
      journal.transfers.add({
        key,
        destination,
        chunkBytes,
        peer: PEER,
        given,
        frontier,
        ...times,
      });
      for (let i = 0; i < 2000; i++) {
        const sizeBytes = 2 * CHUNK_BYTES;
        const name = `${"0".repeat(16)}/0/${i.toString(16)}`;
        const times = { stamp: stampFor(sizeBytes), recordedNs: SENDER_NOW_NS };
        const row = journal.addPart(key, { path: path(i), name, sizeBytes, ...times });
        journal.addRun(row, { first: 0, digests: digest(1) });
      }
    });
    try {
      const before = rows();
      const hold = { claim() {}, discard() {} } as unknown as ReceiveContext["hold"];
      const room = new Room(root);
      const context = { root, partsDirectory: parts, journal, hold, room, disk: DISK };
      const quotas = new Quotas();
      const receiving = new Receiving(transfer, {
        ...context,
        names: NAMES,
        mask: 0,
        quotas,
        nowMs: Date.now,
      });
      assert.deepEqual([receiving.from, receiving.fresh], [frontier, [false]]);
      assert.ok(rows() - before < 10, `begin read ${rows() - before} rows`);
      const entries = [directoryEntry("d"), fileEntry(frontier, 2 * CHUNK_BYTES)];
      allOf(receiving.registering(0, entries, { sources: [0, 0], refused: [] }));
      assert.ok(rows() - before < 20, `with the first entries ${rows() - before} rows were read`);
      receiving.abandon();
      assert.ok(rows() - before < 20, `with putting it aside ${rows() - before} rows were read`);
    } finally {
      journal.close();
    }
  }));
