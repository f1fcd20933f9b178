import assert from "node:assert/strict";
import { ZSTD_LOADERS } from "../codec/compress.ts";
import { HASH_LOADERS } from "../codec/hash.ts";
import { DIRECT_NAME } from "../pool/direct.ts";
import { BENEATH_NAME } from "../runtime/beneath.ts";
import { SENDMSG_NAME } from "../runtime/udp.ts";
import { QUICHE_NAME } from "../transport/quiche/binding.ts";
import { mistypedVariables, unknownParts } from "./variables.ts";

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

Deno.test("unknownParts() tells of what SFTPX_WITHOUT cannot leave out, with what it can", () => {
  const [note, ...more] = unknownParts(["quiche", "bogus", "Zlib\u001b", "bogus"]);
  assert.deepEqual(more, []);
  assert.match(note ?? "", /^SFTPX_WITHOUT leaves out nothing named "bogus", "Zlib\\u\{1b\}"; /);
  assert.match(note ?? "", /; it knows quiche, openat2, .*fzstd$/);
});

Deno.test("unknownParts() knows every part that looks at SFTPX_WITHOUT", () => {
  const codecs = [...HASH_LOADERS, ...ZSTD_LOADERS].map(({ name }) => name);
  const parts = [QUICHE_NAME, BENEATH_NAME, SENDMSG_NAME, DIRECT_NAME, ...codecs];
  assert.deepEqual(unknownParts(parts), []);
  const known = /it knows (.*)$/.exec(unknownParts(["bogus"])[0] ?? "")?.[1] ?? "";
  assert.deepEqual(known.split(", ").sort(), parts.sort());
});
