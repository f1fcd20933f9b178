import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import {
  directoryEntry,
  fileEntry,
  fillPart,
  inDirectory,
  stampFor,
  transferOf,
  wholeFile,
  withStore,
} from "./_fixture.ts";
import { DISK, type Disk } from "./disk.ts";
import type { DiskStore } from "./disk_store.ts";

const SIZE_BYTES = 3 * 64 * 1024;
const WRITE_ONCE = transferOf({ writeOnce: true });
const ENTRIES = [directoryEntry("d"), fileEntry("d/f", SIZE_BYTES)];

/** Begins, writes and journals `d/f`, places directories and commits it; answers what came of it. */
function commitOnce(store: DiskStore) {
  const { id } = store.begin(WRITE_ONCE);
  const placements = store.register(id, 0, ENTRIES, [0, 0]);
  fillPart(placements[1], new Uint8Array(SIZE_BYTES).fill(1));
  store.journal(id, [{ entry: 1, first: 0, digests: new Uint8Array(96), synced: false }]);
  store.placeDirectories(id);
  return { id, outcome: store.commit(id, [wholeFile(1)]) };
}

function failing(method: "link" | "remove", isMeant: (path: string) => boolean): Disk {
  return {
    ...DISK,
    link: (from, to) => {
      DISK.link(from, to);
      // As if it died right after.
      if (method === "link") throw Object.assign(new Error("EIO"), { code: "EIO" });
    },
    remove: (path) => {
      if (method === "remove" && isMeant(path)) {
        throw Object.assign(new Error("EIO"), { code: "EIO" });
      }
      DISK.remove(path);
    },
  };
}

Deno.test("a part that got its final name as a second one is never written to again", () =>
  inDirectory((root) => {
    const disk = failing("link", () => true);
    withStore(root, (store) => {
      const { id, outcome } = commitOnce(store);
      assert.deepEqual(outcome.failures.map(({ entry }) => entry), [1]);
      store.abandon(id);
    }, { disk });
    const final = join(root, "d/f");
    assert.equal(fs.statSync(final).nlink, 2);
    withStore(root, (store) => {
      // The source changed, and the grant lets it be replaced by now.
      const { id } = store.begin(transferOf());
      const changed = fileEntry("d/f", SIZE_BYTES, { stamp: stampFor(SIZE_BYTES, 8n) });
      const placements = store.register(id, 0, [directoryEntry("d"), changed], [0, 0]);
      fillPart(placements[1], new Uint8Array(SIZE_BYTES).fill(2));
      assert.equal(fs.readFileSync(final)[0], 1, "what stands there is whole and verified");
      store.abandon(id);
    });
  }));

Deno.test("a file that is in place is committed, though its part cannot be removed yet", () =>
  inDirectory((root) => {
    let isParts = true;
    const disk = failing("remove", (path) => isParts && path.includes("/parts/"));
    withStore(root, (store) => {
      const { id, outcome } = commitOnce(store);
      assert.deepEqual([outcome.committed, outcome.failures], [[1], []]);
      isParts = false;
      assert.deepEqual(store.finish(id).failures, []);
    }, { disk });
    assert.equal(fs.statSync(join(root, "d/f")).nlink, 1);
    assert.deepEqual(fs.readdirSync(root), ["d"]);
  }));

Deno.test("a file that nothing will mend is synced with its mode and time", () =>
  inDirectory((root) => {
    const synced: boolean[] = [];
    const disk: Disk = {
      ...DISK,
      finish: (path, finish) => {
        if (path.includes("/parts/")) synced.push(finish.sync);
        return DISK.finish(path, finish);
      },
    };
    for (const writeOnce of [true, false]) {
      withStore(root, (store) => {
        const { id } = store.begin(transferOf({ writeOnce, checksum: true }));
        const placements = store.register(id, 0, [fileEntry(`d/${writeOnce}`, 3)], [0]);
        fillPart(placements[0], "abc");
        store.placeDirectories(id);
        // Its worker synced the bytes.
        const { failures } = store.commit(id, [wholeFile(0, { synced: true })]);
        assert.deepEqual(failures, []);
        store.finish(id);
      }, { disk });
    }
    assert.deepEqual(synced, [true, false]);
  }));

Deno.test("a file committed once whose record a crash took back is compared, not refused", () =>
  inDirectory((root) => {
    const contents = new Uint8Array(SIZE_BYTES).fill(1);
    fs.mkdirSync(join(root, "d"));
    fs.writeFileSync(join(root, "d/f"), contents);
    DISK.finish(join(root, "d/f"), { mode: 0o644, mtimeNs: ENTRIES[1]!.mtimeNs, sync: false });
    withStore(root, (store) => {
      const { id } = store.begin(WRITE_ONCE);
      const placements = store.register(id, 0, ENTRIES, [0, 0]);
      assert.deepEqual(placements.map(({ kind }) => kind), ["later", "stands"]);
      store.placeDirectories(id);
      fillPart(placements[1], contents);
      // Another one is not put in its place.
      const { failures } = store.commit(id, [wholeFile(1)]);
      assert.deepEqual(failures.map(({ code }) => code), ["refused"]);
      store.abandon(id);
      const blind = store.begin(transferOf({ writeOnce: true, mayRead: false }));
      const [, refused] = store.register(blind.id, 0, ENTRIES, [0, 0]);
      assert.equal(refused?.kind, "failed");
      store.abandon(blind.id);
    });
  }));
