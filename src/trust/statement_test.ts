import assert from "node:assert/strict";
import { toHex } from "../base/bytes.ts";
import { sized, statementBytes, u32, u64 } from "./statement.ts";

Deno.test("statementBytes() is context, NUL, then parts after their lengths", () => {
  const bytes = statementBytes("sftpx t 1", [Uint8Array.of(), Uint8Array.of(0xaa, 0xbb)]);
  assert.equal(toHex(bytes), "736674707820742031" + "00" + "00000000" + "00000002aabb");
});

Deno.test("statementBytes() tells apart parts that join to the same bytes", () => {
  const split = (at: number) => {
    const bytes = Uint8Array.of(1, 2, 3, 4);
    return toHex(statementBytes("sftpx t 1", [bytes.slice(0, at), bytes.slice(at)]));
  };
  assert.equal(new Set([0, 1, 2, 3, 4].map(split)).size, 5);
});

Deno.test("statementBytes() refuses a context that could begin a certificate or hold a NUL", () => {
  for (const context of ["", "0\x81", "other 1", "sftpx ", "sftpx a\0b", "sftpx é"]) {
    assert.throws(() => statementBytes(context, []), RangeError);
  }
});

Deno.test("u32(), u64() and sized() refuse what does not fit", () => {
  assert.equal(toHex(u32(0xfffffffe)), "fffffffe");
  assert.equal(toHex(u64(Number.MAX_SAFE_INTEGER)), "001fffffffffffff");
  for (const value of [-1, 0.5, 2 ** 32, NaN]) assert.throws(() => u32(value), RangeError);
  for (const value of [-1, 0.5, 2 ** 53, NaN]) assert.throws(() => u64(value), RangeError);
  assert.throws(() => sized(new Uint8Array(31), 32, "key"), /key has 31 bytes, not 32/);
});
