import assert from "node:assert/strict";
import * as fs from "node:fs";
import { only } from "./_conformance.ts";
import {
  CHUNK_BYTES,
  digest,
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

/** Two whole chunks and a shorter one. */
const SIZE = 2 * CHUNK_BYTES + 7;
const DIGESTS = Uint8Array.from([1, 2, 3].flatMap((fill) => [...digest(fill)]));

/** Journals all three chunks of `d/f`, and breaks off; answers its part. */
function breakOff(store: DiskStore): string {
  const { id } = store.begin(transferOf());
  const [placement] = store.register(id, 0, [fileEntry("d/f", SIZE)], [0]);
  fillPart(placement, new Uint8Array(SIZE).fill(1));
  store.journal(id, [{ entry: 0, first: 0, digests: DIGESTS, synced: true }]);
  store.abandon(id);
  return only(placement, "new").part;
}

/** Goes on with a source of another size, or of the same. */
function goOn(store: DiskStore, sizeBytes: number) {
  const { id } = store.begin(transferOf());
  const [placement] = store.register(id, 0, [fileEntry("d/f", sizeBytes)], [0]);
  return { id, placement };
}

const CASES = {
  "grew within its last chunk": [SIZE + 1, 2],
  "grew by whole chunks": [SIZE + 3 * CHUNK_BYTES, 2],
  "was cut within its last chunk": [SIZE - 1, 2],
  "was cut to whole chunks": [2 * CHUNK_BYTES, 2],
  "was cut within a whole chunk": [2 * CHUNK_BYTES - 1, 1],
} as const;

for (const [what, [sizeBytes, kept]] of Object.entries(CASES)) {
  Deno.test(`of a source that ${what} the chunks are held that are whole in both`, () =>
    inDirectory((root) => {
      const part = withStore(root, breakOff);
      // Twice: what is held stays held.
      for (let attempt = 0; attempt < 2; attempt++) {
        withStore(root, (store) => {
          const { id, placement } = goOn(store, sizeBytes);
          const held = only(placement, "held");
          assert.equal(held.part, part);
          assert.deepEqual(held.chunks.ranges, [[0, kept]]);
          assert.deepEqual(held.chunks.digests, DIGESTS.slice(0, 32 * kept));
          assert.deepEqual(held.stamp, stampFor(SIZE), "the sender compares them");
          assert.equal(fs.statSync(part).size, sizeBytes);
          assert.equal(store.resumable()[0]?.totalBytes, sizeBytes);
          store.abandon(id);
        });
      }
      withStore(root, (store) => {
        const { id } = goOn(store, sizeBytes);
        store.placeDirectories(id);
        assert.deepEqual(store.commit(id, [wholeFile(0)]).failures, []);
        store.finish(id);
      });
      assert.equal(fs.statSync(`${root}/d/f`).size, sizeBytes);
      assert.equal(fs.existsSync(`${root}/.sftpx`), false);
    }));
}

Deno.test("a shorter last chunk is not held any more when its source is what it was", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      breakOff(store);
      store.abandon(goOn(store, SIZE + 1).id);
      const { placement } = goOn(store, SIZE);
      assert.deepEqual(only(placement, "held").chunks.ranges, [[0, 2]]);
    });
  }));

Deno.test("a source cut to less than a chunk begins anew", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const part = breakOff(store);
      assert.equal(goOn(store, CHUNK_BYTES - 1).placement?.kind, "new");
      assert.equal(fs.existsSync(part), false);
    });
  }));

Deno.test("a kill between what is forgotten of a part and its new size costs nothing more", () =>
  inDirectory((root) => {
    for (const sizeBytes of [SIZE + CHUNK_BYTES, SIZE - 1]) {
      const resize = () => {
        throw Object.assign(new Error("killed"), { code: "EIO" });
      };
      const disk: Disk = { ...DISK, resize };
      withStore(root, (store) => {
        breakOff(store);
        const { id, placement } = goOn(store, sizeBytes);
        assert.deepEqual([placement?.kind, "code" in placement! && placement.code], [
          "failed",
          "io",
        ]);
        store.abandon(id);
      }, { disk });
      withStore(root, (store) => {
        const { placement } = goOn(store, sizeBytes);
        const { part, chunks } = only(placement, "held");
        assert.deepEqual(chunks.ranges, [[0, 2]]);
        assert.equal(fs.statSync(part).size, sizeBytes);
      });
      withStore(root, (store) => store.clean({ beforeNs: null }));
    }
  }));

Deno.test("what a part loses is no longer claimed before it is cut", () =>
  inDirectory((root) => {
    const seen: unknown[] = [];
    let store: DiskStore | null = null;
    const disk: Disk = {
      ...DISK,
      resize: (path, sizeBytes) => {
        const [row] = store?.resumable() ?? [];
        seen.push(row?.heldBytes, fs.statSync(path).size);
        DISK.resize(path, sizeBytes);
      },
    };
    withStore(root, (opened) => {
      store = opened;
      breakOff(opened);
      goOn(opened, CHUNK_BYTES + 1);
    }, { disk });
    assert.deepEqual(seen, [CHUNK_BYTES, SIZE]);
  }));
