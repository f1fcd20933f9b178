// The driver over sockets that behave badly: they lose packets, are full, or bring what nobody sent.

import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { overQuiche } from "../../../tests/quiche_addon.ts";
import { openUdp, type UdpOptions, type UdpSocket } from "../../runtime/udp.ts";
import { anchorPem, issueLeaf } from "../../trust/certificate.ts";
import { generateIdentity } from "../../trust/identity.ts";
import type { Connection, Listener } from "../transport.ts";
import { loadQuiche } from "./binding.ts";
import { type QuicheOptions, quicheTransport } from "./quiche.ts";

const HERE = "127.0.0.1";
const MiB = 1024 * 1024;

interface Pair {
  readonly client: Connection;
  readonly server: Connection;
  readonly listener: Listener;
}

async function pair(options: QuicheOptions, body: (pair: Pair) => Promise<void>): Promise<void> {
  const transport = quicheTransport(await loadQuiche(), { packetBytes: 1350, ...options });
  const identity = await generateIdentity();
  const leaf = await issueLeaf(identity, { nowMs: Date.now() });
  const windowBytes = 2 * MiB;
  const listener = await transport.listen({ hostname: HERE, port: 0, ...leaf, windowBytes });
  const { port } = listener.address;
  const to = { hostname: HERE, port, anchorPem: anchorPem(identity.publicKey), windowBytes };
  const [client, server] = await Promise.all([transport.connect(to), listener.accept()]);
  assert.ok(server !== null);
  await body({ client, server, listener });
  client.close("none", "");
  await Promise.all([client.closed, server.closed]);
  listener.close();
  assert.equal(await listener.accept(), null);
}

/** Sends so many bytes up and looks at every one of them. */
async function sendUp({ client, server }: Pair, totalBytes: number): Promise<void> {
  const bytes = new Uint8Array(totalBytes).map((_, at) => (at * 31 + (at >> 8) * 7) & 0xff);
  const lane = await client.openLane();
  const writing = lane.write(bytes).then(() => lane.close());
  const far = await server.acceptLane();
  assert.ok(far !== null);
  let seen = 0;
  for (let got = await far.read(new Uint8Array(MiB)); got !== null;) {
    assert.deepEqual(got, bytes.subarray(seen, seen + got.byteLength));
    seen += got.byteLength;
    got = await far.read(new Uint8Array(MiB));
  }
  assert.equal(seen, totalBytes);
  await writing;
}

/** Sockets whose sending is somebody else's affair. */
function sockets(
  send: (socket: UdpSocket, options: UdpOptions) => UdpSocket["send"],
): (options: UdpOptions) => Promise<UdpSocket> {
  return async (options) => {
    const socket = await openUdp(options);
    const sendBy = send(socket, options);
    return {
      kind: socket.kind,
      local: socket.local,
      outgoing: socket.outgoing,
      receive: (take, most) => socket.receive(take, most),
      send: sendBy,
      pathTo: (remote) => socket.pathTo(remote),
      close: () => socket.close(),
    };
  };
}

Deno.test(overQuiche("every byte arrives though one batch of seven is lost"), async () => {
  let batches = 0;
  let lost = 0;
  const openSocket = sockets((socket) => (totalBytes, packetBytes, path) => {
    if (++batches % 7 !== 0) return socket.send(totalBytes, packetBytes, path);
    lost++;
    return true;
  });
  await pair({ openSocket }, async (ends) => {
    await sendUp(ends, MiB);
    const { rttMs, lossRatio, windowBytes } = ends.client.stats();
    assert.ok(rttMs !== null && windowBytes !== null && windowBytes > 0);
    assert.ok(lossRatio !== null && lossRatio > 0, "the loss shows");
  });
  assert.ok(lost > 0);
});

Deno.test(
  overQuiche("a socket that is full loses nothing and is asked again when it says so"),
  async () => {
    let refused = 0;
    const openSocket = sockets((socket, { onReady }) => {
      let calls = 0;
      return (totalBytes, packetBytes, path) => {
        if (++calls % 3 !== 0) return socket.send(totalBytes, packetBytes, path);
        refused++;
        setImmediate(onReady);
        return false;
      };
    });
    await pair({ openSocket }, (ends) => sendUp(ends, MiB));
    assert.ok(refused > 0);
  },
);

Deno.test(overQuiche("a full socket that forgets to say so is asked again by itself"), async () => {
  const openSocket = sockets((socket) => {
    let calls = 0;
    return (totalBytes, packetBytes, path) =>
      ++calls % 5 !== 0 && socket.send(totalBytes, packetBytes, path);
  });
  await pair({ openSocket }, (ends) => sendUp(ends, 64 * 1024));
});

Deno.test(overQuiche("what nobody sent disturbs nobody"), async () => {
  await pair({}, async (ends) => {
    const socket = createSocket("udp4");
    const { port } = ends.listener.address;
    const send = (bytes: Uint8Array) =>
      new Promise<void>((resolve) => socket.send(bytes, port, HERE, () => resolve()));
    for (const bytes of [1, 20, 21, 1200, 1350]) {
      for (const first of [0x00, 0x40, 0x7f, 0x80, 0xc0, 0xff]) {
        const packet = crypto.getRandomValues(new Uint8Array(bytes));
        packet[0] = first;
        await send(packet);
      }
    }
    await sendUp(ends, MiB);
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  });
});

Deno.test(
  overQuiche("a writer is ahead of its reader by a window and what the path holds, not more"),
  async () => {
    await pair({}, async ({ client, server }) => {
      const lane = await client.openLane();
      let written = 0;
      const writing = (async () => {
        for (; written < 32 * MiB; written += 64 * 1024) {
          await lane.write(new Uint8Array(64 * 1024));
        }
      })();
      const failed = assert.rejects(writing, { code: "lost" });
      const far = await server.acceptLane();
      assert.ok(far !== null);
      // One hello each way behind all that was sent: by then the window is full.
      const near = await client.openControl();
      await near.write(Uint8Array.of(1));
      await (await server.acceptControl()).read(new Uint8Array(1));
      assert.ok(written <= 4 * MiB, `${written} bytes are under way`);
      lane.abort();
      await failed;
    });
  },
);
