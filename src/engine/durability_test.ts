import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { fileEntry, recordOf } from "./_fixture.ts";
import { DurabilityLedger } from "./durability.ts";
import { ReceiveFile } from "./receive_file.ts";

const NONE = () => false;
const ALL = 100;

function fileOf(index: number, chunks = 8): ReceiveFile {
  const entry = fileEntry(`f${index}`, 4 * chunks);
  return new ReceiveFile(index, { entry, chunks, fresh: true });
}

/** A frame with one chunk is written. */
function store(
  ledger: DurabilityLedger,
  file: ReceiveFile,
  { frame, chunk, bytes = 4 }: { frame: number; chunk: number; bytes?: number },
): void {
  ledger.opened(frame);
  file.store(recordOf(file.index, chunk), { written: true });
  ledger.stored(file, frame, bytes);
  ledger.frameStored(frame);
}

Deno.test("the journal is due after its interval since the first chunk, not before", () => {
  const ledger = new DurabilityLedger();
  const file = fileOf(0);
  ledger.tick(1_000);
  assert.equal(ledger.takeDue(NONE), null, "nothing is to be journalled");
  store(ledger, file, { frame: 0, chunk: 0 });
  ledger.tick(1_000 + LIMITS.journalMs - 1);
  store(ledger, file, { frame: 1, chunk: 1 });
  assert.equal(ledger.takeDue(NONE), null);
  ledger.tick(1_000 + LIMITS.journalMs);
  const runs = ledger.takeDue(NONE);
  assert.deepEqual(runs?.map(({ entry, first, synced }) => ({ entry, first, synced })), [
    { entry: 0, first: 0, synced: false },
  ]);
});

Deno.test("the journal is due at once when enough bytes are stored", () => {
  const ledger = new DurabilityLedger();
  const file = fileOf(0);
  store(ledger, file, { frame: 0, chunk: 0, bytes: LIMITS.journalBytes - 1 });
  assert.equal(ledger.takeDue(NONE), null);
  store(ledger, file, { frame: 1, chunk: 1, bytes: 1 });
  assert.equal(ledger.takeDue(NONE)?.length, 1);
  store(ledger, file, { frame: 2, chunk: 2, bytes: 1 });
  ledger.journalled();
  assert.equal(ledger.takeDue(NONE), null, "bytes are counted anew");
});

Deno.test("journalled() answers the files of which nothing awaits the journal any more (I8)", () => {
  const ledger = new DurabilityLedger();
  const [done, more] = [fileOf(0), fileOf(1)];
  store(ledger, done, { frame: 0, chunk: 0 });
  store(ledger, more, { frame: 1, chunk: 0 });
  ledger.tick(LIMITS.journalMs);
  ledger.takeDue(NONE);
  assert.ok(ledger.awaits(done), "the write is under way");
  store(ledger, more, { frame: 2, chunk: 1 });
  assert.deepEqual(ledger.journalled(), [done]);
  assert.deepEqual([ledger.awaits(done), ledger.awaits(more)], [false, true]);
});

Deno.test("a frame is durable when the journal is written, not when it is asked to be", () => {
  const ledger = new DurabilityLedger();
  const file = fileOf(0);
  store(ledger, file, { frame: 5, chunk: 0 });
  assert.equal(ledger.hasDurable, false);
  ledger.tick(LIMITS.journalMs);
  ledger.takeDue(NONE);
  assert.equal(ledger.hasDurable, false);
  ledger.journalled();
  assert.equal(ledger.hasDurable, true);
  assert.deepEqual(ledger.drain(ALL), [[5, 1]]);
  assert.equal(ledger.hasDurable, false);
});

Deno.test("one journal write is under way at a time", () => {
  const ledger = new DurabilityLedger();
  const file = fileOf(0);
  store(ledger, file, { frame: 0, chunk: 0 });
  ledger.tick(LIMITS.journalMs);
  assert.ok(ledger.takeDue(NONE));
  store(ledger, file, { frame: 1, chunk: 1 });
  ledger.tick(3 * LIMITS.journalMs);
  assert.equal(ledger.takeDue(NONE), null);
  ledger.journalled();
  assert.deepEqual(ledger.drain(ALL), [[0, 1]], "the second frame was not in that write");
  assert.ok(ledger.takeDue(NONE));
});

Deno.test("a frame with chunks of two files is durable when both are", () => {
  const ledger = new DurabilityLedger();
  const [a, b] = [fileOf(0), fileOf(1)];
  ledger.opened(3);
  for (const file of [a, b]) {
    file.store(recordOf(file.index, 0), { written: true });
    ledger.stored(file, 3, 4);
  }
  ledger.frameStored(3);
  ledger.settled(a);
  assert.equal(ledger.hasDurable, false);
  ledger.settled(b);
  assert.deepEqual(ledger.drain(ALL), [[3, 1]]);
});

Deno.test("a frame is not durable while some of it is not stored", () => {
  const ledger = new DurabilityLedger();
  const file = fileOf(0);
  ledger.opened(3);
  file.store(recordOf(0, 0), { written: true });
  ledger.stored(file, 3, 4);
  ledger.settled(file);
  assert.equal(ledger.hasDurable, false);
  ledger.frameStored(3);
  assert.deepEqual(ledger.drain(ALL), [[3, 1]]);
});

Deno.test("a frame of which nothing awaits the journal is durable at once", () => {
  const ledger = new DurabilityLedger();
  ledger.opened(9);
  ledger.frameStored(9);
  assert.deepEqual(ledger.drain(ALL), [[9, 1]]);
});

Deno.test("a settled file is not journalled any more", () => {
  const ledger = new DurabilityLedger();
  const file = fileOf(0);
  store(ledger, file, { frame: 0, chunk: 0 });
  ledger.settled(file);
  ledger.tick(LIMITS.journalMs);
  assert.equal(ledger.takeDue(NONE), null);
});

Deno.test("a file whose commit is near is skipped, and its frames wait for the commit", () => {
  const ledger = new DurabilityLedger();
  const [soon, later] = [fileOf(0), fileOf(1)];
  store(ledger, soon, { frame: 0, chunk: 0 });
  store(ledger, later, { frame: 1, chunk: 0 });
  ledger.tick(LIMITS.journalMs);
  const runs = ledger.takeDue((file) => file === soon);
  assert.deepEqual(runs?.map(({ entry }) => entry), [1]);
  ledger.journalled();
  assert.deepEqual(ledger.drain(ALL), [[1, 1]]);
  ledger.settled(soon);
  assert.deepEqual(ledger.drain(ALL), [[0, 1]]);
});

Deno.test("a file of one chunk is called synced, as its worker synced it", () => {
  const ledger = new DurabilityLedger();
  store(ledger, fileOf(0, 1), { frame: 0, chunk: 0 });
  ledger.tick(LIMITS.journalMs);
  assert.equal(ledger.takeDue(NONE)?.[0]?.synced, true);
});

Deno.test("a frame that repeats what is journalled already is durable with the next look", () => {
  const ledger = new DurabilityLedger();
  const file = fileOf(0);
  store(ledger, file, { frame: 0, chunk: 0 });
  ledger.tick(LIMITS.journalMs);
  ledger.takeDue(NONE);
  ledger.journalled();
  ledger.drain(ALL);
  ledger.opened(1);
  ledger.stored(file, 1, 0);
  ledger.frameStored(1);
  assert.equal(ledger.hasDurable, false);
  ledger.tick(2 * LIMITS.journalMs);
  assert.equal(ledger.takeDue(NONE), null, "nothing new is to be journalled");
  assert.deepEqual(ledger.drain(ALL), [[1, 1]]);
});

Deno.test("copies made here await the journal, but acknowledge no frame", () => {
  const ledger = new DurabilityLedger();
  const file = fileOf(0);
  file.store(recordOf(0, 0), { written: true });
  ledger.stored(file, -1, 4);
  ledger.tick(LIMITS.journalMs);
  assert.ok(ledger.takeDue(NONE));
  ledger.journalled();
  assert.deepEqual(ledger.drain(ALL), []);
});

Deno.test("takeRest() answers what is not journalled, due or not, once", () => {
  const ledger = new DurabilityLedger();
  const file = fileOf(3);
  store(ledger, file, { frame: 0, chunk: 0 });
  store(ledger, file, { frame: 1, chunk: 1 });
  store(ledger, file, { frame: 2, chunk: 5 });
  assert.equal(ledger.takeDue(NONE), null);
  assert.deepEqual(ledger.takeRest().map(({ entry, first }) => [entry, first]), [[3, 0], [3, 5]]);
  assert.deepEqual(ledger.takeRest(), []);
});

Deno.test("no more than two intervals are stored and not durable, one of them with the disk", () => {
  const ledger = new DurabilityLedger({ intervalBytes: 8 });
  const file = fileOf(0);
  store(ledger, file, { frame: 0, chunk: 0, bytes: 8 });
  assert.equal(ledger.isFull, false);
  assert.ok(ledger.takeDue(NONE));
  store(ledger, file, { frame: 1, chunk: 1, bytes: 7 });
  assert.equal(ledger.isFull, false);
  store(ledger, file, { frame: 2, chunk: 2, bytes: 1 });
  assert.equal(ledger.isFull, true);
  ledger.journalled();
  assert.equal(ledger.isFull, false);
  assert.ok(ledger.takeDue(NONE), "the next interval is due at once");
});

Deno.test("what waits for a commit is not durable before it, and is written at the end", () => {
  const ledger = new DurabilityLedger({ intervalBytes: 8 });
  const [soon, sooner] = [fileOf(0), fileOf(1)];
  store(ledger, soon, { frame: 0, chunk: 0, bytes: 8 });
  assert.equal(ledger.takeDue(() => true), null);
  store(ledger, sooner, { frame: 1, chunk: 0, bytes: 8 });
  assert.equal(ledger.takeDue(() => true), null);
  assert.equal(ledger.isFull, true);
  ledger.settled(sooner);
  assert.equal(ledger.isFull, false);
  assert.deepEqual(ledger.drain(ALL), [[1, 1]]);
  assert.deepEqual(ledger.takeRest().map(({ entry }) => entry), [0]);
});

Deno.test("what waits for a commit takes no room of what is journalled", () => {
  const ledger = new DurabilityLedger({ intervalBytes: 8 });
  const [soon, other] = [fileOf(0), fileOf(1)];
  store(ledger, soon, { frame: 0, chunk: 0, bytes: 15 });
  assert.equal(ledger.takeDue(() => true), null);
  store(ledger, other, { frame: 1, chunk: 0, bytes: 15 });
  assert.equal(ledger.isFull, false);
  assert.ok(ledger.takeDue(NONE));
  assert.equal(ledger.isFull, false);
  store(ledger, other, { frame: 2, chunk: 1, bytes: 1 });
  assert.equal(ledger.isFull, true);
});

Deno.test("bytes of a file that is settled count no more", () => {
  const ledger = new DurabilityLedger({ intervalBytes: 8 });
  const [file, other] = [fileOf(0), fileOf(1)];
  store(ledger, file, { frame: 0, chunk: 0, bytes: 7 });
  ledger.settled(file);
  store(ledger, other, { frame: 1, chunk: 0, bytes: 7 });
  assert.equal(ledger.takeDue(NONE), null, "the interval is not full");
});
