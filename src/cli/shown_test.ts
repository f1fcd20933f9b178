import assert from "node:assert/strict";
import { shown } from "./shown.ts";

Deno.test("shown() hides a ticket, whole, mangled or in capitals", () => {
  const secret = "ab23".repeat(20);
  for (
    const text of [`sftpx1${secret}`, `x=sftpx1${secret}/path`, `SFTPX1${secret.toUpperCase()}`]
  ) {
    assert.doesNotMatch(shown(text), /ab23/i, text);
    assert.match(shown(text), /sftpx1\.\.\./);
  }
});

Deno.test("shown() escapes controls and bounds the length", () => {
  assert.equal(shown("a\x1b[2Jb\n"), "a\\u{1b}[2Jb\\u{a}");
  assert.ok(shown("x".repeat(5000)).length <= 200);
});
