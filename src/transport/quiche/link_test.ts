// One connection's place, told packet by packet: who is followed where, and how much is sent there
// before the peer shows that it hears it.

import assert from "node:assert/strict";
import { LIMITS } from "../../base/limits.ts";
import type { UdpPath } from "../../runtime/udp.ts";
import { anchorPem, issueLeaf } from "../../trust/certificate.ts";
import { generateIdentity } from "../../trust/identity.ts";
import { loadQuiche } from "./binding.ts";
import { newId } from "./connection_ids.ts";
import { Link } from "./link.ts";
import { clientConfig, serverConfig } from "./settings.ts";

const quiche = await loadQuiche();
const HERE = { host: "127.0.0.1", port: 1000 };
const SERVER: UdpPath = pathTo({ host: "127.0.0.1", port: 2000 }, HERE);
const CLIENT: UdpPath = pathTo(HERE, SERVER.remote);
const SETTINGS = {
  idleMs: 10_000,
  packetBytes: 1350,
  congestion: "cubic",
  streamWindowBytes: 1 << 20,
  connectionWindowBytes: 10 << 20,
} as const;
/** A control stream, which the client opens, and a lane of the server. */
const [CONTROL_ID, LANE_ID] = [0, 3];
const ignore = typeof quiche === "string";

function pathTo(remote: UdpPath["remote"], local: UdpPath["local"]): UdpPath {
  return { local, remote } as UdpPath;
}

/** Everything an end writes now, as far as it may. */
function drain(link: Link): Uint8Array<ArrayBuffer>[] {
  const packets = [];
  for (const into = new Uint8Array(16_384);;) {
    const bytes = link.write(into);
    if (bytes === 0) return packets;
    packets.push(into.slice(0, bytes));
  }
}

function bytesOf(packets: readonly Uint8Array[]): number {
  return packets.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/** A client and a server that have shaken hands, and the ids by which the server is addressed. */
async function meet(
  keepAliveMs: number | null = null,
  { firstWindowBytes = LIMITS.firstConnectionWindowBytes } = {},
) {
  assert.ok(typeof quiche !== "string");
  const identity = await generateIdentity();
  const leaf = await issueLeaf(identity, { nowMs: Date.now() });
  const anchor = { anchorPem: anchorPem(identity.publicKey), protocol: "sftpx/1" };
  const [here, there] = [newId(), newId()];
  const own = clientConfig(quiche, anchor, SETTINGS);
  const client = linkOf(
    quiche.Connection.connect("sftpx", here, HERE, SERVER.remote, own),
    { path: SERVER, isServer: false, keepAliveMs },
  );
  const config = serverConfig(quiche, leaf, { ...SETTINGS, firstWindowBytes });
  const server = linkOf(
    quiche.Connection.accept(there, null, SERVER.remote, HERE, config),
    { path: CLIENT, isServer: true, keepAliveMs: null },
  );
  converse(client, server);
  assert.deepEqual([client.established, server.established], [true, true]);
  return { client, server };
}

function linkOf(
  native: Link["native"],
  options: Pick<ConstructorParameters<typeof Link>[1], "path" | "isServer" | "keepAliveMs">,
): Link {
  const host = { touched: () => {}, issueId: () => newId(), retireId: () => {} };
  return new Link(native, { ...options, host, onWake: () => {}, onEnded: () => {} });
}

/** Both speak until neither has more to say; the client's packets come from where it is said to be. */
function converse(client: Link, server: Link, from: UdpPath = CLIENT): void {
  for (let round = 0; round < 20; round++) {
    const [up, down] = [drain(client), drain(server)];
    if (up.length + down.length === 0) return;
    for (const packet of up) server.receive(packet, from);
    server.wake(performance.now());
    for (const packet of down) client.receive(packet, SERVER);
    client.wake(performance.now());
  }
}

/** What the client says next. */
function says(client: Link): Uint8Array<ArrayBuffer> {
  client.native.streamSend(CONTROL_ID, new Uint8Array(20), false);
  const [packet] = drain(client);
  assert.ok(packet !== undefined);
  return packet;
}

const PORT = pathTo({ host: "127.0.0.1", port: 1001 }, SERVER.remote);
const ELSEWHERE = pathTo({ host: "127.0.0.2", port: 1000 }, SERVER.remote);

Deno.test({
  name:
    "a server that reads nothing holds what its window begins with, over all lanes, and no more",
  ignore,
  fn: async () => {
    const firstWindowBytes = 200 * 1024;
    const { client, server } = await meet(null, { firstWindowBytes });
    const bytes = new Uint8Array(64 * 1024);
    let takenBytes = 0;
    for (let before = -1; takenBytes > before;) {
      before = takenBytes;
      for (const lane of [2, 6, 10, 14]) {
        takenBytes += client.native.streamSend(lane, bytes, false) ?? 0;
      }
      converse(client, server);
    }
    assert.equal(takenBytes, firstWindowBytes);
  },
});

Deno.test({
  name: "a server follows its client to another port, and to no other IP address",
  ignore,
  fn: async () => {
    const { client, server } = await meet();
    server.receive(says(client), ELSEWHERE);
    assert.equal(server.path, CLIENT);
    server.receive(says(client), PORT);
    assert.equal(server.path, PORT);
  },
});

Deno.test({
  name: "a client talks to no other port than the one it called",
  ignore,
  fn: async () => {
    const { client, server } = await meet();
    server.native.streamSend(LANE_ID, new Uint8Array(20), false);
    const [packet] = drain(server);
    const before = client.native.stats().recv;
    client.receive(packet!, pathTo({ host: "127.0.0.1", port: 2001 }, HERE));
    assert.deepEqual([client.path, client.native.stats().recv], [SERVER, before]);
  },
});

Deno.test({
  name: "neither junk nor a packet that came before moves a connection, not even this end of it",
  ignore,
  fn: async () => {
    const { client, server } = await meet();
    const packet = says(client);
    server.receive(packet, CLIENT);
    const junk = packet.map((byte, at) => at < 20 ? byte : byte ^ 0xff);
    const local = pathTo(HERE, { host: "127.0.0.9", port: 2000 });
    for (const path of [PORT, local]) {
      for (const forged of [packet, junk]) server.receive(forged, path);
      assert.equal(server.path, CLIENT);
    }
    server.receive(says(client), local);
    assert.equal(server.path, local, "news are followed");
  },
});

Deno.test({
  name: "whoever speaks from a port and does not hear it gets three times what came, and a little",
  ignore,
  fn: async () => {
    const { client, server } = await meet();
    server.native.streamSend(LANE_ID, new Uint8Array(512 * 1024), false);
    let [saidBytes, heardBytes] = [0, 0];
    for (let count = 0; count < 200; count++) {
      const packet = says(client);
      saidBytes += packet.byteLength;
      server.receive(packet, PORT);
      server.wake(performance.now());
      heardBytes += bytesOf(drain(server));
      server.expire(performance.now());
      heardBytes += bytesOf(drain(server));
      assert.ok(heardBytes <= 3 * saidBytes + LIMITS.moveBytes, `${heardBytes} of ${saidBytes}`);
    }
    assert.ok(heardBytes > 0);
  },
});

Deno.test({
  name:
    "a client that moves again and again shows each time that it hears, and is sent all there is",
  ignore,
  fn: async () => {
    const { client, server } = await meet();
    const into = new Uint8Array(64 * 1024);
    for (let port = 1001; port < 1006; port++) {
      const path = pathTo({ host: "127.0.0.1", port }, SERVER.remote);
      server.receive(says(client), path);
      server.wake(performance.now());
      converse(client, server, path);
      const taken = server.native.streamSend(LANE_ID, new Uint8Array(12 * 1024), false);
      const packets = drain(server);
      assert.ok(taken !== null && bytesOf(packets) > 2 * LIMITS.moveBytes, `${bytesOf(packets)}`);
      for (const packet of packets) client.receive(packet, SERVER);
      client.wake(performance.now());
      assert.deepEqual(client.native.streamRecv(LANE_ID, into), [taken, false]);
      converse(client, server, path);
      assert.equal(server.path, path);
    }
  },
});

Deno.test({
  name: "junk is no sign of life: the client asks all the same",
  ignore,
  fn: async () => {
    const keepAliveMs = 4_000;
    const { client, server } = await meet(keepAliveMs);
    server.native.streamSend(LANE_ID, new Uint8Array(20), false);
    const [packet] = drain(server);
    const heardMs = performance.now();
    client.receive(packet!, SERVER);
    client.wake(heardMs);
    drain(client);
    client.receive(packet!.map((byte, at) => at < 20 ? byte : byte ^ 0xff), SERVER);
    client.wake(heardMs + 1_000);
    client.settle(heardMs);
    assert.ok(client.deadlineMs <= heardMs + keepAliveMs);
  },
});
