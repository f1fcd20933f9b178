import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import tls from "node:tls";
import { anchorPem, bootstrapAnchorPem, bootstrapCrossPem, certificate } from "./anchor.ts";
import { issueLeaf, LEAF_LIFE_MS, leafTbs } from "./certificate.ts";
import { generateIdentity, type Identity } from "./identity.ts";
import { encodePem } from "./pem.ts";

const DAY_MS = 24 * 60 * 60 * 1000;
const ALPN = "sftpx/1";

interface Served {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** One handshake over Deno's QUIC on loopback: null when accepted, else why the client refused. */
async function quicRefusal(served: Served, anchor: string): Promise<string | null> {
  const server = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  const client = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  const listener = server.listen({
    cert: served.certificatePem,
    key: served.keyPem,
    alpnProtocols: [ALPN],
  });
  const accepted = listener.incoming().then((incoming) => incoming.accept())
    .then((connection) => connection.closed, () => {});
  try {
    const connection = await Deno.connectQuic({
      hostname: "127.0.0.1",
      port: server.addr.port,
      endpoint: client,
      serverName: "sftpx",
      caCerts: [anchor],
      alpnProtocols: [ALPN],
    });
    connection.close({ closeCode: 0, reason: "" });
    await connection.closed;
    return null;
  } catch (thrown) {
    return String(thrown);
  } finally {
    await accepted;
    listener.stop();
    server.close();
    client.close();
  }
}

/** The same over `node:tls`. */
async function tlsRefusal(served: Served, anchor: string): Promise<string | null> {
  const server = tls.createServer({
    cert: served.certificatePem,
    key: served.keyPem,
    minVersion: "TLSv1.3",
  });
  server.on("secureConnection", (socket) => socket.on("error", () => {}).resume().end());
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const socket = tls.connect({
    host: "127.0.0.1",
    port,
    servername: "sftpx",
    ca: [anchor],
    rejectUnauthorized: true,
  });
  try {
    await once(socket, "secureConnect");
    return null;
  } catch (thrown) {
    return String(thrown);
  } finally {
    socket.destroy();
    if (!socket.closed) await once(socket, "close");
    server.close();
    await once(server, "close");
  }
}

/** A leaf with one thing wrong, signed all the same. */
async function oddLeaf(
  identity: Identity,
  odd: { serverName?: string | null; fromMs?: number; untilMs?: number },
): Promise<Served> {
  const pair = await crypto.subtle.generateKey(
    { name: "ECDSA", namedCurve: "P-256" },
    true,
    ["sign", "verify"],
  );
  const tbs = leafTbs(new Uint8Array(await crypto.subtle.exportKey("spki", pair.publicKey)), {
    fromMs: odd.fromMs ?? Date.now() - DAY_MS,
    untilMs: odd.untilMs ?? Date.now() + DAY_MS,
    serverName: odd.serverName === undefined ? "sftpx" : odd.serverName,
  });
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey));
  return {
    certificatePem: encodePem("CERTIFICATE", certificate(tbs, await identity.sign(tbs))),
    keyPem: encodePem("PRIVATE KEY", pkcs8),
  };
}

Deno.test("Deno's QUIC accepts the right pin and refuses another identity", async () => {
  const [identity, other] = [await generateIdentity(), await generateIdentity()];
  const leaf = await issueLeaf(identity, { nowMs: Date.now() });
  assert.equal(await quicRefusal(leaf, anchorPem(identity.publicKey)), null);
  assert.match(String(await quicRefusal(leaf, anchorPem(other.publicKey))), /BadSignature/);
});

Deno.test("node:tls accepts the right pin and refuses another identity", async () => {
  const [identity, other] = [await generateIdentity(), await generateIdentity()];
  const leaf = await issueLeaf(identity, { nowMs: Date.now() });
  assert.equal(await tlsRefusal(leaf, anchorPem(identity.publicKey)), null);
  assert.notEqual(await tlsRefusal(leaf, anchorPem(other.publicKey)), null);
});

Deno.test("a leaf without the name sftpx is refused", async () => {
  const identity = await generateIdentity();
  const anchor = anchorPem(identity.publicKey);
  assert.equal(
    await quicRefusal(await oddLeaf(identity, {}), anchor),
    null,
    "the odd leaf is sound",
  );
  const nameless = await oddLeaf(identity, { serverName: null });
  assert.match(String(await quicRefusal(nameless, anchor)), /not valid for name/);
  const misnamed = await oddLeaf(identity, { serverName: "example" });
  assert.match(String(await quicRefusal(misnamed, anchor)), /not valid for name/);
});

Deno.test("a leaf is refused before and after its time", async () => {
  const identity = await generateIdentity();
  const anchor = anchorPem(identity.publicKey);
  const early = await oddLeaf(identity, { fromMs: Date.now() + DAY_MS / 24 });
  assert.match(String(await quicRefusal(early, anchor)), /not valid yet/);
  const late = await oddLeaf(identity, { untilMs: Date.now() - 60_000 });
  assert.match(String(await quicRefusal(late, anchor)), /expired/);
});

Deno.test("issueLeaf() backdates by a day and outlives a year's uptime", async () => {
  const identity = await generateIdentity();
  const anchor = anchorPem(identity.publicKey);
  const nowMs = Date.now();
  // The client's clock is a server's clock moved; so the leaf is made in the client's future.
  const ahead = await issueLeaf(identity, { nowMs: nowMs + DAY_MS - 60_000 });
  assert.equal(await quicRefusal(ahead, anchor), null);
  const tooFar = await issueLeaf(identity, { nowMs: nowMs + DAY_MS + 60_000 });
  assert.match(String(await quicRefusal(tooFar, anchor)), /not valid yet/);
  const old = await issueLeaf(identity, { nowMs: nowMs - 366 * DAY_MS });
  assert.equal(await quicRefusal(old, anchor), null);
  const dead = await issueLeaf(identity, { nowMs: nowMs - LEAF_LIFE_MS - 60_000 });
  assert.ok(dead.expiresMs < nowMs);
  assert.match(String(await quicRefusal(dead, anchor)), /expired/);
});

Deno.test("issueLeaf() makes a new key and serial each time", async () => {
  const identity = await generateIdentity();
  const one = await issueLeaf(identity, { nowMs: 0 });
  const two = await issueLeaf(identity, { nowMs: 0 });
  assert.notEqual(one.keyPem, two.keyPem);
  assert.notEqual(one.certificatePem, two.certificatePem);
});

Deno.test("a bootstrap client reaches any server, and proves nothing by it", async () => {
  const bootstrap = await bootstrapAnchorPem();
  for (const identity of [await generateIdentity(), await generateIdentity()]) {
    const leaf = await issueLeaf(identity, { nowMs: Date.now() });
    assert.equal(await quicRefusal(leaf, bootstrap), null);
  }
});

Deno.test("an impostor with the victim's own bootstrap certificate is refused", async () => {
  const [victim, impostor] = [await generateIdentity(), await generateIdentity()];
  const anchor = anchorPem(victim.publicKey);
  const leaf = await oddLeaf(impostor, {});
  for (const identity of [victim, impostor]) {
    const cross = await bootstrapCrossPem(identity.publicKey);
    const served = { ...leaf, certificatePem: leaf.certificatePem + cross };
    assert.notEqual(await quicRefusal(served, anchor), null);
    assert.notEqual(await tlsRefusal(served, anchor), null);
  }
});

Deno.test("an anchor that the impostor sends along is not trusted", async () => {
  const [victim, impostor] = [await generateIdentity(), await generateIdentity()];
  const leaf = await oddLeaf(impostor, {});
  const served = {
    ...leaf,
    certificatePem: leaf.certificatePem + anchorPem(impostor.publicKey),
  };
  assert.equal(await quicRefusal(served, anchorPem(impostor.publicKey)), null, "sound otherwise");
  assert.notEqual(await quicRefusal(served, anchorPem(victim.publicKey)), null);
});

Deno.test("a leaf altered after signing is refused", async () => {
  const identity = await generateIdentity();
  const anchor = anchorPem(identity.publicKey);
  const { certificatePem, keyPem } = await oddLeaf(identity, { serverName: "sftpy" });
  const text = atob(certificatePem.replace(/-----.*-----/g, "").replaceAll("\n", ""));
  const der = Uint8Array.from(text.replace("sftpy", "sftpx"), (char) => char.charCodeAt(0));
  const altered = { certificatePem: encodePem("CERTIFICATE", der), keyPem };
  assert.match(String(await quicRefusal(altered, anchor)), /BadSignature/);
});
