import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { toHex } from "../base/bytes.ts";
import { joinMac, type JoinParts, verifyJoin } from "./join.ts";

const PARTS: JoinParts = {
  key: new Uint8Array(32).fill(1),
  clientNonce: new Uint8Array(32).fill(2),
  serverNonce: new Uint8Array(32).fill(3),
  serverIdentity: new Uint8Array(32).fill(4),
  connection: 5,
};

Deno.test("joinMac() is HMAC-SHA-256 over the layout that PROTOCOL fixes", async () => {
  const message = hexOfText("sftpx join 1\0") + "00000020" + "02".repeat(32) +
    "00000020" + "03".repeat(32) + "00000020" + "04".repeat(32) + "00000004" + "00000005";
  const expected = createHmac("sha256", PARTS.key).update(message, "hex").digest("hex");
  assert.equal(toHex(await joinMac(PARTS)), expected);
});

Deno.test("verifyJoin() accepts the MAC and refuses every flipped bit of it", async () => {
  const mac = await joinMac(PARTS);
  assert.equal(await verifyJoin(PARTS, mac), true);
  for (let bit = 0; bit < 256; bit++) {
    const flipped = mac.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(await verifyJoin(PARTS, flipped), false, `bit ${bit}`);
  }
});

Deno.test("verifyJoin() refuses another key, nonce, server or connection number", async () => {
  const mac = await joinMac(PARTS);
  for (const name of ["key", "clientNonce", "serverNonce", "serverIdentity"] as const) {
    const changed = PARTS[name].slice();
    changed[31]! ^= 1;
    assert.equal(await verifyJoin({ ...PARTS, [name]: changed }, mac), false, name);
  }
  assert.equal(await verifyJoin({ ...PARTS, connection: 6 }, mac), false);
  const swapped = {
    ...PARTS,
    clientNonce: PARTS.serverNonce,
    serverNonce: PARTS.clientNonce,
  };
  assert.equal(await verifyJoin(swapped, mac), false);
});

Deno.test("verifyJoin() refuses a MAC that is cut or longer", async () => {
  const mac = await joinMac(PARTS);
  assert.equal(await verifyJoin(PARTS, mac.slice(0, 31)), false);
  assert.equal(await verifyJoin(PARTS, new Uint8Array(0)), false);
  assert.equal(await verifyJoin(PARTS, Uint8Array.of(...mac, 0)), false);
});

Deno.test("joinMac() insists on whole secrets", async () => {
  await assert.rejects(joinMac({ ...PARTS, key: new Uint8Array(16) }), RangeError);
  await assert.rejects(joinMac({ ...PARTS, clientNonce: new Uint8Array(0) }), RangeError);
  await assert.rejects(joinMac({ ...PARTS, connection: -1 }), RangeError);
});

function hexOfText(text: string): string {
  return toHex(new TextEncoder().encode(text));
}
