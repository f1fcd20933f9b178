// Clients that leave while they are at the door, over every stack: what they have no use for any more.

import assert from "node:assert/strict";
import { CAPABILITIES, clientGreeting } from "../../src/session/handshake.ts";
import { ControlChannel } from "../../src/session/control_channel.ts";
import { tlsTransport } from "../../src/transport/tls/tls.ts";
import type { Connection, Transport } from "../../src/transport/transport.ts";
import { anchorPem } from "../../src/trust/anchor.ts";
import { quicStacks } from "../quic_stacks.ts";
import { Place, type RunningServer } from "./place.ts";
import { watched } from "./watched.ts";

const TLS: Transport = { ...tlsTransport(), addsToRuntimeRoots: false };
const HELLO = { type: "hello", version: 1, capabilities: CAPABILITIES, agent: "test" } as const;

/** Comes, hears the answer to its hello, and leaves in order. */
async function comeAndGo(server: RunningServer, transport: Transport): Promise<void> {
  const { identity, addresses } = server.remote();
  const at = { ...addresses[0]!, anchorPem: anchorPem(identity) };
  const connection = await transport.connect(at);
  const channel = new ControlChannel(await connection.openControl());
  channel.send({ ...HELLO, nonce: new Uint8Array(32) });
  await channel.expect("hello");
  connection.close("none", "");
  await connection.closed;
}

for (const transport of [...await quicStacks(), TLS]) {
  Deno.test(`${transport.name}: whom a server that stops leaves at its door is not told of as turned away`, async () => {
    await using place = await Place.open();
    const server = await place.serve({ transport });
    const { identity, addresses } = server.remote();
    const at = { ...addresses[0]!, anchorPem: anchorPem(identity) };
    const connection = await transport.connect(at);
    const channel = new ControlChannel(await connection.openControl());
    await clientGreeting(channel, "test");
    await server.stop();
    await connection.closed;
    assert.deepEqual(server.events.items.filter(({ kind }) => kind === "peer_refused"), []);
  });

  Deno.test(`${transport.name}: who leaves in order is not told of as turned away`, async () => {
    await using place = await Place.open();
    const came: Connection[] = [];
    const server = await place.serve({ transport: watched(transport, (it) => came.push(it)) });
    await comeAndGo(server, transport);
    // It is to hear of that before it stops by itself.
    assert.equal(came.length, 1);
    await Promise.all(came.map(({ closed }) => closed));
    await server.stop();
    assert.deepEqual(server.events.items.filter(({ kind }) => kind === "peer_refused"), []);
  });
}
