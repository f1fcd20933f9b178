import assert from "node:assert/strict";
import fc from "fast-check";
import { digest, inDirectory, PEER, stampFor } from "./_fixture.ts";
import { Journal } from "./journal.ts";
import { rowSum } from "./row_sum.ts";
import { openState } from "./schema.ts";

const KEY = digest(1);
const NAME = `${"0".repeat(16)}/0/1`;
const TRANSFER = {
  key: KEY,
  destination: "",
  chunkBytes: 65_536,
  startedNs: 0n,
  touchedNs: 5n,
  peer: PEER,
  given: ["f"],
  frontier: "f",
};

Deno.test("rowSum() is CRC-32 over length and bytes of each value", () => {
  // `crc32` of gzip over 00 00 00 03 61 62 63.
  assert.equal(rowSum(["abc"]), rowSum([new Uint8Array([97, 98, 99])]));
  assert.equal(rowSum([]), 0);
  assert.equal(rowSum(["abc"]).toString(16), "45bce840");
  assert.equal(rowSum([1n]), rowSum([new Uint8Array([0, 0, 0, 0, 0, 0, 0, 1])]));
});

Deno.test("rowSum() takes a text for its UTF-8 bytes, wherever it is more than ASCII", () => {
  const text = fc.string({ unit: "binary" }).filter((text) => text.isWellFormed());
  fc.assert(fc.property(text, (text) => {
    assert.equal(rowSum([text, "z"]), rowSum([new TextEncoder().encode(text), "z"]));
  }));
  for (const text of ["a\u0080", "\u07ffa", "a\u0800", "\u{10000}a"]) {
    assert.equal(rowSum([text]), rowSum([new TextEncoder().encode(text)]), text);
  }
});

Deno.test("rowSum() tells lists of values apart, however their bytes are cut", () => {
  const texts = fc.array(fc.string(), { maxLength: 4 });
  fc.assert(fc.property(texts, texts, (a, b) => {
    if (JSON.stringify(a) !== JSON.stringify(b)) assert.notEqual(rowSum(a), rowSum(b));
  }));
});

/** Each a change to one row that SQLite itself cannot tell from the right one. */
const CHANGES: Readonly<Record<string, readonly [sql: string, left: readonly string[]]>> = {
  "run of other chunks": ["UPDATE runs SET first = first - 1", ["transfer", "part", "record"]],
  "digest": ["UPDATE runs SET digests = zeroblob(32)", ["transfer", "part", "record"]],
  "run of another part": ["UPDATE runs SET part = 2", ["transfer", "part", "record"]],
  "part of another path": ["UPDATE parts SET path = 'g'", ["transfer", "record"]],
  "part of another size": ["UPDATE parts SET size_bytes = 7", ["transfer", "record"]],
  "stamp of a part": ["UPDATE parts SET stamp = zeroblob(40)", ["transfer", "record"]],
  "name of a part": [`UPDATE parts SET name = '${NAME}2'`, ["transfer", "record"]],
  "type of a column": ["UPDATE parts SET stamp = 'text'", ["transfer", "record"]],
  "chunk size": ["UPDATE transfers SET chunk_bytes = 131072", ["record"]],
  "record": ["UPDATE committed SET digest = zeroblob(32)", ["transfer", "part", "run"]],
  "nothing": ["SELECT 1", ["transfer", "part", "run", "record"]],
  "age": ["UPDATE transfers SET touched_ns = 6", ["transfer", "part", "run", "record"]],
};

for (const [what, [sql, left]] of Object.entries(CHANGES)) {
  Deno.test(`a row is as none when it does not read as it was written: ${what}`, () =>
    inDirectory((root) => {
      const written = new Journal(openState(`${root}/state.db`));
      written.transfers.add(TRANSFER);
      const part = { path: "f", name: NAME, sizeBytes: 200_000, recordedNs: 1n };
      const id = written.addPart(KEY, { ...part, stamp: stampFor(200_000) });
      written.addPart(digest(2), { ...part, name: `${NAME}1`, stamp: stampFor(200_000) });
      written.addRun(id, { first: 2, digests: digest(3) });
      const record = { path: "c", digest: digest(4), chunkBytes: 65_536, mtimeNs: 1n };
      written.addCommitted({ ...record, stamp: stampFor(1) });
      written.close();
      const database = openState(`${root}/state.db`);
      database.exec(sql);
      const journal = new Journal(database);
      const found: string[] = [];
      if (journal.transfer(KEY) !== null) found.push("transfer");
      const row = journal.part(KEY, "f") ?? journal.part(KEY, "g");
      if (row !== null) found.push("part");
      const runs = [row?.id ?? id, 2].flatMap((part) => journal.held(part, 4).ranges);
      if (runs.length > 0) found.push("run");
      if (journal.committed("c") !== null) found.push("record");
      journal.close();
      assert.deepEqual(found, left);
    }));
}
