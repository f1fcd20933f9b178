// A server's further ports over real QUIC: transfers spread over them, whatever becomes of one; and whoever
// comes there without a session of his own gets nothing.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { WORKERS } from "../../mod.ts";
import { AGENT } from "../../src/session/agent.ts";
import { learnIdentity } from "../../src/session/claim.ts";
import { ControlChannel } from "../../src/session/control_channel.ts";
import { clientJoin } from "../../src/session/handshake.ts";
import { measure } from "../../src/session/measure.ts";
import type { Remote, SessionEvent, SessionOptions } from "../../src/session/options.ts";
import { denoQuicTransport } from "../../src/transport/deno_quic.ts";
import { ThreadTransport } from "../../src/transport/thread/thread.ts";
import type { Connection, Transport } from "../../src/transport/transport.ts";
import { anchorPem } from "../../src/trust/anchor.ts";
import { makeFile, noise } from "../e2e/trees.ts";
import { assertDone, EventLog, Place, type RunningServer } from "./place.ts";
import { rawClient } from "./raw_peer.ts";

/** This process has read its roots long ago. */
const QUIC: Transport = { ...denoQuicTransport(), addsToRuntimeRoots: false };
const SENT = noise(4 << 20);

function threads(count: number) {
  return { networkThreads: { count, workerUrl: WORKERS.transport! } };
}

async function serving(place: Place, count: number): Promise<RunningServer> {
  await makeFile(place.path("f"), SENT);
  return await place.serve({ transport: QUIC, ...threads(count) });
}

/** A thread's script is checked for types when it is first started: that is none of a server's time. */
async function loaded(): Promise<void> {
  await using thread = new ThreadTransport({ workerUrl: WORKERS.transport!, stack: QUIC });
  const nowhere = { hostname: "no address", port: 0, certificatePem: "", keyPem: "" };
  await assert.rejects(thread.listen(nowhere));
}

/** Ports of a session's connections, the first one's first: a measurement waits for all of them. */
async function measuredPorts(
  place: Place,
  server: RunningServer,
  way: Partial<SessionOptions>,
): Promise<readonly number[]> {
  const events = new EventLog<SessionEvent>();
  const session = place.session({ ...way, onEvent: events.put });
  await measure({ ...session, remote: server.remote(), lanes: 8, bytes: 1 << 20 });
  const connected = events.items.filter((event) => event.kind === "connected");
  return connected.toSorted((one, two) => one.connection - two.connection)
    .map(({ address }) => Number(address.slice(address.lastIndexOf(":") + 1)));
}

async function assertThere(server: RunningServer): Promise<void> {
  assert.deepEqual(new Uint8Array(await readFile(`${server.root}/f`)), SENT);
}

for (
  const { name, near, far } of [
    { name: "threads at both ends", near: 2, far: 2 },
    { name: "threads at the server alone", near: 0, far: 2 },
    { name: "more threads at the client", near: 3, far: 1 },
  ]
) {
  Deno.test(`${name}: a push and a pull are spread over the further ports`, async () => {
    await using place = await Place.open();
    const server = await serving(place, far);
    await loaded();
    const way = { transport: QUIC, connections: 4, lanes: 8, ...threads(near) };
    const push = place.push(["f"], server.remote(), way);
    assertDone(await push.summary);
    await assertThere(server);
    const pull = place.pull([server.remote("f")], "back", way);
    assertDone(await pull.summary);
    assert.deepEqual(new Uint8Array(await readFile(place.path("back"))), SENT);
    const [first, ...others] = await measuredPorts(place, server, way);
    assert.equal(first, server.handle.address.port);
    assert.equal(others.length, 3);
    assert.ok(!others.includes(first), `${first} of ${others}`);
    assert.equal(new Set(others).size, far);
  });
}

Deno.test("a server of one thread has one port, whatever threads its client has", async () => {
  await using place = await Place.open();
  const server = await serving(place, 0);
  const way = { transport: QUIC, connections: 3, lanes: 6, ...threads(2) };
  assertDone(await place.push(["f"], server.remote(), way).summary);
  await assertThere(server);
  const { port } = server.handle.address;
  assert.deepEqual(await measuredPorts(place, server, way), [port, port, port]);
});

Deno.test("where a firewall is silent about the further ports, the first one takes all connections", async () => {
  await using place = await Place.open();
  const server = await serving(place, 2);
  const { port } = server.handle.address;
  const firewalled: Transport = {
    ...QUIC,
    connect: (to) => to.port === port ? QUIC.connect(to) : silence(to.signal),
  };
  const way = { transport: firewalled, connections: 3, lanes: 6 };
  assertDone(await place.push(["f"], server.remote(), way).summary);
  await assertThere(server);
  assert.deepEqual(await measuredPorts(place, server, way), [port, port, port]);
});

Deno.test("a transfer outlives its connection over a further port", async () => {
  await using place = await Place.open();
  const server = await serving(place, 2);
  const { port } = server.handle.address;
  const further: Connection[] = [];
  const watched: Transport = {
    ...QUIC,
    connect: async (to) => {
      const connection = await QUIC.connect(to);
      if (to.port !== port) further.push(connection);
      return connection;
    },
  };
  const way = { transport: watched, connections: 3, lanes: 6, rateBytesPerSecond: 2e6 };
  const push = place.push(["f"], server.remote(), way);
  await push.events.until((event) => event.kind === "connected" && event.connection > 0);
  await push.events.until((event) => event.kind === "progress" && event.bytesDone > 0);
  further[0]!.close("none", "");
  const summary = await push.summary;
  assertDone(summary);
  assert.equal(summary.reconnects, 0);
  await assertThere(server);
});

Deno.test("at a further port a stranger gets nothing, nor a client that does not join", async () => {
  await using place = await Place.open();
  const server = await serving(place, 1);
  const remote = server.remote();
  const client = await rawClient(QUIC, remote);
  assert.equal(client.welcome.ports, 1);
  client.send({ type: "ports", ports: [] });
  const { ports: [port] } = await client.take("ports");
  const there: Remote = { ...remote, addresses: [{ hostname: "127.0.0.1", port: port! }] };
  await assert.rejects(rawClient(QUIC, there), { code: "refused" });
  const asked = place.session({ transport: QUIC });
  await assert.rejects(learnIdentity({ ...asked, addresses: there.addresses }));
  const wrong = { ...client.welcome, key: new Uint8Array(32) };
  await assert.rejects(joined(there, { welcome: wrong, connection: 1 }), { code: "refused" });
  const connection = await joined(there, { welcome: client.welcome, connection: 1 });
  // The number is taken now.
  await assert.rejects(joined(there, { welcome: client.welcome, connection: 1 }), {
    code: "refused",
  });
  client.connection.close("none", "");
  await connection.closed;
});

Deno.test("a further port is open while a session that asked for it lasts", async () => {
  await using place = await Place.open();
  const server = await serving(place, 1);
  const one = await rawClient(QUIC, server.remote());
  one.send({ type: "ports", ports: [] });
  const { ports } = await one.take("ports");
  const two = await rawClient(QUIC, server.remote());
  two.send({ type: "ports", ports: [] });
  assert.deepEqual((await two.take("ports")).ports, ports);
  const there = { ...server.remote(), addresses: [{ hostname: "127.0.0.1", port: ports[0]! }] };
  const { welcome } = two;
  one.connection.close("none", "");
  await server.events.until((event) => event.kind === "peer_left");
  const connection = await joined(there, { welcome, connection: 1 });
  two.connection.close("none", "");
  await connection.closed;
  await assert.rejects(joined(there, { welcome, connection: 2 }));
});

async function joined(
  remote: Remote,
  { welcome, connection }: {
    readonly welcome: Parameters<typeof clientJoin>[1]["welcome"];
    readonly connection: number;
  },
): Promise<Connection> {
  const { identity: serverIdentity, addresses } = remote;
  const signal = AbortSignal.timeout(5_000);
  const to = { ...addresses[0]!, anchorPem: anchorPem(serverIdentity), signal };
  const made = await QUIC.connect(to);
  try {
    const control = new ControlChannel(await made.openControl());
    await clientJoin(control, { welcome, serverIdentity, connection, agent: AGENT });
    return made;
  } catch (thrown) {
    made.close("none", "");
    await made.closed;
    throw thrown;
  }
}

/** Until whoever waits gives up. */
function silence(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason));
  });
}

Deno.test("a client that asks for further ports and reads no answer takes nobody down", async () => {
  await loaded();
  await using place = await Place.open();
  const server = await serving(place, 1);
  const client = await rawClient(QUIC, server.remote());
  client.stream.cancel();
  // One answer that nobody takes, while the ports are being opened: the next one cannot be sent.
  client.send({ type: "ports", ports: [] });
  client.send({ type: "ping", token: 1 });
  const another = await rawClient(QUIC, server.remote());
  another.send({ type: "ports", ports: [] });
  assert.equal((await another.take("ports")).ports.length, 1, "the other one was told before");
  for (const { connection } of [client, another]) connection.close("none", "");
  assertDone(await place.push(["f"], server.remote(), { transport: QUIC }).summary);
  await assertThere(server);
});
