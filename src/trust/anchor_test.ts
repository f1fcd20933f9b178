import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { fromHex, toHex } from "../base/bytes.ts";
import { anchorPem, bootstrapAnchorPem, bootstrapCrossPem } from "./anchor.ts";
import { verifySignature } from "./ed25519.ts";
import { identityFromSeed } from "./identity.ts";
import { decodePem } from "./pem.ts";

/** The anchor of the key 00 01 .. 1f; PROTOCOL quotes the template that makes it. */
const GOLDEN = [
  "30820108" + "3081bb", // Certificate, tbsCertificate
  "a003020102" + "020101", // v3, serial 1
  "300506032b6570", // Ed25519
  "3019311730150603550403" + "0c0e7366747078206964656e74697479", // CN=sftpx identity
  "3020" + "170d3230303130313030303030305a" + "180f39393939313233313233353935395a",
  "3019311730150603550403" + "0c0e7366747078206964656e74697479",
  "302a300506032b6570032100",
  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
  "a3263024",
  "30120603551d130101ff0408" + "30060101ff020100", // CA:TRUE, pathLen 0
  "300e0603551d0f0101ff0404" + "03020204", // keyCertSign
  "300506032b6570" + "034100" + "00".repeat(64),
].join("");

const KEY = Uint8Array.from({ length: 32 }, (_, i) => i);

function der(pem: string): Uint8Array<ArrayBuffer> {
  const bytes = decodePem("CERTIFICATE", pem);
  assert.ok(bytes);
  return bytes;
}

Deno.test("anchorPem() is the golden certificate of its key", () => {
  const hex = toHex(der(anchorPem(KEY)));
  assert.equal(hex, GOLDEN);
});

Deno.test("anchorPem() depends on the key's 32 bytes alone", () => {
  const one = der(anchorPem(KEY));
  assert.deepEqual(der(anchorPem(KEY.slice())), one);
  const other = KEY.slice();
  other[0] = 0xff;
  const two = der(anchorPem(other));
  const differing = one.reduce((count, byte, i) => count + (byte === two[i] ? 0 : 1), 0);
  assert.equal(differing, 1);
  assert.throws(() => anchorPem(KEY.slice(1)), RangeError);
});

Deno.test("anchorPem() parses as a CA certificate that names itself", () => {
  const parsed = new X509Certificate(anchorPem(KEY));
  assert.equal(parsed.subject, "CN=sftpx identity");
  assert.equal(parsed.issuer, parsed.subject);
  assert.equal(BigInt("0x" + parsed.serialNumber), 1n);
  assert.equal(parsed.ca, true);
});

Deno.test("bootstrapCrossPem() is signed by the bootstrap key and the anchor is not", async () => {
  const bootstrapKey = publicKeyOf(der(await bootstrapAnchorPem()));
  const { publicKey } = await identityFromSeed(KEY);
  const cross = der(await bootstrapCrossPem(publicKey));
  assert.deepEqual(publicKeyOf(cross), publicKey);
  assert.ok(await verifySignature(bootstrapKey, cross.slice(-64), signedPart(cross)));
  const anchor = der(anchorPem(publicKey));
  assert.equal(await verifySignature(publicKey, anchor.slice(-64), signedPart(anchor)), false);
});

/** The key in an authority certificate: it follows the algorithm and the bit string's head. */
function publicKeyOf(certificate: Uint8Array): Uint8Array<ArrayBuffer> {
  const hex = toHex(certificate);
  const head = "300506032b6570032100";
  const at = hex.indexOf(head);
  assert.ok(at > 0);
  return fromHex(hex.slice(at + head.length, at + head.length + 64));
}

/** tbsCertificate with its tag: first element of the outer sequence, lengths above 127 here. */
function signedPart(certificate: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const at = certificate[1] === 0x82 ? 4 : 3;
  assert.equal(certificate[at], 0x30);
  assert.equal(certificate[at + 1], 0x81);
  return certificate.slice(at, at + 3 + certificate[at + 2]!);
}
