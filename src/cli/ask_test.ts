import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { SftpxError } from "../base/errors.ts";
import { readLine } from "./ask.ts";

const never = new AbortController().signal;

Deno.test("readLine() gives the first line without its end", async () => {
  const input = new PassThrough();
  input.write("ye");
  const answer = readLine(input, { signal: never });
  input.write("s\r\nno\n");
  assert.equal(await answer, "yes");
});

Deno.test("readLine() gives null when the input ends", async () => {
  const input = new PassThrough();
  input.end();
  assert.equal(await readLine(input, { signal: never }), null);
});

Deno.test("readLine() stops with the signal's reason", async () => {
  const controller = new AbortController();
  const reason = new SftpxError("interrupted", "Stopped by SIGINT");
  const answer = readLine(new PassThrough(), { signal: controller.signal });
  controller.abort(reason);
  await assert.rejects(answer, reason);
  await assert.rejects(readLine(new PassThrough(), { signal: controller.signal }), reason);
});
