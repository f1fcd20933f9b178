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
