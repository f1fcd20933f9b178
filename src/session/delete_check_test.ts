import assert from "node:assert/strict";
import { isCode } from "./_fixture.ts";
import { checkDelete, checkDeleteGrant } from "./delete_check.ts";

Deno.test("only a grant to read, write and replace may delete", () => {
  for (const read of [true, false]) {
    for (const write of [true, false]) {
      for (const writeOnce of [true, false]) {
        const check = () => checkDeleteGrant({ read, write, writeOnce, root: "" });
        const growing = { read, write, writeOnce, appendOnly: true, root: "" };
        assert.throws(() => checkDeleteGrant(growing), isCode("refused"));
        if (read && write && !writeOnce) check();
        else assert.throws(check, isCode("refused"), `${read} ${write} ${writeOnce}`);
      }
    }
  }
});

Deno.test("deleting that was said for many transfers is off where no source is a directory", () => {
  const file = [{ name: "f", kind: "file", contents: false }] as const;
  const directory = [{ name: "d", kind: "directory", contents: false }] as const;
  const asked = { delete: true, files: null };
  const byDefault = { ...asked, deleteByDefault: true };
  assert.throws(() => checkDelete(asked, file), isCode("usage"));
  assert.equal(checkDelete(byDefault, file), false);
  for (const choice of [asked, byDefault]) {
    assert.equal(checkDelete(choice, directory), true);
    assert.equal(checkDelete(choice, [...file, ...directory]), true);
    assert.equal(checkDelete(choice, null), true);
  }
  assert.equal(checkDelete({ ...byDefault, delete: false }, directory), false);
});
