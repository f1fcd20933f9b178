import assert from "node:assert/strict";
import { encode, rfc8949EncodeOptions } from "cborg";
import fc from "fast-check";
import { fromHex, toHex } from "../base/bytes.ts";
import { LIMITS } from "../base/limits.ts";
import type { CborValue } from "./cbor.ts";
import { encodeCbor } from "./cbor_writer.ts";

/** Any value a body may hold; keys and texts of every length of UTF-8. */
const { value } = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", maxDepth: LIMITS.cborDepth - 1 },
    fc.maxSafeInteger().map((number) => number + 0),
    fc.bigInt(-(2n ** 64n), 2n ** 64n - 1n),
    fc.string({ unit: "binary", maxLength: 300 }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array(),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.string({ unit: "grapheme", maxLength: 3 }), tie("value"), { maxKeys: 6 }),
  ),
}));

Deno.test("encodeCbor() writes what the library writes", () => {
  fc.assert(
    fc.property(value, (value) => {
      assert.equal(toHex(encodeCbor(value)), toHex(encode(value, rfc8949EncodeOptions)));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("encodeCbor() writes long numbers behind what took more room than is kept", () => {
  const values = ["a".repeat(1 << 17), 2n ** 63n, -(2n ** 63n)];
  assert.equal(toHex(encodeCbor(values)), toHex(encode(values, rfc8949EncodeOptions)));
});

Deno.test("encodeCbor() writes every length of head at its bounds", () => {
  for (const edge of [23, 0xff, 0xffff, 0xffffffff]) {
    const wide = [edge, edge + 1, -1 - edge, -2 - edge].map(BigInt);
    for (const number of [edge, edge + 1, -1 - edge, -2 - edge, ...wide]) {
      assert.equal(toHex(encodeCbor(number)), toHex(encode(number, rfc8949EncodeOptions)));
    }
  }
  for (const length of [23, 24, 255, 256, 257, 65_535, 65_536]) {
    for (const text of ["a".repeat(length), "é".repeat(length)]) {
      assert.equal(toHex(encodeCbor(text)), toHex(encode(text, rfc8949EncodeOptions)));
    }
  }
});

Deno.test("encodeCbor() sorts keys by their bytes, the shorter first, whatever order they came in", () => {
  const sorted = "a5616103616201626161006262610263616161f6";
  assert.equal(toHex(encodeCbor({ b: 1, ba: 2, a: 3, aa: 0, aaa: null })), sorted);
  assert.equal(toHex(encodeCbor({ aaa: null, aa: 0, ba: 2, b: 1, a: 3 })), sorted);
});

Deno.test("encodeCbor() hands out bytes that no later message writes over", () => {
  const first = encodeCbor("first");
  encodeCbor("other");
  assert.equal(toHex(first), "656669727374");
  // A long one between two short ones is not what the next is written into.
  const long = encodeCbor(new Uint8Array(1 << 17));
  encodeCbor(1);
  assert.deepEqual(long.subarray(0, 5), fromHex("5a00020000"));
});

Deno.test("encodeCbor() after a value that it refused begins anew", () => {
  const broken = { a: "half written", b: undefined } as unknown as CborValue;
  assert.throws(() => encodeCbor(broken), TypeError);
  assert.equal(toHex(encodeCbor([1])), "8101");
});

Deno.test("encodeCbor() refuses what no control message holds", () => {
  for (const value of [1.5, NaN, Infinity]) {
    assert.throws(() => encodeCbor(value), TypeError, `${value}`);
  }
  assert.throws(() => encodeCbor(2n ** 64n), RangeError);
  assert.throws(() => encodeCbor(2 ** 64), RangeError);
  assert.throws(() => encodeCbor(-(2n ** 64n) - 1n), RangeError);
});
