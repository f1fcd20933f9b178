import assert from "node:assert/strict";
import fc from "fast-check";
import {
  compareBytes,
  concatBytes,
  decodeUtf8,
  encodeUtf8,
  equalBytes,
  fromBase32,
  fromHex,
  toBase32,
  toHex,
  utf8Bytes,
  Utf8Room,
} from "./bytes.ts";

const bytes = fc.uint8Array({ maxLength: 80 });

Deno.test("toHex() and fromHex() undo each other", () => {
  assert.equal(toHex(Uint8Array.of(0, 0x0f, 0xa5, 0xff)), "000fa5ff");
  assert.deepEqual(fromHex("000fA5Ff"), Uint8Array.of(0, 0x0f, 0xa5, 0xff));
  fc.assert(fc.property(bytes, (b) => assert.deepEqual(fromHex(toHex(b)), new Uint8Array(b))));
});

Deno.test("fromHex() refuses an odd length and every character next to the digits", () => {
  for (
    const text of ["a", "abc", "0g", "g0", "/0", ":0", "@0", "G0", "`0", " 0", "é0", "\u{10}0"]
  ) {
    assert.throws(() => fromHex(text), RangeError, text);
  }
});

Deno.test("toBase32() gives the vectors of RFC 4648 in lowercase without padding", () => {
  const vectors = [
    ["", ""],
    ["f", "my"],
    ["fo", "mzxq"],
    ["foo", "mzxw6"],
    ["foob", "mzxw6yq"],
    ["fooba", "mzxw6ytb"],
    ["foobar", "mzxw6ytboi"],
  ] as const;
  for (const [plain, text] of vectors) {
    assert.equal(toBase32(encodeUtf8(plain)), text);
    assert.deepEqual(fromBase32(text), encodeUtf8(plain));
  }
  assert.equal(toBase32(new Uint8Array(32).fill(0xff)).length, 52);
});

Deno.test("fromBase32() reads what toBase32() writes", () => {
  fc.assert(
    fc.property(bytes, (b) => assert.deepEqual(fromBase32(toBase32(b)), new Uint8Array(b))),
  );
});

Deno.test("fromBase32() refuses every text that toBase32() does not write", () => {
  const letters = fc.string({
    unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz234567A01=8é"),
    maxLength: 20,
  });
  fc.assert(
    fc.property(letters, (text) => {
      let read: Uint8Array;
      try {
        read = fromBase32(text);
      } catch (error) {
        assert.ok(error instanceof RangeError);
        return;
      }
      assert.equal(toBase32(read), text);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("fromBase32() refuses uppercase, padding, impossible lengths and stray bits", () => {
  for (const text of ["MY", "my======", "m", "mzx", "mzxw6y", "mz", "m1", "m 0"]) {
    assert.throws(() => fromBase32(text), RangeError, text);
  }
});

Deno.test("concatBytes() joins in order into a new array", () => {
  const part = Uint8Array.of(1, 2);
  const joined = concatBytes([part, new Uint8Array(0), Uint8Array.of(3)]);
  assert.deepEqual(joined, Uint8Array.of(1, 2, 3));
  part[0] = 9;
  assert.equal(joined[0], 1);
  assert.deepEqual(concatBytes([]), new Uint8Array(0));
});

Deno.test("equalBytes() is true for the same bytes only", () => {
  assert.equal(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2)), true);
  assert.equal(equalBytes(new Uint8Array(0), new Uint8Array(0)), true);
  assert.equal(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1)), false);
  assert.equal(equalBytes(Uint8Array.of(0), new Uint8Array(0)), false);
  for (let bit = 0; bit < 16; bit++) {
    const other = Uint8Array.of(1, 2);
    other[bit >> 3] = (other[bit >> 3] ?? 0) ^ 1 << (bit & 7);
    assert.equal(equalBytes(Uint8Array.of(1, 2), other), false, `bit ${bit}`);
  }
});

Deno.test("compareBytes() orders like hex text does", () => {
  const sign = (a: string, b: string) => a < b ? -1 : a > b ? 1 : 0;
  fc.assert(fc.property(bytes, bytes, (a, b) => {
    assert.equal(Math.sign(compareBytes(a, b)), sign(toHex(a), toHex(b)));
  }));
  assert.ok(compareBytes(Uint8Array.of(1), Uint8Array.of(1, 0)) < 0);
});

Deno.test("decodeUtf8() keeps a byte order mark and refuses broken bytes", () => {
  assert.equal(decodeUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)), "\ufeffa");
  for (const broken of ["ff", "c3", "c0af", "eda080", "f4908080", "80"]) {
    assert.throws(() => decodeUtf8(fromHex(broken)), TypeError, broken);
  }
});

Deno.test("a Utf8Room gives what encodeUtf8() gives, of any length", () => {
  const room = new Utf8Room();
  for (const text of ["", "a", "é", "aé", "\u{10000}", "x".repeat(257), "x".repeat(4095), "b"]) {
    assert.deepEqual(room.encode(text), encodeUtf8(text));
  }
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
    assert.deepEqual(room.encode(text), encodeUtf8(text));
  }));
});

Deno.test("utf8Bytes() counts what encodeUtf8() makes", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.equal(utf8Bytes(text), encodeUtf8(text).byteLength);
  }));
  assert.equal(utf8Bytes("a\u0080\u07ff\u0800\uffff\u{10000}"), 1 + 2 + 2 + 3 + 3 + 4);
});
