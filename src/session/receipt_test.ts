import assert from "node:assert/strict";
import { generateIdentity } from "../trust/identity.ts";
import type { Receipt } from "../wire/messages.ts";
import { receiptCheck, receiptSigner } from "./receipt.ts";

const RESULT = {
  root: new Uint8Array(32).fill(3),
  files: 2,
  bytes: 1000,
  failed: 1,
  changed: 2,
  deleted: 1,
};

async function scene() {
  const [server, client] = await Promise.all([generateIdentity(), generateIdentity()]);
  const ends = { serverIdentity: server.publicKey, clientIdentity: client.publicKey };
  return { server, client, ends };
}

Deno.test("a receipt of the server's holds for the client, and the other way round", async () => {
  const { server, client, ends } = await scene();
  const ofServer = await receiptSigner(ends, { transfer: 1, identity: server })(RESULT);
  const ofClient = await receiptSigner(ends, { transfer: 1, identity: client })(RESULT);
  assert.equal(await receiptCheck(ends, "client")(ofServer), true);
  assert.equal(await receiptCheck(ends, "server")(ofClient), true);
  assert.equal(await receiptCheck(ends, "client")(ofClient), false, "its own receipt");
  assert.equal(await receiptCheck(ends, "server")(ofServer), false, "its own receipt");
});

const TAMPERED: Record<string, Partial<Receipt>> = {
  transfer: { transfer: 2 },
  root: { root: new Uint8Array(32) },
  files: { files: 3 },
  bytes: { bytes: 1001 },
  failed: { failed: 0 },
  changed: { changed: 0 },
  deleted: { deleted: 2 },
  identity: { identity: new Uint8Array(32).fill(4) },
  signature: { signature: new Uint8Array(64).fill(4) },
};

for (const [field, change] of Object.entries(TAMPERED)) {
  Deno.test(`a receipt with another ${field} does not hold`, async () => {
    const { server, ends } = await scene();
    const receipt = await receiptSigner(ends, { transfer: 1, identity: server })(RESULT);
    assert.equal(await receiptCheck(ends, "client")({ ...receipt, ...change }), false);
  });
}

Deno.test("a receipt that somebody else signed in his own name does not hold", async () => {
  const { ends } = await scene();
  const other = await generateIdentity();
  const receipt = await receiptSigner(ends, { transfer: 1, identity: other })(RESULT);
  assert.equal(await receiptCheck(ends, "client")(receipt), false);
});

Deno.test("a receipt of another session does not hold", async () => {
  const { server, ends } = await scene();
  const { client: stranger } = await scene();
  const elsewhere = { ...ends, clientIdentity: stranger.publicKey };
  const receipt = await receiptSigner(elsewhere, { transfer: 1, identity: server })(RESULT);
  assert.equal(await receiptCheck(ends, "client")(receipt), false);
});
