import assert from "node:assert/strict";
import { encodeUtf8, toHex } from "../base/bytes.ts";
import {
  clientAuthBytes,
  type ClientAuthParts,
  signClientAuth,
  verifyClientAuth,
} from "./client_auth.ts";
import { generateIdentity, type Identity } from "./identity.ts";

interface Scene {
  readonly client: Identity;
  readonly other: Identity;
  readonly parts: ClientAuthParts;
  readonly signature: Uint8Array<ArrayBuffer>;
}

async function scene(): Promise<Scene> {
  const [server, client, other] = await Promise.all([
    generateIdentity(),
    generateIdentity(),
    generateIdentity(),
  ]);
  const parts = {
    serverIdentity: server.publicKey,
    clientIdentity: client.publicKey,
    clientHello: encodeUtf8("client hello, nonce 1"),
    serverHello: encodeUtf8("server hello, nonce 2"),
  };
  return { client, other, parts, signature: await signClientAuth(client, parts) };
}

Deno.test("clientAuthBytes() is the layout that PROTOCOL fixes", () => {
  const bytes = clientAuthBytes({
    serverIdentity: new Uint8Array(32).fill(0x11),
    clientIdentity: new Uint8Array(32).fill(0x22),
    clientHello: Uint8Array.of(1, 2, 3),
    serverHello: Uint8Array.of(4),
  });
  assert.equal(
    toHex(bytes),
    toHex(encodeUtf8("sftpx client auth 1")) + "00" +
      "00000007" + toHex(encodeUtf8("sftpx/1")) +
      "00000020" + "11".repeat(32) +
      "00000020" + "22".repeat(32) +
      "00000003" + "010203" +
      "00000001" + "04",
  );
  assert.notEqual(bytes[0], 0x30, "it cannot be read as a certificate's signed part");
});

Deno.test("verifyClientAuth() accepts what the client signed", async () => {
  const { parts, signature } = await scene();
  assert.equal(await verifyClientAuth(parts, signature), true);
});

Deno.test("verifyClientAuth() refuses a signature passed on to another server", async () => {
  const { parts, signature, other } = await scene();
  const moved = { ...parts, serverIdentity: other.publicKey };
  assert.equal(await verifyClientAuth(moved, signature), false);
});

Deno.test("verifyClientAuth() refuses another or swapped identity", async () => {
  const { parts, signature, other } = await scene();
  const claimed = { ...parts, clientIdentity: other.publicKey };
  assert.equal(await verifyClientAuth(claimed, signature), false);
  const swapped = {
    ...parts,
    serverIdentity: parts.clientIdentity,
    clientIdentity: parts.serverIdentity,
  };
  assert.equal(await verifyClientAuth(swapped, signature), false);
});

Deno.test("verifyClientAuth() refuses a replay under another hello", async () => {
  const { parts, signature } = await scene();
  for (const name of ["clientHello", "serverHello"] as const) {
    const hello = parts[name].slice();
    for (let at = 0; at < hello.byteLength; at++) {
      hello[at]! ^= 1;
      assert.equal(await verifyClientAuth({ ...parts, [name]: hello }, signature), false);
      hello[at]! ^= 1;
    }
    const longer = { ...parts, [name]: Uint8Array.of(...hello, 0) };
    assert.equal(await verifyClientAuth(longer, signature), false);
  }
  const exchanged = {
    ...parts,
    clientHello: parts.serverHello,
    serverHello: parts.clientHello,
  };
  assert.equal(await verifyClientAuth(exchanged, signature), false);
});

Deno.test("verifyClientAuth() refuses a boundary moved between the hellos", async () => {
  const { client, parts } = await scene();
  const signed = await signClientAuth(client, {
    ...parts,
    clientHello: encodeUtf8("ab"),
    serverHello: encodeUtf8("c"),
  });
  const moved = { ...parts, clientHello: encodeUtf8("a"), serverHello: encodeUtf8("bc") };
  assert.equal(await verifyClientAuth(moved, signed), false);
});

Deno.test("verifyClientAuth() is false for identities and signatures of a wrong length", async () => {
  const { parts, signature } = await scene();
  const short = { ...parts, clientIdentity: parts.clientIdentity.slice(1) };
  assert.equal(await verifyClientAuth(short, signature), false);
  assert.equal(await verifyClientAuth(parts, signature.slice(0, 63)), false);
  assert.equal(await verifyClientAuth(parts, new Uint8Array(0)), false);
  assert.equal(await verifyClientAuth(parts, new Uint8Array(64)), false);
});
