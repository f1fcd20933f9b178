// What every implementation of `Store` must do, told through the interface alone. Run against the
// synchronous core and against the worker.

import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import {
  CHUNK_BYTES,
  digest,
  directoryEntry,
  directorySource,
  fileEntry,
  fileSource,
  fillPart,
  heldIn,
  inDirectory,
  linkEntry,
  listTree,
  makeTree,
  PEER,
  SENDER_NOW_NS,
  stampFor,
  transferOf,
  wholeFile,
} from "./_fixture.ts";
import type { Outcome, Placement, Store, WalkOptions } from "./store.ts";

const NOTHING_DONE: Outcome = { committed: [], changed: [], failures: [] };

export type OpenForTest = (root: string, keep: boolean) => Promise<Store>;

/** Registers the suite for one implementation. */
export function describeStore(name: string, open: OpenForTest): void {
  const test = (
    sentence: string,
    body: (
      root: string,
      use: (inner: (store: Store) => Promise<void>) => Promise<void>,
    ) => Promise<void>,
  ) =>
    Deno.test(`${name}: ${sentence}`, () =>
      inDirectory((root) =>
        body(root, async (inner) => {
          const store = await open(root, false);
          try {
            await inner(store);
          } finally {
            await store.close();
          }
        })
      ));

  test("a transfer appears in order and leaves no state behind", async (root, use) => {
    await use(async (store) => {
      const { id, fresh, chunkBytes } = await store.begin(transferOf());
      assert.deepEqual([fresh, chunkBytes], [[true], CHUNK_BYTES]);
      const entries = [
        directoryEntry("d"),
        fileEntry("d/empty", 0),
        fileEntry("d/f", 5),
        linkEntry("d/l", "f"),
      ];
      const placements = await store.register(id, 0, entries, [0, 0, 0, 0]);
      assert.deepEqual(placements.map((p) => p.kind), ["later", "new", "new", "later"]);
      fillPart(placements[2], "hello");
      assert.deepEqual(listTree(root), [], "nothing stands before the manifest is closed");
      assert.deepEqual(await store.placeDirectories(id), NOTHING_DONE);
      assert.deepEqual(listTree(root), ["d/"]);
      const committed = await store.commit(id, [wholeFile(1), wholeFile(2)]);
      assert.deepEqual(committed, { committed: [1, 2], changed: [1, 2], failures: [] });
      assert.deepEqual(listTree(root), ["d/", "d/empty", "d/f"]);
      const finished = await store.finish(id);
      assert.deepEqual([...finished.committed].sort(), [0, 3]);
    });
    assert.equal(fs.readFileSync(join(root, "d/f"), "utf8"), "hello");
    assert.equal(fs.readFileSync(join(root, "d/l"), "utf8"), "hello");
    assert.deepEqual(fs.readdirSync(root), ["d"]);
  });

  test("a second transfer of one key is busy until the first ends", async (_root, use) => {
    await use(async (store) => {
      const { id } = await store.begin(transferOf());
      await assert.rejects(store.begin(transferOf()), { name: "SftpxError", code: "busy" });
      await store.abandon(id);
      const again = await store.begin(transferOf());
      await store.finish(again.id);
      await store.begin(transferOf());
    });
  });

  test("two stores on one root exclude each other by key and place only", async (root, use) => {
    await use(async (first) => {
      const { id } = await first.begin(transferOf());
      const second = await open(root, false);
      await assert.rejects(second.begin(transferOf()), { code: "busy" });
      const sources = [directorySource("e")];
      await second.begin(transferOf({ key: digest(2), sources }));
      await second.close();
      const [placement] = await first.register(id, 0, [fileEntry("d/f", 1)], [0]);
      fillPart(placement, "x");
      await first.placeDirectories(id);
      assert.deepEqual((await first.commit(id, [wholeFile(0)])).failures, []);
    });
  });

  test("journalled chunks are held by the next store, with stamp and clock", async (root, use) => {
    const size = 3 * CHUNK_BYTES;
    const entries = [directoryEntry("d"), fileEntry("d/f", size)];
    await use(async (store) => {
      const { id } = await store.begin(transferOf());
      const placements = await store.register(id, 0, entries, [0, 0]);
      fillPart(placements[1], new Uint8Array(size));
      await store.journal(id, [{ entry: 1, first: 0, digests: digest(1), synced: true }]);
      await store.journal(id, [{ entry: 1, first: 2, digests: digest(3), synced: false }]);
      await store.abandon(id);
      const [row, ...others] = await store.resumable();
      assert.deepEqual(others, []);
      assert.ok(row !== undefined && row.startedNs > 0n && row.touchedNs >= row.startedNs);
      const { startedNs: _, touchedNs: __, ...told } = row;
      assert.deepEqual(told, {
        key: transferOf().key,
        destination: "",
        peer: PEER,
        given: ["d"],
        files: 1,
        heldBytes: 2 * CHUNK_BYTES,
        totalBytes: size,
        running: false,
      });
    });
    assert.deepEqual(fs.readdirSync(root), [".sftpx"], "kept because it can be resumed");
    await use(async (store) => {
      const other = await store.begin(transferOf({ key: digest(2) }));
      assert.deepEqual(other.fresh, [true], "another key holds nothing");
      await store.abandon(other.id);
      const { id, fresh } = await store.begin(transferOf());
      assert.deepEqual(fresh, [false]);
      const [, placement] = await store.register(id, 0, entries, [0, 0]);
      const held = only(placement, "held");
      assert.deepEqual(held.stamp, stampFor(size));
      assert.equal(held.recordedNs, SENDER_NOW_NS);
      assert.deepEqual([...heldIn(held.chunks)], [[0, digest(1)], [2, digest(3)]]);
      assert.equal(fs.statSync(held.part).size, size);
      await store.placeDirectories(id);
      const outcome = await store.commit(id, [wholeFile(1)]);
      assert.deepEqual(outcome, { committed: [1], changed: [1], failures: [] });
      await store.finish(id);
      assert.deepEqual(await store.resumable(), []);
    });
    assert.deepEqual(listTree(root), ["d/", "d/f"]);
    assert.deepEqual(fs.readdirSync(root), ["d"]);
  });

  test("a transfer that broke off says where to begin", async (_root, use) => {
    const entries = [
      directoryEntry("d"),
      fileEntry("d/a", 5),
      fileEntry("d/b", 5),
      fileEntry("d/c", 5),
    ];
    const from = async (store: Store) => {
      const begun = await store.begin(transferOf());
      await store.abandon(begun.id);
      return begun.from;
    };
    await use(async (store) => {
      const { id, from: nowhere } = await store.begin(transferOf());
      assert.equal(nowhere, null);
      const placements = await store.register(id, 0, entries, [0, 0, 0, 0]);
      placements.slice(1).forEach((placement) => fillPart(placement, "hello"));
      await store.journal(id, [{ entry: 1, first: 0, digests: digest(1), synced: false }]);
      await store.abandon(id);
      assert.equal(await from(store), "d/b");
    });
    await use(async (store) => {
      const { id } = await store.begin(transferOf());
      await store.register(id, 0, entries, [0, 0, 0, 0]);
      await store.placeDirectories(id);
      await store.commit(id, [wholeFile(1)], [2]);
      await store.abandon(id);
      assert.equal(await from(store), "d/c");
    });
    await use(async (store) => {
      const { id } = await store.begin(transferOf());
      const placements = await store.register(id, 0, entries, [0, 0, 0, 0]);
      fillPart(placements[3], "hello");
      const run = { entry: 3, first: 0, digests: digest(1), synced: false };
      await store.journal(id, [run], [2]);
      await store.abandon(id);
      assert.equal(await from(store), "d/c", "the last, as nothing is to come");
    });
  });

  test("a journal fixes the chunk size of its transfer", async (_root, use) => {
    await use(async (store) => {
      const { id } = await store.begin(transferOf());
      const [placement] = await store.register(id, 0, [fileEntry("d", 5)], [0]);
      fillPart(placement, "hello");
      await store.journal(id, [{ entry: 0, first: 0, digests: digest(1), synced: false }]);
      await store.abandon(id);
      const again = await store.begin(transferOf({ chunkBytes: 2 * CHUNK_BYTES }));
      assert.equal(again.chunkBytes, CHUNK_BYTES);
    });
  });

  test("forget drops the chunks it is told, before they are overwritten", async (_root, use) => {
    const entries = ["d/e", "d/f"].map((path) => fileEntry(path, 4 * CHUNK_BYTES));
    await use(async (store) => {
      const { id } = await store.begin(transferOf());
      const placements = await store.register(id, 0, entries, [0, 0]);
      placements.forEach((placement) => fillPart(placement, new Uint8Array(4 * CHUNK_BYTES)));
      const digests = new Uint8Array(4 * 32).fill(1);
      const runs = [0, 1].map((entry) => ({ entry, first: 0, digests, synced: false }));
      await store.journal(id, runs);
      const gone = [{ entry: 0, ranges: [[0, 4]] }, {
        entry: 1,
        ranges: [[1, 1], [3, 1]],
      }] as const;
      await store.forget(id, gone);
      await store.abandon(id);
      const again = await store.begin(transferOf());
      const [none, some] = await store.register(again.id, 0, entries, [0, 0]);
      assert.equal(none?.kind, "new");
      const left = [...heldIn(only(some, "held").chunks)];
      assert.deepEqual(left, [[0, digest(1)], [2, digest(1)]]);
    });
  });

  test("our own commit is unchanged until anything about it changes", async (root) => {
    const entries = [fileEntry("f", 5)];
    const transfer = transferOf({ sources: [fileSource("f")] });
    const place = async (store: Store, more = {}) => {
      const { id } = await store.begin({ ...transfer, ...more });
      const [placement] = await store.register(id, 0, entries, [0]);
      return { id, placement };
    };
    const store = await open(root, true);
    const { id, placement } = await place(store);
    fillPart(placement, "hello");
    await store.placeDirectories(id);
    await store.commit(id, [wholeFile(0)]);
    await store.finish(id);
    const kindWith = async (more = {}) => {
      const again = await place(store, more);
      await store.abandon(again.id);
      return again.placement?.kind;
    };
    assert.equal(await kindWith(), "unchanged");
    assert.equal(await kindWith({ writeOnce: true }), "unchanged");
    assert.equal(await kindWith({ checksum: true }), "stands");
    assert.equal(await kindWith({ chunkBytes: 2 * CHUNK_BYTES }), "stands");
    fs.writeFileSync(join(root, "f"), "HELLO");
    assert.equal(await kindWith(), "stands");
    assert.equal(await kindWith({ writeOnce: true }), "failed");
    await store.close();
    assert.equal(fs.existsSync(join(root, ".sftpx")), true, "kept when asked");
  });

  test("entries out of turn are refused", async (_root, use) => {
    await use(async (store) => {
      const { id } = await store.begin(transferOf());
      await assert.rejects(store.register(id, 1, [], []), { code: "protocol" });
    });
  });

  test("commit before the manifest is closed is refused (I1)", async (root, use) => {
    await use(async (store) => {
      const { id } = await store.begin(transferOf());
      const [placement] = await store.register(id, 0, [fileEntry("d/f", 5)], [0]);
      fillPart(placement, "hello");
      await assert.rejects(store.commit(id, [wholeFile(0)]));
      assert.deepEqual(listTree(root), []);
    });
  });

  test("a walk ends early without harm, and walks go side by side", async (root, use) => {
    makeTree(root, Array.from({ length: 700 }, (_, i) => `w/${i}`));
    await use(async (store) => {
      const source = { path: join(root, "w"), name: "w", contents: false, follow: false };
      for await (const batch of store.walk([source])) {
        assert.equal(batch.entries[0]?.path, "w");
        break;
      }
      const counts = await Promise.all([0, 1].map(async () => {
        let entries = 0;
        for await (const batch of store.walk([source])) entries += batch.entries.length;
        return entries;
      }));
      assert.deepEqual(counts, [701, 701]);
    });
  });

  test("a walk takes filters, listed files, one level only and a beginning", async (root, use) => {
    makeTree(root, ["w/a.o", "w/b", "w/sub/c"]);
    await use(async (store) => {
      const source = { path: join(root, "w"), name: "w", contents: true, follow: false };
      const walked = async (options: WalkOptions) => {
        const paths: string[] = [];
        for await (const { entries } of store.walk([source], options)) {
          paths.push(...entries.map((entry) => entry.path));
        }
        return paths;
      };
      const filters = [{ include: false, pattern: "*.o" }];
      assert.deepEqual(await walked({ filters }), ["b", "sub", "sub/c"]);
      assert.deepEqual(await walked({ files: ["sub/c"] }), ["sub", "sub/c"]);
      assert.deepEqual(await walked({ recursive: false }), ["a.o", "b", "sub"]);
      assert.deepEqual(await walked({ from: "sub" }), ["sub", "sub/c", "a.o", "b"]);
    });
  });

  test("a dry transfer is planned and changes nothing", async (root, use) => {
    makeTree(root, ["d/old"]);
    await use(async (store) => {
      const { id } = await store.begin(transferOf({ dryRun: true }));
      const entries = [directoryEntry("d"), fileEntry("d/new", 1)];
      const steps = await store.plan(id, 0, entries, [0, 0]);
      assert.deepEqual(steps.map((step) => step.action), ["update", "create"]);
      const { deleted, failures } = await pruneWith(store, id);
      assert.deepEqual([deleted, failures], [["d/old"], []]);
      await store.abandon(id);
    });
    assert.deepEqual(listTree(root), ["d/", "d/old"]);
  });

  test("what is extraneous is removed between the last commit and the end", async (root, use) => {
    makeTree(root, Array.from({ length: 2500 }, (_, i) => `d/old/${i}`));
    await use(async (store) => {
      const { id } = await store.begin(transferOf());
      const placements = await store.register(id, 0, [directoryEntry("d"), fileEntry("d/f", 0)], [
        0,
        0,
      ]);
      assert.equal(placements.length, 2);
      await store.placeDirectories(id);
      await store.commit(id, [wholeFile(1)]);
      const { deleted, failures, most } = await pruneWith(store, id);
      assert.deepEqual([deleted.length, deleted.at(-1), failures], [2501, "d/old/", []]);
      assert.ok(most < 2500, `${most} names in one answer`);
      await store.finish(id);
    });
    assert.deepEqual(listTree(root), ["d/", "d/f"]);
  });

  test("a missing source rejects the walk", async (root, use) => {
    await use(async (store) => {
      const source = { path: join(root, "no"), name: "no", contents: false, follow: false };
      await assert.rejects(async () => {
        for await (const _ of store.walk([source]));
      }, { name: "SftpxError", code: "source_missing" });
    });
  });

  test("several sources are fresh one by one", async (root, use) => {
    makeTree(root, ["in/b/old"]);
    await use(async (store) => {
      const sources = [directorySource("a"), directorySource("b")];
      const begun = await store.begin(transferOf({ destination: "in", sources }));
      assert.deepEqual(begun.fresh, [true, false]);
    });
  });
}

/** Narrows a placement, or fails. */
export function only<K extends Placement["kind"]>(
  placement: Placement | undefined,
  kind: K,
): Extract<Placement, { kind: K }> {
  assert.equal(placement?.kind, kind);
  return placement as Extract<Placement, { kind: K }>;
}

/** All that a removal comes to, and the most of it that one call answered. */
async function pruneWith(store: Store, id: number) {
  const all = { deleted: [] as string[], failures: [] as unknown[], most: 0 };
  for (let more = true; more;) {
    const some = await store.prune(id, []);
    all.deleted.push(...some.deleted);
    all.failures.push(...some.failures);
    all.most = Math.max(all.most, some.deleted.length);
    more = some.more === true;
  }
  return all;
}
