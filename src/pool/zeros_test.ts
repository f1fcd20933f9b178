import assert from "node:assert/strict";
import { loadHash } from "../codec/hash.ts";
import { isZero, knowingZeros, PackedZeros } from "./zeros.ts";
import { testCodecs } from "./testing/fixture.ts";

Deno.test("isZero() sees one byte anywhere, at any alignment", () => {
  const memory = new Uint8Array(80);
  for (let start = 0; start < 9; start++) {
    for (let length = 0; length < 40; length++) {
      const bytes = memory.subarray(start, start + length);
      memory.fill(0xff);
      bytes.fill(0);
      assert.equal(isZero(bytes), true, `${start}+${length}`);
      for (let at = 0; at < length; at++) {
        bytes[at] = 1;
        assert.equal(isZero(bytes), false, `${start}+${length} at ${at}`);
        bytes[at] = 0;
      }
    }
  }
});

Deno.test("zeros are hashed once for a size, and to what they hash to", async () => {
  const plain = await loadHash({ without: [] });
  const hashed: number[] = [];
  const hash = knowingZeros({
    ...plain,
    digest: (bytes) => {
      hashed.push(bytes.length);
      return plain.digest(bytes);
    },
  });
  for (const length of [0, 5000, 5000, 70, 5000, 0]) {
    const digest = hash.digest(new Uint8Array(length));
    assert.deepEqual(digest, plain.digest(new Uint8Array(length)));
    digest.fill(0); // It is the asker's own.
  }
  assert.deepEqual(hashed, [0, 5000, 70, 5000, 0]);
  const other = new Uint8Array(5000).fill(1, 4999);
  assert.deepEqual(hash.digest(other), plain.digest(other));
});

Deno.test("zeros are compressed once for a size, and to no more than they are", async () => {
  const { zstd } = await testCodecs();
  const packed: number[] = [];
  const memory = new Uint8Array(100);
  const zeros = new PackedZeros({
    ...zstd,
    compress: (bytes, level) => {
      packed.push(bytes.length);
      const found = zstd.compress(bytes, level)!;
      memory.set(found);
      return memory.subarray(0, found.length);
    },
  });
  for (const length of [50_000, 50_000, 3, 50_000]) {
    const found = zeros.of(new Uint8Array(length));
    memory.fill(0); // The encoder's own, until its next call.
    if (length === 3) assert.equal(found, null);
    else assert.ok(isZero(zstd.decompress(found!, { rawBytes: length })) && found!.length < 50);
  }
  assert.deepEqual(packed, [50_000, 3, 50_000]);
  assert.equal(new PackedZeros({ ...zstd, compress: () => null }).of(new Uint8Array(9)), null);
});
