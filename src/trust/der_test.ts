import assert from "node:assert/strict";
import { toHex } from "../base/bytes.ts";
import {
  derBits,
  derInteger,
  derOctets,
  derOid,
  derSequence,
  derTagged,
  derText,
  derTime,
  derTrue,
} from "./der.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);

Deno.test("derInteger() keeps integers positive and minimal", () => {
  assert.equal(toHex(derInteger(bytes(0))), "020100");
  assert.equal(toHex(derInteger(bytes(0x7f))), "02017f");
  assert.equal(toHex(derInteger(bytes(0x80))), "02020080");
  assert.equal(toHex(derInteger(bytes(0, 0, 1))), "020101");
  assert.throws(() => derInteger(bytes()), RangeError);
});

Deno.test("derOid() writes arcs in base 128", () => {
  assert.equal(toHex(derOid("1.3.101.112")), "06032b6570");
  assert.equal(toHex(derOid("1.3.6.1.5.5.7.3.1")), "06082b06010505070301");
  assert.equal(toHex(derOid("1.2.840.10045.3.1.7")), "06082a8648ce3d030107");
  assert.throws(() => derOid("1"), RangeError);
  assert.throws(() => derOid("1.x"), RangeError);
});

Deno.test("an element's length takes the shortest form", () => {
  assert.equal(toHex(derOctets(new Uint8Array(0x7f)).subarray(0, 2)), "047f");
  assert.equal(toHex(derOctets(new Uint8Array(0x80)).subarray(0, 3)), "048180");
  assert.equal(toHex(derOctets(new Uint8Array(0xff)).subarray(0, 3)), "0481ff");
  assert.equal(toHex(derOctets(new Uint8Array(0x100)).subarray(0, 4)), "04820100");
  assert.equal(toHex(derOctets(new Uint8Array(0xffff)).subarray(0, 4)), "0482ffff");
  assert.throws(() => derOctets(new Uint8Array(0x10000)), RangeError);
});

Deno.test("derTime() changes from UTCTime to GeneralizedTime with the year 2050", () => {
  const text = (timeMs: number) => {
    const der = derTime(timeMs);
    return [der[0], new TextDecoder().decode(der.subarray(2))];
  };
  assert.deepEqual(text(Date.UTC(2020, 0, 1)), [0x17, "200101000000Z"]);
  assert.deepEqual(text(Date.UTC(2049, 11, 31, 23, 59, 59)), [0x17, "491231235959Z"]);
  assert.deepEqual(text(Date.UTC(2050, 0, 1)), [0x18, "20500101000000Z"]);
  assert.deepEqual(text(Date.UTC(2026, 10, 3, 4, 5, 6) + 789), [0x17, "261103040506Z"]);
  assert.throws(() => derTime(Date.UTC(1949, 0, 1)), RangeError);
  assert.throws(() => derTime(Date.UTC(10000, 0, 1)), RangeError);
});

Deno.test("the other forms carry their tags", () => {
  assert.equal(toHex(derTrue()), "0101ff");
  assert.equal(toHex(derText("é")), "0c02c3a9");
  assert.equal(toHex(derBits(bytes(0x80), 7)), "03020780");
  assert.equal(toHex(derSequence()), "3000");
  assert.equal(toHex(derTagged(3, derSequence(), { constructed: true })), "a3023000");
  assert.equal(toHex(derTagged(2, bytes(0x61), { constructed: false })), "820161");
});
