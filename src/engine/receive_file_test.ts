import assert from "node:assert/strict";
import { concatBytes } from "../base/bytes.ts";
import { digest, fileEntry, recordOf, stampOf } from "./_fixture.ts";
import { ReceiveFile } from "./receive_file.ts";

const WRITTEN = { written: true };

function fileOf(sizeBytes: number): ReceiveFile {
  const entry = fileEntry("a", sizeBytes);
  return new ReceiveFile(0, { entry, chunks: Math.ceil(sizeBytes / 4), fresh: false });
}

function sealedAs(kept: boolean) {
  return { entry: 0, digest: digest(0), kept };
}

Deno.test("ReceiveFile wants a chunk until it lands, and is complete when all are stored", () => {
  const file = fileOf(8);
  assert.equal(file.wants(0), true);
  file.land(0, 7);
  assert.equal(file.wants(0), false);
  assert.equal(file.carrierOf(0), 7);
  file.store(recordOf(0, 0), WRITTEN);
  assert.equal(file.wants(0), false);
  assert.equal(file.carrierOf(0), null);
  assert.equal(file.isComplete, false);
  file.land(1, 8);
  file.store(recordOf(0, 1), WRITTEN);
  assert.equal(file.isComplete, true);
  assert.deepEqual(file.digestOf(1), recordOf(0, 1).digest);
});

Deno.test("an empty file is complete", () => {
  assert.equal(fileOf(0).isComplete, true);
});

Deno.test("held chunks count only for a file that is kept", () => {
  const file = fileOf(8);
  file.hold({ ranges: [[0, 1]], digests: digest(1) });
  file.store(recordOf(0, 1), WRITTEN);
  assert.equal(file.wants(0), true);
  assert.equal(file.isComplete, false);
  file.sealed = sealedAs(false);
  assert.equal(file.isComplete, false);
  file.sealed = sealedAs(true);
  assert.equal(file.isComplete, true);
  assert.equal(file.heldBytes(4), 4);
});

Deno.test("a held chunk that lands, or is held twice, is not counted twice", () => {
  const file = fileOf(8);
  file.sealed = sealedAs(true);
  file.hold({ ranges: [[0, 1]], digests: digest(1) });
  file.hold({ ranges: [[0, 1]], digests: digest(2) });
  assert.equal(file.isComplete, false);
  file.land(0, 1);
  assert.equal(file.isHeld(0), false);
  file.store(recordOf(0, 0), WRITTEN);
  assert.equal(file.isComplete, false, "one of two chunks");
  file.hold({ ranges: [[1, 1]], digests: digest(3) });
  file.store(recordOf(0, 1, { encoding: "same" }), { written: false });
  assert.equal(file.isComplete, true);
});

Deno.test("takeRuns() joins neighbours, gives each chunk once, and none that is not written", () => {
  const file = fileOf(24);
  for (const chunk of [4, 1, 0]) file.store(recordOf(0, chunk), WRITTEN);
  file.store(recordOf(0, 3), { written: false });
  const runs = file.takeRuns();
  assert.deepEqual(runs, [
    { first: 0, digests: concatBytes([recordOf(0, 0).digest, recordOf(0, 1).digest]) },
    { first: 4, digests: recordOf(0, 4).digest },
  ]);
  assert.deepEqual(file.takeRuns(), []);
});

Deno.test("takeRuns() gives digests that later chunks do not change", () => {
  const file = fileOf(8);
  file.store(recordOf(0, 0), WRITTEN);
  const [run] = file.takeRuns();
  file.digests.fill(0);
  assert.deepEqual(run!.digests, recordOf(0, 0).digest);
});

Deno.test("forget() takes what is claimed within a range, once, and reclaim() gives back the rest", () => {
  const file = fileOf(24);
  for (const first of [0, 1, 3, 5]) file.hold({ ranges: [[first, 1]], digests: digest(first) });
  file.store(recordOf(0, 0, { encoding: "same" }), { written: false });
  assert.deepEqual(file.forget(0, 4), [[1, 1], [3, 1]]);
  assert.deepEqual(file.forget(0, 4), []);
  assert.deepEqual([1, 3, 5].map((chunk) => file.isForgetting(chunk)), [true, true, false]);
  assert.deepEqual([1, 3, 5].map((chunk) => file.isClaimed(chunk)), [false, false, true]);
  file.forgotten([[1, 1], [3, 1]]);
  assert.equal(file.isForgetting(1), false);
  assert.ok(file.isHeld(1) && file.wants(1), "it may still be the same");
  file.land(1, 7);
  assert.equal(file.reclaim(), true);
  assert.deepEqual(file.takeRuns(), [{ first: 3, digests: digest(3) }]);
});

Deno.test("keepsStanding holds while nothing is written and the size is the same", () => {
  const file = fileOf(8);
  assert.equal(file.keepsStanding, false);
  file.standing = { path: "/a", stamp: stampOf(9) };
  assert.equal(file.keepsStanding, false);
  file.standing = { path: "/a", stamp: stampOf(8) };
  assert.equal(file.keepsStanding, true);
  file.touched = true;
  assert.equal(file.keepsStanding, false);
});

Deno.test("unstore() sends a chunk taken as standing back to landing", () => {
  const file = fileOf(4);
  file.hold({ ranges: [[0, 1]], digests: digest(1) });
  file.store(recordOf(0, 0), { written: false });
  assert.equal(file.isComplete, true);
  file.unstore(0, -1);
  assert.equal(file.isComplete, false);
  assert.equal(file.wants(0), false);
  assert.equal(file.carrierOf(0), -1);
});

Deno.test("shed() gives digests up only when the journal has them", () => {
  const file = fileOf(8);
  for (const chunk of [0, 1]) file.store(recordOf(0, chunk), WRITTEN);
  file.shed();
  assert.equal(file.digests.byteLength, 64);
  assert.equal(file.takeRuns()[0]!.digests.byteLength, 64);
  assert.equal(file.digests.byteLength, 0);
});

Deno.test("a file of one chunk holds, forgets and claims it as any other does", () => {
  const file = fileOf(4);
  file.hold({ ranges: [[0, 1]], digests: digest(1) });
  assert.ok(file.isHeld(0) && file.isClaimed(0) && file.isAllHeld);
  assert.deepEqual(file.forget(0, 8), [[0, 1]]);
  assert.deepEqual([file.isForgetting(0), file.isClaimed(0)], [true, false]);
  file.forgotten([[0, 1]]);
  assert.deepEqual([file.isForgetting(0), file.wants(0)], [false, true]);
  assert.equal(file.reclaim(), true);
  assert.deepEqual(file.takeRuns(), [{ first: 0, digests: digest(1) }]);
  file.land(0, 7);
  assert.deepEqual([file.wants(0), file.carrierOf(0)], [false, 7]);
  file.store(recordOf(0, 0), WRITTEN);
  assert.deepEqual([file.isComplete, file.carrierOf(0)], [true, null]);
  assert.deepEqual(file.digestOf(0), recordOf(0, 0).digest);
});

Deno.test("a digest that is stored does not follow the record it came in", () => {
  for (const sizeBytes of [4, 8]) {
    const file = fileOf(sizeBytes);
    const record = recordOf(0, 0);
    const expected = record.digest.slice();
    file.store(record, WRITTEN);
    record.digest.fill(0);
    assert.deepEqual(file.digestOf(0), expected);
  }
});

Deno.test("frames and records that wait are taken out once, and are each file's own", () => {
  const [file, other] = [fileOf(8), fileOf(8)];
  for (const frame of [4, 9]) file.storedWith(frame);
  file.defer(recordOf(0, 1));
  file.defer(recordOf(0, 0));
  assert.deepEqual([other.takeUndurable(), other.takeDeferred()], [[], []]);
  assert.deepEqual(file.takeUndurable(), [4, 9]);
  assert.deepEqual(file.takeDeferred(), [recordOf(0, 1), recordOf(0, 0)]);
  assert.deepEqual([file.takeUndurable(), file.takeDeferred()], [[], []]);
});
