import assert from "node:assert/strict";
import { createCipheriv, createDecipheriv } from "node:crypto";
import { encodeUtf8, fromHex, toHex } from "../../base/bytes.ts";
import { LEAST_INITIAL_BYTES, readLongHeader } from "./long_header.ts";
import { refusal, REFUSALS, retry, versionNegotiation } from "./stateless_packets.ts";

/** The client of RFC 9001, appendix A. */
const ASKER = { destinationId: fromHex("8394c8f03e515708"), sourceId: new Uint8Array(0) };

Deno.test("retry() makes the packet of RFC 9001, appendix A.4", () => {
  const packet = retry(ASKER, { ownId: fromHex("f067a5502a4262b5"), token: encodeUtf8("token") });
  assert.equal(
    toHex(packet),
    "ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba",
  );
});

Deno.test("versionNegotiation() names version 1 and one that nobody speaks, ids turned round", () => {
  const packet = versionNegotiation({
    destinationId: fromHex("aabb"),
    sourceId: fromHex("cc"),
  });
  assert.equal(toHex(packet), "c00000000001cc02aabb1a2a3a4a00000001");
});

Deno.test("versionNegotiation() answers ids of any length with less than was asked in", () => {
  const id = new Uint8Array(255);
  const packet = versionNegotiation({ destinationId: id, sourceId: id });
  assert.ok(packet.length < LEAST_INITIAL_BYTES);
});

Deno.test("refusal() is an Initial that the client of RFC 9001 reads as a close", () => {
  const asker = { ...ASKER, sourceId: fromHex("0102030405") };
  const packet = refusal(asker, REFUSALS.busy);
  const header = readLongHeader(packet);
  assert.deepEqual([header?.type, header?.destinationId, header?.sourceId], [
    "initial",
    asker.sourceId,
    asker.destinationId,
  ]);
  // The server's keys of appendix A.1.
  const [key, iv, headerKey] = [
    "cf3a5331653c364c88f0f379b6067e37",
    "0ac1493ca1905853b0bba03e",
    "c206b8d9b9f0f37644430b490eeaa314",
  ].map(fromHex) as [Uint8Array, Uint8Array, Uint8Array];
  const numberAt = packet.length - 22;
  const sample = packet.subarray(numberAt + 4, numberAt + 20);
  const masker = createCipheriv("aes-128-ecb", headerKey, null).setAutoPadding(false);
  const mask = masker.update(sample);
  masker.final();
  packet[0]! ^= mask[0]! & 0x0f;
  packet[numberAt]! ^= mask[1]!;
  assert.deepEqual([packet[0], packet[numberAt]], [0xc0, 0]);
  const opened = createDecipheriv("aes-128-gcm", key, iv);
  opened.setAAD(packet.subarray(0, numberAt + 1));
  opened.setAuthTag(packet.subarray(packet.length - 16));
  const frames = opened.update(packet.subarray(numberAt + 1, packet.length - 16));
  opened.final();
  assert.deepEqual([...frames], [0x1c, 0x0c, 0, 0, 0]);
});
