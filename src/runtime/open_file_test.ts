import assert from "node:assert/strict";
import { holdWhole } from "./open_file.ts";

Deno.test("holdWhole() closes a directory that cannot be looked at", () => {
  const made: unknown[] = [];
  const calls = {
    call: (...values: unknown[]) => {
      made.push(values);
      return 0;
    },
    look: () => {
      throw Object.assign(new Error("EIO"), { code: "EIO" });
    },
  };
  assert.throws(() => holdWhole(5, calls), { code: "EIO" });
  assert.deepEqual(made, [["close", 5]]);
});
