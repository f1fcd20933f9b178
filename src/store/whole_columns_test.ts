import assert from "node:assert/strict";
import fc from "fast-check";
import { packRuns, unpackRuns } from "./run_columns.ts";
import { packWholeFiles, unpackWholeFiles } from "./whole_columns.ts";

const ENTRY = fc.nat({ max: 2 ** 32 - 1 });
const digests = (count: number) => fc.uint8Array({ minLength: 32 * count, maxLength: 32 * count });
const NS = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const ID = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const STAMP = fc.record({
  device: ID,
  inode: ID,
  sizeBytes: fc.maxSafeNat(),
  mtimeNs: NS,
  ctimeNs: NS,
}, { noNullPrototype: true });

/** As another thread gets it. */
const sent = <T>(value: T): T => structuredClone(value);

Deno.test("files to commit arrive as they were sent", () => {
  const whole = fc.record(
    {
      entry: ENTRY,
      digest: digests(1),
      synced: fc.boolean(),
      keep: fc.boolean(),
      begins: fc.option(STAMP, { nil: null }),
    },
    { requiredKeys: ["entry", "digest", "synced", "keep"], noNullPrototype: true },
  );
  fc.assert(fc.property(fc.array(whole), (files) => {
    assert.deepEqual(unpackWholeFiles(sent(packWholeFiles(files))), files);
  }));
});

Deno.test("runs of chunks arrive as they were sent", () => {
  const run = fc.record({
    entry: ENTRY,
    first: fc.nat({ max: 2 ** 22 }),
    digests: fc.nat({ max: 3 }).chain(digests),
    synced: fc.boolean(),
  }, { noNullPrototype: true });
  fc.assert(fc.property(fc.array(run), (runs) => {
    assert.deepEqual(unpackRuns(sent(packRuns(runs))), runs);
  }));
});
