import assert from "node:assert/strict";
import { chunkCount, chunkLengthBytes } from "./geometry.ts";

Deno.test("chunkCount() of an empty file is none", () => {
  assert.equal(chunkCount(0, 4), 0);
});

Deno.test("chunkCount() rounds up, also where 32 bits end", () => {
  for (const [sizeBytes, chunks] of [[1, 1], [4, 1], [5, 2], [8, 2], [9, 3]] as const) {
    assert.equal(chunkCount(sizeBytes, 4), chunks, `${sizeBytes} bytes`);
  }
  assert.equal(chunkCount(2 ** 40 + 1, 65_536), 2 ** 24 + 1);
});

Deno.test("chunkLengthBytes() of all chunks makes the size, and only the last is shorter", () => {
  for (let sizeBytes = 0; sizeBytes < 30; sizeBytes++) {
    const count = chunkCount(sizeBytes, 4);
    let total = 0;
    for (let chunk = 0; chunk < count; chunk++) {
      const bytes = chunkLengthBytes(sizeBytes, 4, chunk);
      if (chunk < count - 1) assert.equal(bytes, 4);
      assert.ok(bytes > 0);
      total += bytes;
    }
    assert.equal(total, sizeBytes);
  }
});
