import assert from "node:assert/strict";
import { fileEntry, HASHING, offerOf, recordOf, stampOf } from "./_fixture.ts";
import { OpenFiles } from "./open_files.ts";
import { RootLog } from "./root.ts";
import { Sealing } from "./sealing.ts";
import { SendFile } from "./send_file.ts";
import { SendOutcome } from "./send_outcome.ts";

const CHUNK_BYTES = 4;

/** A sealing with one open file of two chunks. */
function sealingOf() {
  const entry = fileEntry("a", 2 * CHUNK_BYTES);
  const origin = { path: "/a", stamp: stampOf(entry.sizeBytes) };
  const log = new RootLog();
  log.add(entry);
  const files = new OpenFiles<SendFile>();
  files.open(new SendFile(0, { origin, entry, chunks: 2 }));
  const outcome = new SendOutcome(log, {
    offer: offerOf(),
    hashing: HASHING,
    tellEntries: false,
  });
  const sealing = new Sealing(files, { log, outcome, hashing: HASHING });
  sealing.opened(1);
  return { sealing, files, outcome };
}

Deno.test("a file is sealed with its last chunk", () => {
  const { sealing } = sealingOf();
  sealing.know(recordOf(0, 1), CHUNK_BYTES);
  assert.deepEqual([sealing.isOver, sealing.poll(1)], [false, null]);
  sealing.know(recordOf(0, 0), CHUNK_BYTES);
  assert.deepEqual([sealing.isOver, sealing.hasFailures], [true, false]);
  assert.equal(sealing.poll(1)?.type, "sealed");
  assert.equal(sealing.poll(1), null);
});

Deno.test("a sealed file is open until it is stored and its seal is said, in either order", () => {
  const first = sealingOf();
  for (const chunk of [0, 1]) first.sealing.know(recordOf(0, chunk), CHUNK_BYTES);
  for (const chunk of [0, 1]) assert.ok(first.sealing.store(recordOf(0, chunk)));
  assert.equal(first.sealing.store(recordOf(0, 1)), false, "it was stored before");
  assert.equal(first.files.size, 1);
  first.sealing.poll(1);
  assert.equal(first.files.size, 0);

  const second = sealingOf();
  for (const chunk of [0, 1]) second.sealing.know(recordOf(0, chunk), CHUNK_BYTES);
  second.sealing.poll(1);
  second.sealing.store(recordOf(0, 0));
  assert.equal(second.files.size, 1);
  second.sealing.store(recordOf(0, 1));
  assert.equal(second.files.size, 0);
});

Deno.test("a file that fails closes at once, and the receiver is to be told", () => {
  const { sealing, files, outcome } = sealingOf();
  sealing.know(recordOf(0, 0), CHUNK_BYTES);
  sealing.know(recordOf(0, 0, { digest: recordOf(5, 5).digest }), CHUNK_BYTES);
  assert.deepEqual([files.size, sealing.isOver, sealing.hasFailures], [0, true, true]);
  assert.equal(outcome.isGivenUp(0), true);
  assert.equal(outcome.pollReport()?.code, "source_changed");
  assert.equal(sealing.poll(1)?.type, "failed");
  assert.equal(sealing.hasFailures, false);
});

Deno.test("with the receipt all is stored and closed, and what was not known to be is answered", () => {
  const { sealing, files } = sealingOf();
  for (const chunk of [0, 1]) sealing.know(recordOf(0, chunk), CHUNK_BYTES);
  sealing.store(recordOf(0, 0));
  assert.deepEqual([...sealing.storeRest(CHUNK_BYTES)], [{ rawBytes: 4, encoding: "raw" }]);
  assert.equal(files.size, 0);
});
