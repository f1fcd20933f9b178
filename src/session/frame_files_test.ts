import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { filesOfFrame } from "./frame_files.ts";

Deno.test("where nobody saw a long path a frame takes as many files as it can hold", () => {
  assert.equal(filesOfFrame(0, {}), LIMITS.recordsPerFrame);
  assert.equal(filesOfFrame(0, { isLong: false }), LIMITS.recordsPerFrame);
});

Deno.test("on a long path frames take few files at first, never fewer than before, and as many in the end", () => {
  const sizes = Array.from({ length: 200 }, (_, frame) => filesOfFrame(frame, { isLong: true }));
  assert.ok(sizes[0]! <= LIMITS.recordsPerFrame / 16, `${sizes[0]}`);
  // Each of four connections has some before they grow.
  assert.equal(new Set(sizes.slice(0, 8)).size, 1);
  assert.deepEqual(sizes, sizes.toSorted((one, two) => one - two));
  assert.equal(sizes.at(-1), LIMITS.recordsPerFrame);
  assert.equal(filesOfFrame(1e9, { isLong: true }), LIMITS.recordsPerFrame);
});
