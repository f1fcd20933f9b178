import assert from "node:assert/strict";
import process from "node:process";
import { Slabs } from "./slabs.ts";

Deno.test("take() answers zeros of which no piece is another's, aligned for any view", () => {
  const slabs = new Slabs();
  const sizes = Array.from({ length: 3000 }, (_, at) => (at * 37) % 2000);
  const pieces = sizes.map((bytes) => slabs.take(bytes));
  pieces.forEach((piece, at) => {
    assert.equal(piece.byteLength, sizes[at]);
    assert.equal(piece.byteOffset % 8, 0);
    assert.ok(piece.every((byte) => byte === 0), "another piece was written to");
    piece.fill(1 + at % 255);
  });
  pieces.forEach((piece, at) => assert.ok(piece.every((byte) => byte === 1 + at % 255)));
});

Deno.test("pieces share slabs, and what is larger than one stands alone", () => {
  const slabs = new Slabs();
  const buffers = new Set(Array.from({ length: 512 }, () => slabs.take(4096).buffer));
  assert.equal(buffers.size, 2);
  assert.equal(slabs.take(1 << 21).buffer.byteLength, 1 << 21);
});

Deno.test("keep() holds the bytes as they were", () => {
  const slabs = new Slabs();
  const bytes = Uint8Array.of(1, 2, 3);
  const kept = slabs.keep(bytes);
  bytes.fill(9);
  assert.deepEqual([...kept], [1, 2, 3]);
});

Deno.test({
  name: "what slabs hold lets no garbage grow: it is in no account of V8's (I8)",
  ignore: "bun" in process.versions,
  fn: () => {
    const slabs = new Slabs();
    const before = process.memoryUsage().external;
    const pieces = Array.from({ length: 4096 }, () => slabs.take(8192).fill(1));
    const after = process.memoryUsage().external;
    assert.ok(after - before < 4 << 20, `${after - before} bytes of ${32 << 20}`);
    assert.equal(pieces.length, 4096);
  },
});
