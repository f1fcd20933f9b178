import assert from "node:assert/strict";
import { constants } from "node:os";
import { linuxErrorName } from "./errno.ts";

Deno.test("linuxErrorName() knows what node:os leaves out, and nothing that it has", () => {
  assert.equal(linuxErrorName(117), "EUCLEAN");
  assert.equal(linuxErrorName(133), "EHWPOISON");
  assert.equal(linuxErrorName(4095), null);
  if (constants.errno.ENOTEMPTY !== 39) return; // Other systems number theirs in another way.
  for (const [name, errno] of Object.entries(constants.errno)) {
    assert.equal(linuxErrorName(errno), null, name);
  }
});
