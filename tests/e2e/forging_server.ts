// A server that takes a transfer to its end over real QUIC and then lies about it: what no honest
// binary can be made to do.

import assert from "node:assert/strict";
import { ControlChannel } from "../../src/session/control_channel.ts";
import { serverHandshake } from "../../src/session/handshake.ts";
import { receiptSigner } from "../../src/session/receipt.ts";
import { chooseTransport } from "../../src/session/transports.ts";
import { issueLeaf } from "../../src/trust/certificate.ts";
import { generateIdentity } from "../../src/trust/identity.ts";
import { RawPeer } from "../session/raw_peer.ts";

/** A server that is there for one client. */
export interface ForgingServer {
  /** Names and pins it. */
  readonly url: string;
  /** Settles when the client has left; rejects where it did not refuse the forgery. */
  readonly served: Promise<void>;
}

/** Accepts one empty file and answers with a receipt whose signature is not its own. */
export async function forgeReceipt(): Promise<ForgingServer> {
  const identity = await generateIdentity();
  const { certificatePem, keyPem } = await issueLeaf(identity, { nowMs: Date.now() });
  const at = { hostname: "127.0.0.1", port: 0 };
  const transport = await chooseTransport({ quic: "auto" });
  const listener = await transport.listen({ ...at, certificatePem, keyPem });
  const served = (async () => {
    const connection = await listener.accept();
    assert.ok(connection !== null);
    const stream = await connection.acceptControl();
    const channel = new ControlChannel(stream);
    const grant = { read: true, write: true, writeOnce: false, root: "" };
    const handshaken = await serverHandshake(channel, {
      identity,
      agent: "forger",
      admit: () => ({ session: 1, key: new Uint8Array(32), admitted: { grant, by: "ticket" } }),
      sessionOf: () => null,
    });
    assert.ok(handshaken.kind === "session");
    const peer = handshaken.clientIdentity;
    await answer(new RawPeer({ connection, channel, stream, identity, peer }));
    connection.close("none", "");
    await connection.closed;
  })().finally(() => listener.close());
  served.catch(() => {}); // Told where it is awaited.
  return { url: `sftpx://${identity.name}@127.0.0.1:${listener.address.port}/f`, served };
}

async function answer(server: RawPeer): Promise<void> {
  const { transfer } = await server.take("offer");
  server.send({ type: "accept", transfer, fresh: [true], chunkBytes: 65_536 });
  const { root } = await server.take("finish");
  const ends = { serverIdentity: server.identity.publicKey, clientIdentity: server.peer };
  const sign = receiptSigner(ends, { transfer, identity: server.identity });
  const receipt = await sign({ root, files: 1, bytes: 0, failed: 0, changed: 1, deleted: 0 });
  server.send({ ...receipt, signature: new Uint8Array(64).fill(1) });
  assert.equal((await server.take("abort")).code, "integrity");
  await server.take("bye");
}
