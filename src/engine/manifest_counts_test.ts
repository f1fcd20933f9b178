import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { fileEntry } from "./_fixture.ts";
import { ManifestCounts } from "./manifest_counts.ts";

Deno.test("ManifestCounts takes files up to what is counted exactly, and not one byte more", () => {
  const counts = new ManifestCounts();
  counts.add(fileEntry("a", LIMITS.transferBytes - 1));
  counts.add(fileEntry("b", 1));
  counts.add(fileEntry("empty", 0));
  assert.throws(() => counts.add(fileEntry("c", 1)), { code: "limit", remote: true });
  counts.close({
    type: "manifest_end",
    transfer: 1,
    // What was refused ended the transfer: that it counts does not matter.
    entries: 4,
    files: 4,
    bytes: LIMITS.transferBytes,
  });
  assert.equal(counts.totals?.bytes, LIMITS.transferBytes);
});

Deno.test("ManifestCounts never takes a sum for another that only looks the same", () => {
  const counts = new ManifestCounts();
  counts.add(fileEntry("a", LIMITS.fileBytes));
  // Added as doubles, these two and one byte less come to the same.
  assert.throws(() => counts.add(fileEntry("b", LIMITS.fileBytes)), { code: "limit" });
  assert.throws(() => counts.add(fileEntry("b", 2)), { code: "limit" });
});
