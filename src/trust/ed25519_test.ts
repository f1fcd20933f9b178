import assert from "node:assert/strict";
import { fromHex, toHex } from "../base/bytes.ts";
import { isWeakKey, seedFromPkcs8, seedToPkcs8, signingKey, verifySignature } from "./ed25519.ts";

// RFC 8032, section 7.1, tests 1 to 3.
const VECTORS = [
  {
    seed: "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
    publicKey: "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    message: "",
    signature:
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e" +
      "39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
  },
  {
    seed: "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
    publicKey: "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
    message: "72",
    signature:
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f" +
      "3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
  },
];

Deno.test("signingKey() and verifySignature() agree with RFC 8032", async () => {
  for (const vector of VECTORS) {
    const key = await signingKey(fromHex(vector.seed));
    assert.equal(toHex(key.publicKey), vector.publicKey);
    const signature = await key.sign(fromHex(vector.message));
    assert.equal(toHex(signature), vector.signature);
    assert.ok(await verifySignature(key.publicKey, signature, fromHex(vector.message)));
  }
});

Deno.test("verifySignature() is false for every flipped bit of a signature", async () => {
  const key = await signingKey(fromHex(VECTORS[0]!.seed));
  const message = Uint8Array.of(1, 2, 3);
  const signature = await key.sign(message);
  assert.ok(await verifySignature(key.publicKey, signature, message));
  for (let bit = 0; bit < signature.byteLength * 8; bit += 5) {
    const flipped = signature.slice();
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(await verifySignature(key.publicKey, flipped, message), false, `bit ${bit}`);
  }
  assert.equal(await verifySignature(key.publicKey, signature, Uint8Array.of(1, 2, 2)), false);
});

Deno.test("verifySignature() is false, not an error, for wrong lengths and no point", async () => {
  const message = Uint8Array.of(1);
  const key = await signingKey(fromHex(VECTORS[0]!.seed));
  const signature = await key.sign(message);
  assert.equal(await verifySignature(key.publicKey.slice(1), signature, message), false);
  assert.equal(await verifySignature(key.publicKey, signature.slice(1), message), false);
  assert.equal(await verifySignature(key.publicKey, new Uint8Array(65), message), false);
  assert.equal(await verifySignature(new Uint8Array(32).fill(2), signature, message), false);
});

Deno.test("verifySignature() refuses a key for which one signature fits every message", async () => {
  const weak = new Uint8Array(32);
  weak[0] = 1; // the neutral element
  const universal = new Uint8Array(64);
  universal[0] = 1;
  const message = Uint8Array.of(9, 9, 9);
  // Shown to be needed: the runtime alone accepts it.
  const key = await crypto.subtle.importKey("raw", weak, "Ed25519", false, ["verify"]);
  assert.ok(await crypto.subtle.verify("Ed25519", key, universal, message));
  assert.equal(await verifySignature(weak, universal, message), false);
  weak[31] = 0x80;
  assert.ok(isWeakKey(weak), "the sign bit hides nothing");
});

Deno.test("seedFromPkcs8() takes Ed25519 keys of RFC 8410's short form only", async () => {
  const seed = fromHex(VECTORS[0]!.seed);
  const pkcs8 = seedToPkcs8(seed);
  assert.deepEqual(seedFromPkcs8(pkcs8), seed);
  assert.equal(seedFromPkcs8(pkcs8.slice(0, -1)), null);
  const x25519 = pkcs8.slice();
  x25519[11] = 0x6e;
  assert.equal(seedFromPkcs8(x25519), null);
  assert.throws(() => seedToPkcs8(seed.slice(1)), RangeError);
  await assert.rejects(signingKey(seed.slice(1)), RangeError);
});
