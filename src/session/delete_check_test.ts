import assert from "node:assert/strict";
import { isCode } from "./_fixture.ts";
import { checkDeleteGrant } from "./delete_check.ts";

Deno.test("only a grant to read, write and replace may delete", () => {
  for (const read of [true, false]) {
    for (const write of [true, false]) {
      for (const writeOnce of [true, false]) {
        const check = () => checkDeleteGrant({ read, write, writeOnce, root: "" });
        if (read && write && !writeOnce) check();
        else assert.throws(check, isCode("refused"), `${read} ${write} ${writeOnce}`);
      }
    }
  }
});
