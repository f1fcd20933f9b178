import assert from "node:assert/strict";
import fc from "fast-check";
import { anyStamp, anyTimeNs } from "../../tests/vectors/messages.ts";
import type { Entry } from "../wire/messages.ts";
import { PackedEntries, packEntries, unpackEntries } from "./entry_columns.ts";
import { packPlacements, unpackPlacements } from "./placement_columns.ts";
import type { Placement, WalkBatch } from "./store.ts";
import { packBatch, unpackBatch } from "./walk_columns.ts";

const text = fc.string({ unit: "binary", maxLength: 20 }).filter((path) => path.isWellFormed());
/** Whatever the wire lets through, in combinations that no walk makes as well. */
const entry: fc.Arbitrary<Entry> = fc.record({
  path: text,
  kind: fc.constantFrom("file", "directory", "link"),
  sizeBytes: fc.maxSafeNat(),
  mtimeNs: anyTimeNs,
  mode: fc.nat({ max: 0o7777 }),
  sparse: fc.boolean(),
  target: text,
  stamp: anyStamp,
}, {
  requiredKeys: ["path", "kind", "sizeBytes", "mtimeNs", "mode"],
  noNullPrototype: true,
}) as fc.Arbitrary<Entry>;
const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });

Deno.test("entries are the same when they were packed and cloned", () => {
  fc.assert(fc.property(fc.array(entry), (entries) => {
    assert.deepEqual(unpackEntries(structuredClone(packEntries(entries))), entries);
  }));
});

Deno.test("packed entries are the same one after the other, as often as they are gone through", () => {
  fc.assert(fc.property(fc.array(entry), (entries) => {
    const packed = new PackedEntries(structuredClone(packEntries(entries)));
    assert.equal(packed.length, entries.length);
    for (const _ of [1, 2]) assert.deepEqual([...packed], entries);
  }));
});

Deno.test("placements are the same when they were packed and cloned", () => {
  const placement: fc.Arbitrary<Placement> = fc.oneof(
    digest.map((digest): Placement => ({ kind: "unchanged", digest })),
    fc.uint8Array({ maxLength: 40 }).map((digest): Placement => ({ kind: "unchanged", digest })),
    fc.constantFrom<Placement>(
      { kind: "later" },
      { kind: "skipped" },
      { kind: "new", part: "/p" },
      { kind: "failed", code: "io", message: "m" },
    ),
  );
  fc.assert(fc.property(fc.array(placement), (placements) => {
    assert.deepEqual(unpackPlacements(structuredClone(packPlacements(placements))), placements);
  }));
});

Deno.test("a walk's batch is the same when it was packed and cloned", () => {
  const found = fc.record({
    entry,
    head: fc.constantFrom("/a/", "/b/c", ""),
    other: fc.option(text, { nil: null }),
    source: fc.nat(5),
  });
  fc.assert(fc.property(fc.array(found), (all) => {
    const batch: WalkBatch = {
      entries: all.map(({ entry }) => entry),
      // A source that was renamed has its entries under another name than its paths end with.
      paths: all.map(({ entry, head, other }) => other ?? head + entry.path),
      sources: all.map(({ source }) => source),
      notices: [{ path: "x", code: null, message: "m" }],
    };
    assert.deepEqual(unpackBatch(structuredClone(packBatch(batch))), batch);
  }));
});
