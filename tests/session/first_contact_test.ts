// First contact with a real server: what it claims, what it takes meanwhile (nothing), and that the
// claim is all a client needs to come back pinned.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { LIMITS } from "../../src/base/limits.ts";
import { learnIdentity } from "../../src/session/claim.ts";
import { ControlChannel } from "../../src/session/control_channel.ts";
import type { ServeOptions } from "../../src/session/options.ts";
import type { ReachOptions } from "../../src/session/reach.ts";
import type { Connection } from "../../src/transport/transport.ts";
import { encodeLaneEnd } from "../../src/wire/frame.ts";
import { Place, type RunningServer } from "./place.ts";
import { rawClient } from "./raw_peer.ts";

function reach(place: Place, server: RunningServer): ReachOptions {
  return {
    transport: place.network,
    addresses: server.remote().addresses,
    congestion: "auto",
    timeoutMs: 10_000,
    signal: new AbortController().signal,
  };
}

/** A server that writes nowhere. */
async function serve(place: Place, more: Partial<ServeOptions> = {}): Promise<RunningServer> {
  await mkdir(place.path("root"));
  return await place.serve({ access: "read", ...more });
}

/** A claim connection that does as it likes. */
async function dial(place: Place, server: RunningServer): Promise<Connection> {
  const [address] = server.remote().addresses;
  return await place.network.connect({ ...address!, anchorPem: "", protocol: "sftpx-claim/1" });
}

Deno.test("a server names its identity to whoever asks, and lets nobody in by that", async () => {
  await using place = await Place.open();
  const server = await serve(place);
  const learned = await learnIdentity(reach(place, server));
  assert.deepEqual(learned, server.remote().identity);
  const client = await rawClient(place.network, { ...server.remote(), identity: learned });
  client.connection.close("none", "");
  const kinds = new Set(server.events.items.map(({ kind }) => kind));
  assert.ok(!kinds.has("peer_refused"));
});

Deno.test("a server reads nothing from a peer at first contact", async () => {
  await using place = await Place.open();
  const server = await serve(place, { handshakeMs: 50 });
  const connection = await dial(place, server);
  const channel = new ControlChannel(await connection.openControl());
  const nonce = new Uint8Array(32);
  channel.send({ type: "hello", version: 1, capabilities: [], nonce, agent: "" });
  // Neither a hello of its own nor a refusal: the one lane is all that comes back.
  await assert.rejects(channel.receive(), { code: "lost" });
  const lane = await connection.acceptLane();
  assert.equal(lane, null); // it went with the connection
  assert.deepEqual(await connection.closed, { code: "none", reason: "", remote: true });
});

Deno.test("a peer that stays after its first contact is shown out", async () => {
  await using place = await Place.open();
  const server = await serve(place, { handshakeMs: 50 });
  const connection = await dial(place, server);
  const { code, remote } = await connection.closed;
  assert.deepEqual([code, remote], ["none", true]);
});

Deno.test("a peer that opens a lane at first contact is shown out at once", async () => {
  await using place = await Place.open();
  const server = await serve(place);
  const connection = await dial(place, server);
  const lane = await connection.openLane();
  await lane.write(encodeLaneEnd(1, 0)).catch(() => {});
  const { code, remote } = await connection.closed;
  assert.deepEqual([code, remote], ["protocol", true]);
});

Deno.test("first contacts stand at the door as strangers do", async () => {
  await using place = await Place.open();
  const server = await serve(place);
  const waiting = [];
  for (let i = 0; i < LIMITS.unauthenticatedPerAddress; i++) {
    waiting.push(await dial(place, server));
  }
  await assert.rejects(learnIdentity({ ...reach(place, server), waitsForBusy: false }), {
    code: "busy",
    message: /closed the connection: .*too many peers are at the door$/,
  });
  const left = waiting.map((connection) => {
    connection.close("none", "");
    return connection.closed;
  });
  await Promise.all(left);
  assert.deepEqual(await learnIdentity(reach(place, server)), server.remote().identity);
});

Deno.test("a server that stops ends its first contacts", async () => {
  await using place = await Place.open();
  const server = await serve(place);
  const connection = await dial(place, server);
  const lane = await connection.acceptLane();
  assert.notEqual(lane, null);
  await server.stop();
  assert.equal((await connection.closed).code, "none");
});
