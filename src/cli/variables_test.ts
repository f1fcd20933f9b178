import assert from "node:assert/strict";
import { mistypedVariables } from "./variables.ts";

Deno.test("mistypedVariables() names the variable that was meant", () => {
  assert.deepEqual(mistypedVariables(["PATH", "SFTPX_TIMEUOT", "SFTPX_HOM", "sftpx_atomic"]), [
    "SFTPX_TIMEUOT is set and means nothing, did you mean SFTPX_TIMEOUT",
    "SFTPX_HOM is set and means nothing, did you mean SFTPX_HOME",
    "sftpx_atomic is set and means nothing, did you mean SFTPX_ATOMIC",
  ]);
});

Deno.test("mistypedVariables() leaves alone what means something, and what is near to nothing", () => {
  const fine = ["SFTPX_TIMEOUT", "SFTPX_KEEP_FOR", "SFTPX_TICKET", "SFTPX_WITHOUT", "SFTPX_HOME"];
  assert.deepEqual(mistypedVariables([...fine, "SFTPX_MY_SCRIPT_STATE", "MY_SFTPX_TIMEUOT"]), []);
});

Deno.test("mistypedVariables() shows names safely, and not hundreds of them", () => {
  const [note] = mistypedVariables(["SFTPX_TIMEOU\u001bT"]);
  assert.match(note ?? "", /^SFTPX_TIMEOU\\u\{1b\}T is set/);
  const many = Array.from({ length: 100 }, (_, index) => `SFTPX_TIMEOUT${index % 10}`);
  assert.equal(mistypedVariables(many).length, 5);
});
