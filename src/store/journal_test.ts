import assert from "node:assert/strict";
import fc from "fast-check";
import {
  digest,
  fileEntry,
  fillPart,
  heldIn,
  inDirectory,
  PEER,
  stampFor,
  transferOf,
  wholeFile,
  withStore,
} from "./_fixture.ts";
import { anyStamp } from "../../tests/vectors/messages.ts";
import { LIMITS } from "../base/limits.ts";
import { Journal } from "./journal.ts";
import { mergeRuns, packStamp, unpackStamp } from "./journal_rows.ts";
import { rowSum } from "./row_sum.ts";
import { openState } from "./schema.ts";
import type { HeldChunks } from "./store.ts";

const KEY = digest(1);
const TRANSFER = {
  destination: "",
  chunkBytes: 1,
  startedNs: 0n,
  peer: PEER,
  given: ["d", "e"],
  touchedNs: 0n,
  frontier: null,
};
const partName = (entry: number) => `${"0".repeat(16)}/0/${entry.toString(16)}`;

async function withJournal(body: (journal: Journal) => void): Promise<void> {
  await inDirectory((root) => {
    const journal = new Journal(openState(`${root}/state.db`));
    try {
      body(journal);
    } finally {
      journal.close();
    }
  });
}

Deno.test("packStamp() and unpackStamp() are each other's reverse", () => {
  fc.assert(fc.property(anyStamp, (stamp) => {
    assert.deepEqual(unpackStamp(packStamp(stamp)), stamp);
  }));
});

Deno.test("a record whose digest and stamp are longer or shorter is none, though its sum is right", () =>
  inDirectory((root) => {
    const database = openState(`${root}/state.db`);
    const plant = (path: string, stampBytes: number) => {
      const [of, stamp] = [digest(1), packStamp(stampFor(1)).slice(0, stampBytes)];
      const sum = rowSum([path, of, 1n, 2n, stamp]);
      database.prepare("INSERT INTO committed VALUES (?, ?, 1, 2, ?, ?, NULL, NULL, 1)")
        .run(path, of, stamp, sum);
    };
    plant("cut", 39);
    plant("whole", 40);
    const journal = new Journal(database);
    assert.equal(journal.committed("cut"), null);
    assert.deepEqual(journal.committed("whole")?.digest, digest(1));
    journal.close();
  }));

Deno.test("what was read of committed files ahead is not what was written since, or taken back", () =>
  withJournal((journal) => {
    const row = { digest: digest(1), chunkBytes: 1, mtimeNs: 2n, stamp: stampFor(1) };
    const paths = ["a", "b", "c", "d", "e", "f"];
    for (const path of paths) journal.addCommitted({ ...row, path });
    for (const path of ["a", "b", "c", "d"]) assert.ok(journal.committed(path));
    journal.dropCommitted("e");
    assert.equal(journal.committed("e"), null);
    journal.addCommitted({ ...row, path: "e", chunkBytes: 2 });
    assert.equal(journal.committed("e")?.chunkBytes, 2);
    assert.throws(() =>
      journal.transaction(() => {
        for (const path of paths) journal.dropCommitted(path);
        assert.equal(journal.committed("a"), null);
        throw new Error("no");
      }), /no/);
    assert.ok(journal.committed("b"));
  }));

Deno.test("packStamp() writes the bytes FORMAT describes", () => {
  const bytes = packStamp({ device: 1n, inode: 2n, sizeBytes: 3, mtimeNs: -1n, ctimeNs: 4n });
  const view = new DataView(bytes.buffer);
  assert.deepEqual([0, 8, 16, 24, 32].map((at) => view.getBigInt64(at)), [1n, 2n, 3n, -1n, 4n]);
});

Deno.test("mergeRuns() yields what the rows say, later rows winning, in whole ranges", () => {
  const some = fc.array(
    fc.record({ first: fc.nat(12), fills: fc.array(fc.nat(255), { minLength: 1, maxLength: 5 }) }),
    { maxLength: 8 },
  );
  fc.assert(fc.property(some, fc.nat(16), (given, chunks) => {
    const expected = new Map<number, number>();
    for (const { first, fills } of given) {
      fills.forEach((fill, i) => first + i < chunks && expected.set(first + i, fill));
    }
    const rows = given.map(({ first, fills }) => ({
      first,
      digests: Uint8Array.from(fills.flatMap((fill) => Array(32).fill(fill))),
    }));
    const held = mergeRuns(rows, chunks);
    const found = [...heldIn(held)].map(([chunk, digest]) => [chunk, digest[0]]);
    assert.deepEqual(found, [...expected].sort((a, b) => a[0] - b[0]));
    assert.equal(held.digests.byteLength, 32 * found.length);
    held.ranges.slice(1).forEach(([first], i) => {
      const [before = 0, count = 0] = held.ranges[i] ?? [];
      assert.ok(first > before + count, "ranges neither overlap nor touch");
    });
  }));
});

Deno.test("Journal passes over planted runs of chunks that no file can have", () =>
  withJournal((journal) => {
    journal.transfers.add({ ...TRANSFER, key: KEY });
    const stamp = stampFor(5);
    const name = partName(1);
    const part = { path: "a", name, sizeBytes: 5, stamp, recordedNs: 0n };
    const id = journal.addPart(KEY, part);
    for (const first of [-1, -(2 ** 40), 2 ** 40, LIMITS.chunksPerFile, 2 ** 52]) {
      journal.addRun(id, { first, digests: digest(1) });
    }
    journal.addRun(id, { first: 3, digests: new Uint8Array(33) });
    journal.addRun(id, { first: 1, digests: digest(2) });
    assert.deepEqual(journal.held(id, 8), { ranges: [[1, 1]], digests: digest(2) });
    assert.equal(journal.dropChunks(id, [[0, 8]]), 1);
  }));

Deno.test("Journal keeps the transfers of two keys apart", () =>
  withJournal((journal) => {
    const part = { path: "f", sizeBytes: 1, stamp: stampFor(1), recordedNs: 5n };
    for (const fill of [1, 2]) {
      const key = digest(fill);
      journal.transfers.add({ ...TRANSFER, key, startedNs: BigInt(fill) });
      journal.addRun(journal.addPart(key, { ...part, name: partName(fill) }), {
        first: 0,
        digests: digest(fill),
      });
    }
    journal.forget(KEY);
    assert.deepEqual([journal.transfer(KEY), journal.part(KEY, "f")], [null, null]);
    assert.deepEqual(journal.part(digest(2), "f")?.name, partName(2));
    assert.deepEqual(journal.interrupted().map((row) => row.key), [digest(2)]);
  }));

Deno.test("Journal.dropChunks() takes out these and no others, however they were written", () => {
  const ranges = fc.array(fc.tuple(fc.nat(14), fc.integer({ min: 1, max: 5 })), { maxLength: 5 });
  return fc.assert(
    fc.asyncProperty(ranges, ranges, (written, gone) =>
      withJournal((journal) => {
        const part = { path: "f", name: partName(1), sizeBytes: 100, recordedNs: 5n };
        const ids = [0, 1].map((i) =>
          journal.addPart(digest(i), { ...part, stamp: stampFor(100) })
        );
        const held = new Set<number>();
        for (const [first, count] of written) {
          const fills = Array.from({ length: count }, (_, at) => Array(32).fill(first + at));
          for (const id of ids) {
            journal.addRun(id, { first, digests: Uint8Array.from(fills.flat()) });
          }
          for (let chunk = first; chunk < first + count; chunk++) held.add(chunk);
        }
        const all = [...held].sort((a, b) => a - b);
        const isGone = (chunk: number) =>
          gone.some(([first, count]) => first <= chunk && chunk < first + count);
        const [id = 0, other = 0] = ids;
        assert.equal(journal.dropChunks(id, gone), all.filter(isGone).length);
        assert.deepEqual(chunksIn(journal.held(id, 100)), all.filter((chunk) => !isGone(chunk)));
        assert.deepEqual(chunksIn(journal.held(other, 100)), all);
      })),
    { numRuns: 40 },
  );
});

/** Numbers of chunks; each has its number for a digest. */
function chunksIn(held: HeldChunks): number[] {
  return [...heldIn(held)].map(([chunk, digest]) => {
    assert.equal(digest[0], chunk);
    return chunk;
  });
}

Deno.test("Journal.restamp() keeps what is journalled of a part, and lasts or leaves no trace", () =>
  withJournal((journal) => {
    const part = { path: "f", name: partName(1), sizeBytes: 9, recordedNs: 5n };
    const id = journal.addPart(KEY, { ...part, stamp: stampFor(9) });
    journal.addRun(id, { first: 0, digests: digest(0) });
    const next = { stamp: stampFor(9, 8n), recordedNs: -(2n ** 63n) };
    assert.throws(() =>
      journal.transaction(() => {
        journal.restamp(id, next);
        throw new Error("the disk is full");
      })
    );
    journal.addRun(id, { first: 1, digests: digest(1) });
    assert.deepEqual(journal.part(KEY, "f"), { ...part, id, stamp: stampFor(9) });
    assert.deepEqual(chunksIn(journal.held(id, 9)), [0, 1], "sums are of the row as it is");
    journal.transaction(() => journal.restamp(id, next));
    journal.addRun(id, { first: 2, digests: digest(2) });
    assert.deepEqual(journal.part(KEY, "f"), { ...part, id, ...next });
    assert.deepEqual(chunksIn(journal.held(id, 9)), [0, 1, 2]);
  }));

Deno.test("Journal.interrupted() counts each journalled byte once, and the last chunk as it is", () => {
  const sizes = fc.record({
    sizeBytes: fc.integer({ min: 1, max: 60 }),
    runs: fc.array(fc.record({ first: fc.nat(14), count: fc.integer({ min: 1, max: 5 }) }), {
      maxLength: 6,
    }),
  });
  const chunkBytes = 4;
  return fc.assert(
    fc.asyncProperty(
      fc.array(sizes, { minLength: 1, maxLength: 3 }),
      (files) =>
        withJournal((journal) => {
          journal.transfers.add({ ...TRANSFER, key: KEY, chunkBytes });
          const expected = { files: 0, heldBytes: 0, totalBytes: 0 };
          files.forEach(({ sizeBytes, runs }, i) => {
            const part = { path: `${i}`, name: partName(i), sizeBytes, recordedNs: 5n };
            const row = journal.addPart(KEY, { ...part, stamp: stampFor(sizeBytes) });
            const held = new Set<number>();
            for (const { first, count } of runs) {
              journal.addRun(row, { first, digests: new Uint8Array(32 * count) });
              for (let at = first * chunkBytes; at < (first + count) * chunkBytes; at++) {
                if (at < sizeBytes) held.add(at);
              }
            }
            if (runs.length === 0) return;
            expected.files++;
            expected.heldBytes += held.size;
            expected.totalBytes += sizeBytes;
          });
          const [told] = journal.interrupted();
          assert.equal(told !== undefined, expected.files > 0);
          assert.equal(journal.hasResumable, true, "it was begun and not finished");
          if (told === undefined) return;
          const { files: count, heldBytes, totalBytes, peer, given } = told;
          assert.deepEqual({ files: count, heldBytes, totalBytes }, expected);
          assert.deepEqual([peer, given], [PEER, ["d", "e"]]);
        }),
    ),
    { numRuns: 40 },
  );
});

Deno.test("Journal takes a new chunk size once no part fixes the old one", () =>
  withJournal((journal) => {
    const row = { ...TRANSFER, key: KEY, startedNs: 7n };
    journal.transfers.add({ ...row, chunkBytes: 1 });
    journal.transfers.add({ ...row, chunkBytes: 2, startedNs: 8n });
    assert.deepEqual(journal.transfer(KEY), { ...row, chunkBytes: 2 });
  }));

Deno.test("Journal.transaction() leaves nothing of a body that throws", () =>
  withJournal((journal) => {
    assert.throws(() =>
      journal.transaction(() => {
        journal.transfers.add({ ...TRANSFER, key: KEY });
        throw new Error("stop");
      }), /stop/);
    assert.equal(journal.transfer(KEY), null);
  }));

Deno.test("Journal.durably() syncs its own transaction and no later one", () =>
  inDirectory((root) => {
    const database = openState(`${root}/state.db`);
    const journal = new Journal(database);
    const synchronous = () => database.prepare("PRAGMA synchronous").get()?.["synchronous"];
    try {
      journal.durably(() => assert.equal(synchronous(), 2));
      assert.equal(synchronous(), 1);
      assert.throws(() =>
        journal.durably(() => {
          throw new Error("stop");
        })
      );
      assert.equal(synchronous(), 1);
    } finally {
      journal.close();
    }
  }));

Deno.test("what a store journals is synced with its transaction, and what is only recorded is not", () =>
  inDirectory((root) => {
    const seen: unknown[] = [];
    const { addRun, addCommitted, durably } = Journal.prototype;
    let isSynced = false;
    const note = (what: string) => seen.push(`${what} ${isSynced ? "synced" : "not synced"}`);
    Journal.prototype.durably = function <T>(body: () => T): T {
      isSynced = true;
      const result = durably.call(this, body) as T;
      isSynced = false;
      return result;
    };
    Journal.prototype.addRun = function (...args) {
      note("run");
      return addRun.apply(this, args);
    };
    Journal.prototype.addCommitted = function (...args) {
      note("record");
      return addCommitted.apply(this, args);
    };
    try {
      withStore(root, (store) => {
        const { id } = store.begin(transferOf());
        const [placement] = store.register(id, 0, [fileEntry("d/f", 5)], [0]);
        fillPart(placement, "hello");
        store.journal(id, [{ entry: 0, first: 0, digests: digest(1), synced: false }]);
        store.placeDirectories(id);
        store.commit(id, [wholeFile(0)]);
      });
    } finally {
      Object.assign(Journal.prototype, { addRun, addCommitted, durably });
    }
    assert.deepEqual(seen, ["run synced", "record not synced"]);
  }));

Deno.test("Journal holds times before 1970 and beyond 2^53", () =>
  withJournal((journal) => {
    for (const mtimeNs of [-5n, 1_900_000_000_123_456_789n]) {
      const row = { path: "p", digest: digest(3), chunkBytes: 1, mtimeNs, stamp: stampFor(1) };
      journal.addCommitted(row);
      assert.deepEqual(journal.committed("p"), row);
    }
  }));

Deno.test("a part is believed whose sum is not at hand any more (I8)", async () => {
  await withJournal((journal) => {
    const rest = { sizeBytes: 2, stamp: stampFor(2), recordedNs: 0n };
    const ids: number[] = [];
    journal.transaction(() => {
      journal.transfers.add({ ...TRANSFER, key: KEY, moreGiven: 0 });
      for (let entry = 0; entry < 5000; entry++) {
        ids.push(journal.addPart(KEY, { path: `p${entry}`, name: partName(entry), ...rest }));
      }
      journal.addRun(ids[0]!, { first: 0, digests: digest(7) });
      journal.addRun(ids[4999]!, { first: 1, digests: digest(8) });
    });
    assert.deepEqual(journal.held(ids[0]!, 2).digests, digest(7));
    assert.deepEqual(journal.held(ids[4999]!, 2).digests, digest(8));
  });
});
