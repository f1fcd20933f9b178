import assert from "node:assert/strict";
import { concatBytes } from "../base/bytes.ts";
import { digest, fileEntry, stampOf } from "./_fixture.ts";
import { mayTrustUnread, sameStamp, SendFile } from "./send_file.ts";

function fileOf(sizeBytes: number): SendFile {
  const entry = fileEntry("a", sizeBytes);
  const origin = { path: "/a", stamp: entry.stamp! };
  return new SendFile(3, { origin, entry, chunks: Math.ceil(sizeBytes / 4) });
}

Deno.test("SendFile plans its chunks in order, but those that are stored", () => {
  const file = fileOf(16);
  file.store(1);
  const planned: number[] = [];
  for (let next = file.nextChunk(); next !== null; next = file.nextChunk()) {
    planned.push(next);
    file.advance();
  }
  assert.deepEqual(planned, [0, 2, 3]);
});

Deno.test("know() tells a chunk read twice the same from one that differs", () => {
  const file = fileOf(8);
  assert.equal(file.know(1, digest(1)), "new");
  assert.equal(file.isKnown, false);
  assert.equal(file.know(1, digest(1)), "same");
  assert.equal(file.know(1, digest(2)), "differs");
  assert.equal(file.know(0, digest(0)), "new");
  assert.equal(file.isKnown, true);
  assert.deepEqual(file.digests, concatBytes([digest(0), digest(1)]));
});

Deno.test("a file of one chunk knows, stores and holds it like any other", () => {
  const file = fileOf(3);
  assert.deepEqual([file.isKnown, file.isAllStored, file.isAllHeld], [false, false, false]);
  assert.deepEqual(file.digests, new Uint8Array(32));
  file.hold({ ranges: [[0, 1]], digests: digest(4) });
  assert.deepEqual([file.isAllHeld, file.heldEnd], [true, 1]);
  assert.deepEqual(file.heldDigest(0), digest(4));
  file.forgetHeld();
  assert.deepEqual([file.isAllHeld, file.heldDigest(0)], [false, null]);
  assert.equal(file.know(0, digest(1)), "new");
  assert.equal(file.know(0, digest(1)), "same");
  assert.equal(file.know(0, digest(2)), "differs");
  assert.deepEqual(file.digests, digest(1));
  assert.deepEqual([file.isKnown, file.isAllStored], [true, false]);
  assert.deepEqual([file.store(0), file.store(0)], [true, false]);
  assert.deepEqual([file.isKnown, file.isAllStored, file.nextChunk()], [true, true, null]);
});

Deno.test("store() counts a chunk once", () => {
  const file = fileOf(8);
  assert.equal(file.store(0), true);
  assert.equal(file.store(0), false);
  assert.equal(file.isAllStored, false);
  assert.equal(file.store(1), true);
  assert.equal(file.isAllStored, true);
  assert.equal(file.isStored(1), true);
});

Deno.test("an empty file is known and stored from the start", () => {
  const file = fileOf(0);
  assert.equal(file.isKnown && file.isAllStored, true);
  assert.equal(file.nextChunk(), null);
});

Deno.test("heldDigest() answers what the receiver said, until it is forgotten", () => {
  const file = fileOf(16);
  assert.equal(file.heldDigest(0), null);
  file.hold({ ranges: [[1, 2]], digests: concatBytes([digest(1), digest(2)]) });
  assert.equal(file.heldDigest(0), null);
  assert.deepEqual(file.heldDigest(1), digest(1));
  assert.deepEqual(file.heldDigest(2), digest(2));
  assert.equal(file.heldDigest(3), null);
  file.forgetHeld();
  assert.equal(file.heldDigest(1), null);
  file.hold({ ranges: [[0, 1]], digests: digest(9) });
  assert.equal(file.heldDigest(1), null, "what was forgotten does not come back");
});

Deno.test("keepHeld() takes held chunks over as known and stored, and counts their bytes", () => {
  const file = fileOf(15);
  file.hold({ ranges: [[0, 1]], digests: digest(1) });
  file.hold({ ranges: [[3, 1]], digests: digest(4) });
  assert.equal(file.keepHeld(4), 4 + 3);
  assert.equal(file.kept, true);
  assert.equal(file.isStored(0) && file.isStored(3), true);
  assert.equal(file.nextChunk(), 1);
  assert.equal(file.know(3, digest(4)), "same");
});

Deno.test("sameStamp() sees every field", () => {
  const stamp = stampOf(5);
  assert.ok(sameStamp(stamp, { ...stamp }));
  const others = [
    { device: 9n },
    { inode: 9n },
    { sizeBytes: 9 },
    { mtimeNs: 9n },
    { ctimeNs: 9n },
  ];
  for (const other of others) assert.ok(!sameStamp(stamp, { ...stamp, ...other }));
});

Deno.test("mayTrustUnread() wants the stamp unchanged and two seconds old", () => {
  const SECOND = 1_000_000_000n;
  const stamp = { ...stampOf(5), mtimeNs: 10n * SECOND, ctimeNs: 10n * SECOND };
  assert.equal(mayTrustUnread(stamp, stamp, 12n * SECOND), true);
  assert.equal(mayTrustUnread(stamp, stamp, 12n * SECOND - 1n), false);
  assert.equal(mayTrustUnread(undefined, stamp, 99n * SECOND), false);
  assert.equal(mayTrustUnread({ ...stamp, sizeBytes: 6 }, stamp, 99n * SECOND), false);
  for (const name of ["mtimeNs", "ctimeNs"] as const) {
    const newer = { ...stamp, [name]: 11n * SECOND };
    assert.equal(mayTrustUnread(newer, newer, 12n * SECOND), false, name);
  }
});

Deno.test("storeRest() answers what was not stored, by what the receiver held of it", () => {
  const file = fileOf(14);
  file.hold({ ranges: [[1, 2]], digests: concatBytes([digest(1), digest(2)]) });
  for (const [chunk, value] of [[0, 0], [1, 1], [2, 9], [3, 3]]) file.know(chunk!, digest(value!));
  file.store(0);
  assert.deepEqual(file.storeRest(4), [
    { rawBytes: 4, encoding: "same" },
    { rawBytes: 4, encoding: "raw" },
    { rawBytes: 2, encoding: "raw" },
  ]);
  assert.ok(file.isAllStored);
  assert.deepEqual(file.storeRest(4), []);
});

Deno.test("SendFile plans what is missing before what is held, where it is to", () => {
  const plannedOf = (heldLast: boolean) => {
    const file = fileOf(20);
    file.hold({ ranges: [[1, 2]], digests: concatBytes([digest(1), digest(2)]) });
    file.hold({ ranges: [[4, 1]], digests: digest(4) });
    file.store(2);
    file.heldLast = heldLast;
    const planned: number[] = [];
    for (let next = file.nextChunk(); next !== null; next = file.nextChunk()) {
      planned.push(next);
      file.advance();
    }
    return planned;
  };
  assert.deepEqual(plannedOf(true), [0, 3, 1, 4]);
  assert.deepEqual(plannedOf(false), [0, 1, 3, 4]);
});
