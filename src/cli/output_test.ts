import assert from "node:assert/strict";
import { textWriter } from "./output.ts";

function failing(code: string): Error {
  return Object.assign(new Error(code), { code });
}

Deno.test("textWriter() writes on after a short write", () => {
  const taken: number[] = [];
  const { write, failure } = textWriter(1, (_fd, bytes) => {
    const count = Math.min(2, bytes.length);
    taken.push(...bytes.subarray(0, count));
    return count;
  });
  write("héllo");
  assert.equal(new TextDecoder().decode(Uint8Array.from(taken)), "héllo");
  assert.equal(failure(), null);
});

Deno.test("textWriter() takes a broken pipe as success and writes no more", () => {
  let calls = 0;
  const { write, failure } = textWriter(1, () => {
    calls += 1;
    throw failing("EPIPE");
  });
  write("a");
  write("b");
  assert.equal(calls, 1);
  assert.equal(failure(), null);
});

Deno.test("textWriter() tries again where a pipe is busy", () => {
  let calls = 0;
  const { write, failure } = textWriter(1, (_fd, bytes) => {
    calls += 1;
    if (calls < 3) throw failing("EAGAIN");
    return bytes.length;
  });
  write("a");
  assert.equal(calls, 3);
  assert.equal(failure(), null);
});

Deno.test("textWriter() reports any other failure and does not throw", () => {
  const { write, failure } = textWriter(1, () => {
    throw failing("ENOSPC");
  });
  write("a");
  assert.equal(failure(), "ENOSPC");
});
