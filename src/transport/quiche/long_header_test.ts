import assert from "node:assert/strict";
import { concatBytes, fromHex } from "../../base/bytes.ts";
import { isLong, readLongHeader } from "./long_header.ts";

/** The beginning of the client's Initial of RFC 9001, appendix A.2, unprotected. */
const INITIAL = fromHex("c300000001088394c8f03e5157080000449e00000002");
/** The Retry of appendix A.4. */
const RETRY = fromHex(
  "ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba",
);

function initialWith(tokenLength: string, rest: string): Uint8Array {
  return fromHex(`c000000001010a010b${tokenLength}${rest}`);
}

Deno.test("readLongHeader() reads the Initial and the Retry of RFC 9001", () => {
  assert.deepEqual(readLongHeader(INITIAL), {
    version: 1,
    type: "initial",
    destinationId: fromHex("8394c8f03e515708"),
    sourceId: new Uint8Array(0),
    token: new Uint8Array(0),
  });
  const retry = readLongHeader(RETRY);
  assert.equal(retry?.type, "retry");
  assert.deepEqual(retry?.sourceId, fromHex("f067a5502a4262b5"));
});

Deno.test("readLongHeader() tells the types of version 1 apart, and knows those of no other", () => {
  const typeOf = (first: number, version = 1) =>
    readLongHeader(Uint8Array.of(first, 0, 0, 0, version, 1, 7, 1, 8, 0))?.type;
  assert.deepEqual(
    [0xc0, 0xd0, 0xe0, 0xf0].map((first) => typeOf(first)),
    ["initial", "zero-rtt", "handshake", "retry"],
  );
  assert.deepEqual([typeOf(0xc0, 2), typeOf(0x80, 0)], [null, null]);
});

Deno.test("readLongHeader() refuses a header that is cut anywhere", () => {
  const whole = initialWith("03", "aabbcc");
  assert.ok(readLongHeader(whole) !== null);
  for (let length = 0; length < whole.length; length++) {
    assert.equal(readLongHeader(whole.subarray(0, length)), null, `${length} bytes`);
  }
});

Deno.test("readLongHeader() takes a token's length in every form, and none past the packet", () => {
  const tokenOf = (length: string, rest: string) =>
    readLongHeader(initialWith(length, rest))?.token;
  for (const form of ["02", "4002", "80000002", "c000000000000002"]) {
    assert.deepEqual(tokenOf(form, "aabb"), Uint8Array.of(0xaa, 0xbb), form);
  }
  for (const form of ["03", "4003", "7fff", "bfffffff", "ffffffffffffffff"]) {
    assert.equal(tokenOf(form, "aabb"), undefined, form);
  }
});

Deno.test("readLongHeader() refuses ids too long for version 1, and takes them of any other", () => {
  const packetOf = (version: number, idBytes: number) =>
    concatBytes([
      Uint8Array.of(0xc0, 0, 0, 0, version, idBytes),
      new Uint8Array(idBytes),
      Uint8Array.of(0, 0),
    ]);
  assert.ok(readLongHeader(packetOf(1, 20)) !== null);
  assert.equal(readLongHeader(packetOf(1, 21)), null);
  assert.equal(readLongHeader(packetOf(9, 255))?.destinationId.length, 255);
});

Deno.test("readLongHeader() refuses a packet without the bit that version 1 demands", () => {
  const packet = initialWith("00", "");
  packet[0]! &= ~0x40;
  assert.equal(readLongHeader(packet), null);
});

Deno.test("a short header is no long one", () => {
  assert.deepEqual([isLong(Uint8Array.of(0x40)), isLong(new Uint8Array(0))], [false, false]);
  assert.equal(readLongHeader(new Uint8Array(40).fill(0x40)), null);
});
