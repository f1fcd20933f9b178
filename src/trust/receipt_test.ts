import assert from "node:assert/strict";
import { encodeUtf8, toHex } from "../base/bytes.ts";
import { signClientAuth } from "./client_auth.ts";
import { generateIdentity } from "./identity.ts";
import { receiptBytes, type ReceiptFields, signReceipt, verifyReceipt } from "./receipt.ts";

const FIELDS: ReceiptFields = {
  serverIdentity: new Uint8Array(32).fill(1),
  clientIdentity: new Uint8Array(32).fill(2),
  transfer: 3,
  root: new Uint8Array(32).fill(4),
  files: 5,
  bytes: 2 ** 40,
  failed: 0,
  changed: 6,
  deleted: 7,
};

Deno.test("receiptBytes() is the layout that PROTOCOL fixes", () => {
  assert.equal(
    toHex(receiptBytes(FIELDS)),
    toHex(encodeUtf8("sftpx receipt 1")) + "00" +
      "00000020" + "01".repeat(32) + "00000020" + "02".repeat(32) +
      "00000004" + "00000003" + "00000020" + "04".repeat(32) +
      "00000008" + "0000000000000005" + "00000008" + "0000010000000000" +
      "00000008" + "0000000000000000" +
      "00000008" + "0000000000000006" + "00000008" + "0000000000000007",
  );
});

Deno.test("verifyReceipt() accepts the receiver's word and nobody else's", async () => {
  const [receiver, other] = [await generateIdentity(), await generateIdentity()];
  const signature = await signReceipt(receiver, FIELDS);
  assert.equal(await verifyReceipt(receiver.publicKey, FIELDS, signature), true);
  assert.equal(await verifyReceipt(other.publicKey, FIELDS, signature), false);
});

Deno.test("verifyReceipt() refuses any field that differs from what was signed", async () => {
  const receiver = await generateIdentity();
  const signature = await signReceipt(receiver, FIELDS);
  const changed: Partial<ReceiptFields>[] = [
    { serverIdentity: FIELDS.clientIdentity, clientIdentity: FIELDS.serverIdentity },
    { transfer: 4 },
    { root: new Uint8Array(32).fill(5) },
    { files: 6 },
    { bytes: 2 ** 40 + 1 },
    { failed: 1 },
    { files: 0, failed: 5 },
    { changed: 7 },
    { deleted: 8 },
    { changed: 7, deleted: 6 },
  ];
  for (const change of changed) {
    const fields = { ...FIELDS, ...change };
    assert.equal(await verifyReceipt(receiver.publicKey, fields, signature), false);
  }
});

Deno.test("a client's proof is no receipt", async () => {
  const receiver = await generateIdentity();
  const proof = await signClientAuth(receiver, {
    serverIdentity: FIELDS.serverIdentity,
    clientHello: receiptBytes(FIELDS),
    serverHello: new Uint8Array(0),
  });
  assert.equal(await verifyReceipt(receiver.publicKey, FIELDS, proof), false);
});
