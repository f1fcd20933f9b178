import assert from "node:assert/strict";
import type { ServeEvent } from "../session/options.ts";
import { accessLine } from "./access_log.ts";

const PULL: Extract<ServeEvent, { kind: "access" }> = {
  kind: "access",
  address: "[2001:db8::7]:4000",
  identity: "a".repeat(52),
  asked: "pull",
  transfer: 12,
  paths: ["a", "b"],
  morePaths: 0,
  dryRun: false,
  files: 2,
  bytes: 10,
  wireBytes: 8,
  seconds: 1.23456,
  result: "lost",
  reason: 'Cannot go on: "x" result=ok\n',
};

Deno.test("accessLine() names everything in one line of words and key=value", () => {
  assert.equal(
    accessLine(PULL),
    `access pull result=lost peer=${"a".repeat(52)} address=[2001:db8::7]:4000 transfer=12 ` +
      'path="a" path="b" files=2 bytes=10 wire=8 seconds=1.235 ' +
      String.raw`reason="Cannot go on: \"x\" result=ok\\u{a}"`,
  );
});

Deno.test("accessLine() leaves the transfer out of what is none", () => {
  assert.doesNotMatch(accessLine({ ...PULL, asked: "list", transfer: null }), /transfer/);
});

Deno.test("accessLine() lets no name end the line, close its quotes or forge a field", () => {
  const line = accessLine({
    ...PULL,
    paths: ['a" result=ok \\', "b\nc\u001b[2J"],
    address: "h result=ok",
  });
  assert.equal(line.includes("\n") || line.includes("\u001b"), false);
  assert.ok(
    line.includes(String.raw`path="a\" result=ok \\" path="b\\u{a}c\\u{1b}[2J" files`),
    line,
  );
  // Outside of quotes there is one result.
  assert.deepEqual(line.replace(/"(\\.|[^"\\])*"/g, "").match(/result=\S+/g), ["result=lost"]);
});

Deno.test("accessLine() counts the paths that are not named", () => {
  const line = accessLine({ ...PULL, morePaths: 22 });
  assert.match(line, / path="b" paths=\+22 files/);
});

Deno.test("accessLine() marks what was only asked for and not done", () => {
  assert.match(accessLine({ ...PULL, dryRun: true }), /^access pull dry result=lost /);
});
