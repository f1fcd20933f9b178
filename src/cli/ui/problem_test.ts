import assert from "node:assert/strict";
import { ERROR_TABLE, type ErrorCode, SftpxError } from "../../base/errors.ts";
import {
  causeLines,
  entryFailedLine,
  errorLines,
  reconnectingLine,
  warningLine,
} from "./problem.ts";

const PLAIN = { color: false };

Deno.test("errorLines() gives the advice of the table for every code", () => {
  for (const [code, { advice }] of Object.entries(ERROR_TABLE)) {
    if (code === "usage") continue;
    const lines = errorLines(new SftpxError(code as ErrorCode, "Cannot x: y"), PLAIN);
    assert.deepEqual(lines, ["error: Cannot x: y", ...advice === null ? [] : [`  ${advice}`]]);
  }
});

Deno.test("errorLines() gives other advice where there is some for that code", () => {
  const error = new SftpxError("unreachable", "Cannot x: y");
  const advice = { unreachable: "Try TCP." };
  assert.deepEqual(errorLines(error, { ...PLAIN, advice }), ["error: Cannot x: y", "  Try TCP."]);
  assert.notEqual(errorLines(new SftpxError("lost", "z"), { ...PLAIN, advice })[1], "  Try TCP.");
});

Deno.test("errorLines() sends a usage error to the help of its command", () => {
  const error = new SftpxError("usage", "Cannot x");
  assert.equal(errorLines(error, PLAIN)[1], '  Run "sftpx --help" for the usage.');
  assert.equal(
    errorLines(error, { ...PLAIN, command: "send" })[1],
    '  Run "sftpx send --help" for the usage.',
  );
});

Deno.test("errorLines() says when the peer is who told it, and escapes what it told", () => {
  const error = new SftpxError("failed", "no\x1b[2J\nerror: fake", { remote: true });
  assert.deepEqual(errorLines(error, PLAIN), [
    "error: no\\u{1b}[2J\\u{a}error: fake (told by the peer)",
  ]);
  const found = new SftpxError("identity_mismatch", "Cannot connect", { remote: true });
  assert.equal(errorLines(found, PLAIN)[0], "error: Cannot connect");
});

Deno.test("errorLines() colours only the word", () => {
  const [line] = errorLines(new SftpxError("io", "Cannot x"), { color: true });
  assert.equal(line, "\x1b[1;31merror:\x1b[0m Cannot x");
});

Deno.test("causeLines() follows the chain of causes and ends", () => {
  const loop: { cause?: unknown } & Error = new Error("again");
  loop.cause = loop;
  assert.equal(causeLines(new SftpxError("io", "Cannot x", { cause: loop })).length, 5);
  const cause = new TypeError("b", { cause: "c\n" });
  assert.deepEqual(causeLines(new SftpxError("io", "Cannot x", { cause })), [
    "  caused by TypeError: b",
    "  caused by c\\u{a}",
  ]);
  assert.deepEqual(causeLines(new SftpxError("io", "Cannot x")), []);
});

Deno.test("entryFailedLine() and warningLine() escape what they show", () => {
  assert.equal(
    entryFailedLine({ path: "a\u202eb", message: "m\n" }, PLAIN),
    "failed: a\\u{202e}b: m\\u{a}",
  );
  assert.equal(warningLine("m\r", PLAIN), "warning: m\\u{d}");
});

Deno.test("reconnectingLine() says in one line what was found and how long the server is looked for", () => {
  const event = { kind: "reconnecting", withinMs: 29_400 } as const;
  const lost = { ...event, code: "lost", message: "Lost the peer: it has not answered for 5 s" };
  assert.equal(
    reconnectingLine(lost, PLAIN),
    "! lost the server: it has not answered for 5 s; looking for it for up to 30 s",
  );
  const busy = { ...event, code: "busy", message: "Cannot begin: it is being received already" };
  assert.equal(
    reconnectingLine(busy, PLAIN),
    "! the transfer has to wait: it is being received already; trying again for up to 30 s",
  );
});

Deno.test("reconnectingLine() leaves a colon in a quoted value alone, and a time below a second as it is", () => {
  const event = { kind: "reconnecting", code: "busy", withinMs: 500 } as const;
  const message = 'Cannot receive "a: b/\'c: d": another receives "x: y"';
  assert.equal(
    reconnectingLine({ ...event, message }, PLAIN),
    '! the transfer has to wait: another receives "x: y"; trying again for up to 500 ms',
  );
  assert.equal(
    reconnectingLine({ ...event, message: "The server stops", withinMs: 1001 }, PLAIN),
    "! the transfer has to wait: The server stops; trying again for up to 2 s",
  );
});

Deno.test("reconnectingLine() escapes what the peer said, and colours only the mark", () => {
  const event = {
    kind: "reconnecting",
    code: "lost",
    message: "gone\x1b[2J\n",
    withinMs: 500,
  } as const;
  assert.equal(
    reconnectingLine(event, { color: true }),
    "\x1b[33m!\x1b[0m lost the server: gone\\u{1b}[2J\\u{a}; looking for it for up to 500 ms",
  );
});
