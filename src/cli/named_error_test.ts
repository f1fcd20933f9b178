import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import { namedError } from "./named_error.ts";

function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: as the system says it`), { code });
}

Deno.test("namedError() takes a name that leads nowhere for a slip of whoever wrote it", () => {
  for (const code of ["ENOENT", "ENOTDIR", "EISDIR"]) {
    const error = namedError(systemError(code), 'look into "x"');
    assert.equal(error.code, "usage");
    assert.match(error.message, /^Cannot look into "x": [a-z ]+$/);
  }
});

Deno.test("namedError() says anything else in words, never by the system's code", () => {
  const denied = namedError(systemError("EACCES"), 'look into "x"');
  assert.equal(denied.code, "permission");
  assert.equal(denied.message, 'Cannot look into "x": permission denied');
  assert.equal(namedError(systemError("ENOSPC"), "write").code, "no_space");
  const told = new SftpxError("limit", "Cannot y");
  assert.equal(namedError(told, "x"), told);
});
