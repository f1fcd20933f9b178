import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeUtf8 } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { type CborMap, type CborValue, decodeCbor, encodeCbor } from "./cbor.ts";
import {
  boolean,
  bytes,
  checkedText,
  type Codec,
  field,
  integer,
  list,
  optional,
  prose,
  record,
  text,
  uint,
  word,
} from "./schema.ts";

interface Pair {
  readonly left: number;
  readonly right?: string;
}

const pair = record<Pair>({ left: field("l", uint(9)), right: optional("r", text(4)) });

Deno.test("record() writes its fields under their keys and leaves out what is absent", () => {
  assert.deepEqual(pair.encode({ left: 3, right: "x" }), { l: 3, r: "x" });
  assert.deepEqual(pair.encode({ left: 3 }), { l: 3 });
  const read = pair.decode(map({ l: 3 }));
  assert.deepEqual(read, { left: 3 });
  assert.equal(Object.hasOwn(read, "right"), false);
});

Deno.test("record() passes over keys it does not know, whatever they hold", () => {
  assert.deepEqual(pair.decode(map({ l: 3, z: { deep: [null] }, left: 8 })), { left: 3 });
});

Deno.test("record() takes no field from a prototype", () => {
  const proto = record<{ value: number }>({ value: field("toString", uint(9)) });
  assertFault(() => proto.decode(map({})), "toString is missing");
});

Deno.test("record() names the field at fault, however deep", () => {
  const outer = record<{ pairs: readonly Pair[] }>({ pairs: field("p", list(pair, 2)) });
  assertFault(() => outer.decode(map({})), "p is missing");
  assertFault(() => outer.decode(map({ p: 1 })), "p is not an array");
  assertFault(() => outer.decode(map({ p: [{}] })), "p.l is missing");
  assertFault(() => outer.decode(map({ p: [{ l: 10 }] })), "p.l is not an integer from 0 to 9");
  assertFault(() => outer.decode(map({ p: [{ l: 1, r: "12345" }] })), "p.r is longer than 4 bytes");
});

Deno.test("record() judges the fields together in both directions", () => {
  const equal = record<{ a: number; b: number }>(
    { a: field("a", uint(9)), b: field("b", uint(9)) },
    ({ a, b }) => a === b ? null : "a is not b",
  );
  assert.deepEqual(equal.decode(map({ a: 1, b: 1 })), { a: 1, b: 1 });
  assertFault(() => equal.decode(map({ a: 1, b: 2 })), "a is not b");
  assertFault(() => equal.encode({ a: 1, b: 2 }), "a is not b");
});

Deno.test("list() allows items to its limit and no more, in both directions", () => {
  const codec = list(uint(9), 2);
  assert.deepEqual(codec.decode([1, 2]), [1, 2]);
  assertFault(() => codec.decode([1, 2, 3]), " has more than 2 items");
  assertFault(() => codec.encode([1, 2, 3]), " has more than 2 items");
  for (const other of [null, "ab", map({ 0: 1, length: 1 }), new Uint8Array(1)]) {
    assertFault(() => codec.decode(other), " is not an array");
  }
});

Deno.test("uint() holds to its bounds and takes nothing but whole numbers", () => {
  const codec = uint(9, 2);
  for (const fine of [2, 9]) assert.equal(codec.decode(fine), fine);
  for (const other of [1, 10, -1, 2.5, NaN, Infinity, 3n, "3", true, null, [3]]) {
    assertFault(() => codec.decode(other as CborValue), " is not an integer from 2 to 9");
    assertFault(() => codec.encode(other as number), " is not an integer from 2 to 9");
  }
  assert.equal(uint(Number.MAX_SAFE_INTEGER).decode(2 ** 53 - 1), 2 ** 53 - 1);
  assert.throws(() => uint(Infinity).decode(2 ** 53), SftpxError);
});

Deno.test("integer() gives bigints for both forms on the wire", () => {
  const codec = integer(-(2n ** 63n), 2n ** 63n - 1n);
  fc.assert(fc.property(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), (value) => {
    assert.equal(codec.decode(decodeCbor(encodeCbor(codec.encode(value)))), value);
  }));
  assert.equal(codec.decode(-5), -5n);
  for (const past of [2n ** 63n, -(2n ** 63n) - 1n]) {
    assert.throws(() => codec.decode(past), SftpxError);
    assert.throws(() => codec.encode(past), SftpxError);
  }
  for (const other of ["1", 1.5, true, null]) {
    assertFault(() => codec.decode(other), " is not an integer");
  }
});

Deno.test("bytes() wants its length, or a multiple within bounds", () => {
  assert.equal(bytes(4).decode(new Uint8Array(4)).byteLength, 4);
  for (const length of [0, 3, 5]) {
    assertFault(() => bytes(4).decode(new Uint8Array(length)), / has \d bytes, which cannot be/);
    assertFault(() => bytes(4).encode(new Uint8Array(length)), / has \d bytes, which cannot be/);
  }
  const steps = bytes(0, 8, 4);
  for (const length of [0, 4, 8]) steps.decode(new Uint8Array(length));
  for (const length of [1, 7, 9, 12]) {
    assert.throws(() => steps.decode(new Uint8Array(length)), SftpxError);
  }
  assertFault(() => bytes(1).decode("a"), " is not a byte string");
});

Deno.test("text() counts bytes, not characters, and refuses broken Unicode", () => {
  assert.equal(text(4).decode("éé"), "éé");
  assertFault(() => text(4).decode("ééx"), " is longer than 4 bytes");
  assertFault(() => text(4).encode("ééx"), " is longer than 4 bytes");
  assertFault(() => text(4).encode("\ud800"), " is not valid Unicode");
  assertFault(() => text(4).decode(new Uint8Array(1)), " is not text");
});

Deno.test("prose() cuts what it writes and refuses what it reads", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), fc.nat(12), (value, maxBytes) => {
    const cut = prose(maxBytes).encode(value);
    assert.ok(typeof cut === "string");
    assert.ok(encodeUtf8(cut).byteLength <= maxBytes);
    assert.ok(value.toWellFormed().startsWith(cut));
    assert.equal(prose(maxBytes).decode(cut), cut);
  }));
  assertFault(() => prose(2).decode("abc"), " is longer than 2 bytes");
});

Deno.test("checkedText() gives its problem and its own code", () => {
  const codec = checkedText(4, {
    problem: (value) => value === "bad" ? "it is bad" : null,
    code: "bad_name",
  });
  assert.equal(codec.decode("good"), "good");
  assertFault(() => codec.decode("bad"), " is refused, it is bad", "bad_name");
  assertFault(() => codec.encode("bad"), " is refused, it is bad", "bad_name");
  assertFault(() => codec.decode("badly"), " is longer than 4 bytes");
});

Deno.test("word() knows its words and nothing of any prototype", () => {
  const codec: Codec<"on" | "off"> = word<"on" | "off">({ on: 1, off: 0 });
  assert.equal(codec.encode("on"), 1);
  assert.equal(codec.decode(0), "off");
  for (const other of [2, -1, "on", 1n, null]) {
    assertFault(() => codec.decode(other), " is an unknown number");
  }
  assertFault(() => codec.encode("toString" as "on"), " is an unknown word");
});

Deno.test("boolean() takes true and false only", () => {
  assert.equal(boolean().decode(true), true);
  for (const other of [0, 1, "true", null]) {
    assertFault(() => boolean().decode(other), " is not true or false");
    assertFault(() => boolean().encode(other as unknown as boolean), " is not true or false");
  }
});

/** A map as the decoder makes them. */
function map(entries: CborMap): CborMap {
  return Object.assign(Object.create(null), entries) as CborMap;
}

function assertFault(
  act: () => unknown,
  found: string | RegExp,
  code: SftpxError["code"] = "protocol",
): void {
  assert.throws(act, (error) => {
    assert.ok(error instanceof SftpxError, String(error));
    assert.equal(error.code, code);
    assert.equal(error.remote, true);
    if (typeof found === "string") assert.equal(error.message, found);
    else assert.match(error.message, found);
    return true;
  });
}
