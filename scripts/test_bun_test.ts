import assert from "node:assert/strict";
import { countsOf } from "./test_bun.ts";

Deno.test("countsOf() takes the last counts, with steps or without, and none for zeros", () => {
  const deno = "ok | 12 passed (3 steps) | 0 failed | 1 ignored (9s)\n";
  assert.deepEqual(countsOf(deno), { passed: 12, failed: 0 });
  const bun = "units | 5 passed | 2 failed | 0 ignored, 3 for Deno\n";
  assert.deepEqual(countsOf(deno + bun), { passed: 5, failed: 2 });
  assert.deepEqual(countsOf("error: it broke\n"), { passed: 0, failed: 0 });
});
