import assert from "node:assert/strict";
import * as zlib from "node:zlib";
import { LIMITS } from "../base/limits.ts";
import { checkZstdFrame } from "./zstd_header.ts";

const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
/** A last, raw, empty block. */
const EMPTY_BLOCK = [0x01, 0x00, 0x00];

Deno.test("checkZstdFrame() reads what a real encoder writes", () => {
  for (const size of [1, 255, 256, 65_791, 65_792, 2 ** 21]) {
    const frame = zlib.zstdCompressSync(new Uint8Array(size));
    const found = checkZstdFrame(frame, { rawBytes: size });
    assert.ok(found.contentBytes === null || found.contentBytes === size);
    assert.ok(found.windowBytes >= Math.min(size, 1024));
  }
});

Deno.test("checkZstdFrame() reads every width of the content size", () => {
  const fields: [number, number[], number][] = [
    [0x20, [5], 5],
    [0x60, [1, 0], 257],
    [0xa0, [4, 3, 2, 0], 0x00020304],
    [0xe0, [0, 0, 1, 0, 0, 0, 0, 0], 65536],
  ];
  for (const [descriptor, field, size] of fields) {
    const frame = Uint8Array.of(...MAGIC, descriptor, ...field, ...EMPTY_BLOCK);
    const found = checkZstdFrame(frame, { rawBytes: size });
    assert.deepEqual(found, { windowBytes: size, contentBytes: size });
  }
});

Deno.test("checkZstdFrame() accepts the largest window allowed and refuses one past it", () => {
  const frame = (descriptor: number) => Uint8Array.of(...MAGIC, 0, descriptor, ...EMPTY_BLOCK);
  assert.equal(checkZstdFrame(frame(14 << 3), { rawBytes: 1 }).windowBytes, 2 ** 24);
  assert.equal(2 ** 24, LIMITS.maxChunkBytes);
  refuses(frame((14 << 3) + 1), 1, /window/);
  refuses(frame(0xff), 1, /window/);
  const huge = Uint8Array.of(...MAGIC, 0xa0, 1, 0, 0, 1, ...EMPTY_BLOCK);
  refuses(huge, 2 ** 24 + 1, /window/);
});

Deno.test("checkZstdFrame() refuses another content size than the one announced", () => {
  const frame = Uint8Array.of(...MAGIC, 0x20, 5, ...EMPTY_BLOCK);
  refuses(frame, 4, /content/);
  refuses(frame, 6, /content/);
});

Deno.test("checkZstdFrame() refuses dictionaries, reserved bits and strangers", () => {
  for (const flag of [1, 2, 3]) {
    refuses(Uint8Array.of(...MAGIC, 0x20 | flag, 0, 0, 0, 0, 5, ...EMPTY_BLOCK), 5, /dictionary/);
  }
  refuses(Uint8Array.of(...MAGIC, 0x28, 5, ...EMPTY_BLOCK), 5, /reserved bit/);
  refuses(Uint8Array.of(...MAGIC, 0x20, 5, 0x07, 0, 0), 5, /reserved block/);
  const skippable = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2);
  refuses(skippable, 5, /no zstd frame/);
  const frame = [...MAGIC, 0x20, 5, ...EMPTY_BLOCK];
  refuses(Uint8Array.of(...skippable, ...frame), 5, /no zstd frame/);
  refuses(Uint8Array.of(...frame, ...skippable), 5, /after the frame/);
  refuses(Uint8Array.of(...frame, ...frame), 5, /after the frame/);
  refuses(Uint8Array.of(...frame, 0), 5, /1 bytes after the frame/);
});

Deno.test("checkZstdFrame() counts the checksum to the frame", () => {
  const frame = [...MAGIC, 0x24, 5, ...EMPTY_BLOCK];
  checkZstdFrame(Uint8Array.of(...frame, 1, 2, 3, 4), { rawBytes: 5 });
  refuses(Uint8Array.of(...frame, 1, 2, 3), 5, /truncated/);
  refuses(Uint8Array.of(...frame, 1, 2, 3, 4, 5), 5, /after the frame/);
});

Deno.test("checkZstdFrame() refuses blocks that are too large or repeat too much", () => {
  const block = (size: number, type: number) => {
    const header = size << 3 | type << 1 | 1;
    return [header & 0xff, header >> 8 & 0xff, header >> 16];
  };
  const open = [...MAGIC, 0x00, 0x58];
  const limit = 128 * 1024;
  checkZstdFrame(Uint8Array.of(...open, ...block(limit, 1), 9), { rawBytes: limit });
  refuses(Uint8Array.of(...open, ...block(limit + 1, 1), 9), 2 ** 21, /block of/);
  refuses(Uint8Array.of(...open, ...block(limit, 1), 9), limit - 1, /more content/);
  const repeat = [limit << 3 & 0xff | 2, limit << 3 >> 8 & 0xff, limit << 3 >> 16, 9];
  const bomb = Uint8Array.of(...open, ...Array(17).fill(repeat).flat(), ...EMPTY_BLOCK);
  checkZstdFrame(bomb, { rawBytes: 17 * limit });
  refuses(bomb, 2 ** 21, /more content/);
});

Deno.test("checkZstdFrame() refuses truncation at every byte", () => {
  const frame = zlib.zstdCompressSync(new TextEncoder().encode("chunk lane frame ".repeat(40)));
  for (let length = 0; length < frame.length; length++) {
    refuses(frame.subarray(0, length), 680, /truncated/);
  }
});

function refuses(frame: Uint8Array, rawBytes: number, found: RegExp): void {
  assert.throws(() => checkZstdFrame(frame, { rawBytes }), (error: Error & { code?: string }) => {
    assert.equal(error.code, "protocol");
    assert.match(error.message, found);
    return true;
  });
}
