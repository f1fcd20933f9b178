import assert from "node:assert/strict";
import { decode } from "cborg";
import fc from "fast-check";
import { concatBytes, fromHex, toHex } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { type CborValue, decodeCbor, encodeCbor } from "./cbor.ts";

/** Any value a body may hold. */
const { value } = fc.letrec<{ value: CborValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", maxDepth: LIMITS.cborDepth - 1 },
    fc.maxSafeInteger().map((number) => number + 0),
    fc.bigInt(2n ** 53n, 2n ** 64n - 1n),
    fc.bigInt(-(2n ** 64n), -(2n ** 53n)),
    fc.string({ unit: "grapheme" }),
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array(),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie("value"), { maxKeys: 4 }),
  ),
}));

Deno.test("decodeCbor() reads what encodeCbor() writes", () => {
  fc.assert(
    fc.property(value, (value) => {
      assert.equal(toHex(encodeCbor(decodeCbor(encodeCbor(value)))), toHex(encodeCbor(value)));
    }),
    { numRuns: 500 },
  );
});

Deno.test("decodeCbor() reads as the library does, where the library may read at all", () => {
  const bytes = fc.oneof(value.map(encodeCbor), fc.uint8Array({ maxLength: 12 }));
  let read = 0;
  fc.assert(
    fc.property(bytes, (bytes) => {
      let ours: CborValue;
      try {
        ours = decodeCbor(bytes);
      } catch (error) {
        assert.ok(error instanceof SftpxError);
        return;
      }
      read++;
      const theirs = decode(bytes, { strict: true, rejectDuplicateMapKeys: true });
      assert.deepEqual(plain(ours), plain(theirs));
    }),
    { numRuns: 3000 },
  );
  assert.ok(read > 500, `${read} read`);
});

Deno.test("decodeCbor() gives integers of RFC 8949's examples", () => {
  const examples = [
    ["00", 0],
    ["17", 23],
    ["1818", 24],
    ["18ff", 255],
    ["190100", 256],
    ["1a00010000", 65536],
    ["1b0000000100000000", 2 ** 32],
    ["1b001fffffffffffff", 2 ** 53 - 1],
    ["1b0020000000000000", 2n ** 53n],
    ["1bffffffffffffffff", 2n ** 64n - 1n],
    ["20", -1],
    ["3903e7", -1000],
    ["3b001ffffffffffffe", -(2 ** 53 - 1)],
    ["3b001fffffffffffff", -(2n ** 53n)],
    ["3bffffffffffffffff", -(2n ** 64n)],
  ] as const;
  for (const [hex, number] of examples) {
    assert.equal(decodeCbor(fromHex(hex)), number, hex);
    assert.equal(toHex(encodeCbor(number)), hex);
  }
});

Deno.test("decodeCbor() refuses integers and lengths that are not in their shortest form", () => {
  const long = ["1817", "1900ff", "1a0000ffff", "1b00000000ffffffff", "3817", "580161", "780161"];
  for (const hex of [...long, "980100", "b801616100", "59000161"]) {
    assertFault(hex, /shortest form/);
  }
});

Deno.test("decodeCbor() refuses what protocol 1 does not use", () => {
  const cases = [
    ["f7", /simple value/],
    ["f90000", /float/],
    ["fa00000000", /float/],
    ["fb0000000000000000", /float/],
    ["e0", /simple value/],
    ["f3", /simple value/],
    ["f820", /simple value/],
    ["ff", /simple value/],
    ["c000", /tag/],
    ["d81800", /tag/],
    ["9fff", /indefinite/],
    ["bfff", /indefinite/],
    ["5f4101ff", /indefinite/],
    ["7f6161ff", /indefinite/],
    ["1c", /reserved/],
    ["5e", /reserved/],
    ["a10000", /key that is not text/],
    ["a1410000", /key that is not text/],
    ["a18000", /key that is not text/],
    ["a2616100616101", /repeated key/],
    ["a260006001", /repeated key/],
    ["a2695f5f70726f746f5f5f00695f5f70726f746f5f5f00", /repeated key/],
    ["61ff", /UTF-8/],
    ["62c3", /cut short/],
    ["63eda080", /UTF-8/],
    ["0000", /after its end/],
    ["8000", /after its end/],
    ["", /cut short/],
  ] as const;
  for (const [hex, found] of cases) assertFault(hex, found);
});

Deno.test("decodeCbor() refuses a repeated key at any level", () => {
  assertFault("81a1616ba2616100616100", /repeated key/);
});

Deno.test("decodeCbor() keeps a byte order mark, so that two names stay two", () => {
  assert.equal(decodeCbor(fromHex("64efbbbf61")), "\ufeffa");
  assert.deepEqual(plain(decodeCbor(fromHex("a2616100" + "64efbbbf6101"))), {
    a: 0,
    "\ufeffa": 1,
  });
});

Deno.test("decodeCbor() gives __proto__ as a key like any other", () => {
  const map = decodeCbor(encodeCbor(JSON.parse('{"__proto__": {"polluted": true}}')));
  assert.ok(typeof map === "object" && map !== null);
  assert.deepEqual(Object.keys(map), ["__proto__"]);
  assert.equal((map as Record<string, unknown>)["polluted"], undefined);
});

Deno.test("decodeCbor() refuses a length beyond the bytes there are, before it allocates", () => {
  for (const head of ["5a7fffffff", "7a7fffffff", "9a7fffffff", "ba7fffffff"]) {
    assertFault(head, /cut short/);
    assertFault(head + "00".repeat(64), /cut short/);
  }
  for (const head of ["5bffffffffffffffff", "9bffffffffffffffff", "bbffffffffffffffff"]) {
    assertFault(head, /cut short/);
  }
});

Deno.test("decodeCbor() allows nesting to the limit and no deeper", () => {
  const nested = (depth: number) => fromHex("81".repeat(depth) + "00");
  assert.ok(Array.isArray(decodeCbor(nested(LIMITS.cborDepth))));
  assertFault(toHex(nested(LIMITS.cborDepth + 1)), /nests deeper/);
  assertFault("a16161".repeat(LIMITS.cborDepth + 1) + "00", /nests deeper/);
});

Deno.test("decodeCbor() survives a megabyte of open brackets", () => {
  for (const byte of [0x81, 0x9f, 0xa1]) {
    const bytes = new Uint8Array(LIMITS.controlMessageBytes).fill(byte);
    assert.throws(() => decodeCbor(bytes), SftpxError);
  }
});

Deno.test("decodeCbor() allows items to the limit and no more", () => {
  const items = (count: number) => {
    const head = encodeCbor(Array.from({ length: count - 1 }, () => 0));
    return head;
  };
  assert.ok(Array.isArray(decodeCbor(items(LIMITS.cborItems))));
  assertFault(toHex(items(LIMITS.cborItems + 1)), /more than/);
});

Deno.test("decodeCbor() gives bytes that do not follow their source", () => {
  const source = fromHex("43010203");
  const got = decodeCbor(source);
  source.fill(0);
  assert.deepEqual(got, Uint8Array.of(1, 2, 3));
});

Deno.test("decodeCbor() of anything gives a value or an SftpxError", () => {
  const head = fc.constantFrom(0x81, 0x82, 0xa1, 0xa2, 0x61, 0x41, 0x18, 0x38, 0x00, 0xf6, 0x62);
  const bytes = fc.array(fc.oneof(head, fc.nat(255)), { maxLength: 40 });
  fc.assert(
    fc.property(bytes, (bytes) => {
      try {
        decodeCbor(Uint8Array.from(bytes));
      } catch (error) {
        assert.ok(error instanceof SftpxError, String(error));
        assert.equal(error.code, "protocol");
        assert.equal(error.remote, true);
      }
    }),
    { numRuns: 5000 },
  );
});

Deno.test("a value cut at any byte is refused", () => {
  const bytes = encodeCbor({ a: [1, 300, "text", fromHex("0011"), true], b: { c: null, d: -7 } });
  for (let length = 0; length < bytes.byteLength; length++) {
    assertFault(toHex(bytes.subarray(0, length)), /cut short/);
  }
  assertFault(toHex(concatBytes([bytes, Uint8Array.of(0xf6)])), /after its end/);
});

function assertFault(hex: string, found: RegExp): void {
  assert.throws(() => decodeCbor(fromHex(hex)), (error) => {
    assert.ok(error instanceof SftpxError, `${hex.slice(0, 40)}: ${error}`);
    assert.equal(error.code, "protocol");
    assert.equal(error.remote, true);
    assert.match(error.message, found, hex.slice(0, 40));
    return true;
  }, hex.slice(0, 40));
}

/** The same with ordinary objects, for comparison; what the library cannot tell apart is one. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof Uint8Array) return toHex(value);
  if (typeof value === "string") return value;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]));
}
