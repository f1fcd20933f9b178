import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { TcpSockets } from "./tcp_sockets.ts";

/** Connections of this process to itself, each with its far end. */
async function connections(count: number) {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const pairs: { near: Socket; far: Socket }[] = [];
  for (let n = 0; n < count; n++) {
    const near = connect({ host: "127.0.0.1", port });
    const [[far]] = await Promise.all([once(server, "connection"), once(near, "connect")]);
    near.on("error", () => {});
    far.on("error", () => {});
    near.resume();
    pairs.push({ near, far });
  }
  const close = async () => {
    const gone = pairs.flatMap(({ near, far }) => [near, far]).filter(({ closed }) => !closed)
      .map((socket) => once(socket, "close"));
    for (const { near, far } of pairs) {
      near.destroy();
      far.destroy();
    }
    await Promise.all(gone);
    server.close();
    await once(server, "close");
  };
  return { port, pairs, close };
}

Deno.test("a connection is ended that both its ports name, wherever the one before was found", async () => {
  using sockets = TcpSockets.open();
  if (sockets === null) return; // A system, or permissions, without such calls.
  const { port, pairs, close } = await connections(40);
  const endsOf = ({ near }: { readonly near: Socket }) => ({
    localPort: port,
    remote: { hostname: "127.0.0.1", port: near.localPort! },
  });
  // The highest descriptors first, then the lowest: it looks there, too.
  for (const at of [39, 38, 0, 20]) {
    const pair = pairs[at]!;
    const ends = endsOf(pair);
    const ended = once(pair.near, "end");
    assert.ok(sockets.endConnection(ends), `connection ${at}`);
    await ended;
  }
  const others = pairs.filter((_, at) => ![39, 38, 0, 20].includes(at));
  assert.ok(others.every(({ near }) => !near.readableEnded && near.writable));
  assert.equal(sockets.endConnection({ ...endsOf(pairs[1]!), localPort: 1 }), false);
  await close();
});

Deno.test("for what is nowhere all is looked through so often, and then only what is near", async () => {
  using sockets = TcpSockets.open();
  if (sockets === null) return;
  const { port, pairs, close } = await connections(40);
  const endsOf = (at: number) => ({
    localPort: port,
    remote: { hostname: "127.0.0.1", port: pairs[at]!.near.localPort! },
  });
  const nowMs = performance.now();
  const nowhere = { ...endsOf(0), localPort: 1 };
  assert.ok(sockets.endConnection(endsOf(0), nowMs));
  for (let misses = 0; misses < 16; misses++) sockets.endConnection(nowhere, nowMs);
  assert.equal(sockets.endConnection(endsOf(39), nowMs), false);
  assert.equal(sockets.endConnection(endsOf(1), nowMs), true);
  assert.equal(sockets.endConnection(endsOf(39), nowMs + 1000), true);
  await close();
});

Deno.test("a listener's connections send at once, and one that is not there is said", async () => {
  using sockets = TcpSockets.open();
  if (sockets === null) return;
  const { port, close } = await connections(0);
  assert.equal(sockets.sendAtOnce(port), true);
  await close();
  assert.equal(sockets.sendAtOnce(port), false);
});
