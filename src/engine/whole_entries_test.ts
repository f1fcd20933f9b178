import assert from "node:assert/strict";
import { digest, fileEntry, stampOf } from "./_fixture.ts";
import { ReceiveFile } from "./receive_file.ts";
import { RootLog } from "./root.ts";
import { WholeEntries } from "./whole_entries.ts";

const HELD = { awaitsJournal: true };

/** So many files of one chunk, sealed, and the entries they are to become. */
function entriesOf(count: number, sizeBytes = 4) {
  const log = new RootLog();
  const files = Array.from({ length: count }, (_, index) => {
    const entry = fileEntry(`f${100_000 + index}`, sizeBytes);
    log.add(entry);
    log.seal(index, digest(index & 0xff));
    return new ReceiveFile(index, { entry, chunks: 1, fresh: true });
  });
  return { entries: new WholeEntries(log), files };
}

Deno.test("a whole file is committed as it was sealed, the lowest of what is queued first", () => {
  const { entries, files } = entriesOf(3);
  for (const file of files) entries.add(file, HELD);
  for (const index of [2, 0, 1]) entries.queue(index);
  const whole = { synced: true, keep: false };
  assert.deepEqual(entries.takeQueued(2), [
    { entry: 0, digest: digest(0), ...whole },
    { entry: 1, digest: digest(1), ...whole },
  ]);
  assert.deepEqual(entries.takeQueued(2), [{ entry: 2, digest: digest(2), ...whole }]);
  assert.deepEqual(entries.takeQueued(2), []);
});

Deno.test("a file that stands and is kept is not called synced", () => {
  const { entries, files: [file] } = entriesOf(1);
  file!.standing = { path: "/there", stamp: stampOf(4) };
  assert.deepEqual(entries.add(file!, HELD)(), {
    entry: 0,
    digest: digest(0),
    synced: false,
    keep: true,
  });
});

Deno.test("of a file that the journal has heard of a byte is kept, and it is whole still (I8)", () => {
  const { entries, files } = entriesOf(3000);
  for (const file of files) entries.add(file, { awaitsJournal: file.index < 2000 });
  assert.equal(entries.held, 2000);
  for (const { index } of files) entries.shed(index);
  assert.equal(entries.held, 0);
  assert.equal(entries.file(1), null);
  assert.ok(files.every(({ index }) => entries.has(index)));
  entries.queue(2999);
  assert.deepEqual(entries.takeQueued(1)[0]?.digest, digest(2999 & 0xff));
});

Deno.test("what was committed is whole no more", () => {
  const { entries, files } = entriesOf(2);
  for (const file of files) entries.add(file, HELD);
  entries.delete(0);
  assert.deepEqual([entries.has(0), entries.has(1), entries.has(5)], [false, true, false]);
  assert.deepEqual([entries.file(0), entries.file(1)], [null, files[1]]);
  entries.delete(5_000_000);
});
