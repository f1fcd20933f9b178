import assert from "node:assert/strict";
import type { ReceiveStream } from "../transport/transport.ts";
import { isCode } from "./_fixture.ts";
import { readExactly } from "./lane_bytes.ts";

Deno.test("readExactly() joins pieces, tells an end before from an end within", async () => {
  const pieces = (...lengths: number[]): ReceiveStream => ({
    read: (into) => {
      const length = lengths.shift();
      if (length === undefined) return Promise.resolve(null);
      const { byteOffset } = into;
      return Promise.resolve(
        new Uint8Array(into.buffer.transfer(), byteOffset, length).fill(length),
      );
    },
    cancel: () => {},
  });
  const whole = await readExactly(pieces(2, 1, 3), new ArrayBuffer(8), { bytes: 6 });
  assert.deepEqual(whole, Uint8Array.of(2, 2, 1, 3, 3, 3));
  assert.equal(await readExactly(pieces(), new ArrayBuffer(8), { bytes: 6 }), null);
  await assert.rejects(readExactly(pieces(2), new ArrayBuffer(8), { bytes: 6 }), isCode("lost"));
});

Deno.test("readExactly() waits for many bytes at a time, for fewer at the end, and puts them where asked", async () => {
  const asked: (readonly [at: number, room: number, least: number | undefined])[] = [];
  const stream: ReceiveStream = {
    read: (into, { leastBytes } = {}) => {
      const { byteOffset, byteLength } = into;
      asked.push([byteOffset, byteLength, leastBytes]);
      const length = leastBytes ?? 1;
      return Promise.resolve(new Uint8Array(into.buffer.transfer(), byteOffset, length));
    },
    cancel: () => {},
  };
  const many = 256 * 1024;
  const options = { bytes: many + 10, offsetBytes: 444 };
  const body = await readExactly(stream, new ArrayBuffer(many + 1000), options);
  assert.deepEqual([body?.byteOffset, body?.byteLength], [444, many + 10]);
  assert.deepEqual(asked, [[444, many + 10, many], [444 + many, 10, 10]]);
});
