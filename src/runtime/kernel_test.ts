import assert from "node:assert/strict";
import { constants } from "node:os";
import { systemError } from "./kernel.ts";

Deno.test("systemError() names what the kernel says as node:fs would, and what node:os leaves out", () => {
  const { ENOENT } = constants.errno;
  const { message, ...rest } = systemError("openat2", ENOENT);
  assert.equal(message, "ENOENT: openat2 failed");
  assert.deepEqual(rest, { code: "ENOENT", errno: -ENOENT, syscall: "openat2" });
  assert.equal(systemError("openat2", 117).message, "EUCLEAN: openat2 failed");
  assert.equal(systemError("openat2", 4095).message, "E4095: openat2 failed");
});
