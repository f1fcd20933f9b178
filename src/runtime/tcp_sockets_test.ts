import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { TcpSockets } from "./tcp_sockets.ts";

/** As often as other tests may come in between. */
const ATTEMPTS = 25;

/** Connections of this process to itself, each with its far end; `endsOf` names one by its number. */
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
  const endsOf = (at: number) => ({
    localPort: port,
    remote: { hostname: "127.0.0.1", port: pairs[at]!.near.localPort! },
  });
  return { port, pairs, endsOf, close };
}

/**
 * Looks at forty connections whose descriptors lie side by side: another test of this process may have
 * some between two of these, or leave a hole that one of these falls into. Then it is tried anew.
 */
async function undisturbed(
  look: (sockets: TcpSockets, endsOf: Awaited<ReturnType<typeof connections>>["endsOf"]) => void,
): Promise<void> {
  for (let attempt = 1;; attempt++) {
    using sockets = TcpSockets.open();
    if (sockets === null) return; // A system, or permissions, without such calls.
    const { endsOf, close } = await connections(40);
    try {
      return look(sockets, endsOf);
    } catch (thrown) {
      if (attempt === ATTEMPTS) throw thrown;
    } finally {
      await close();
    }
  }
}

Deno.test("a connection is ended that both its ports name, wherever the one before was found", async () => {
  using sockets = TcpSockets.open();
  if (sockets === null) return; // A system, or permissions, without such calls.
  const { pairs, endsOf, close } = await connections(40);
  // The highest descriptors first, then the lowest: it looks there, too.
  for (const at of [39, 38, 0, 20]) {
    const pair = pairs[at]!;
    const ends = endsOf(at);
    const ended = once(pair.near, "end");
    assert.ok(sockets.endConnection(ends), `connection ${at}`);
    await ended;
  }
  const others = pairs.filter((_, at) => ![39, 38, 0, 20].includes(at));
  assert.ok(others.every(({ near }) => !near.readableEnded && near.writable));
  assert.equal(sockets.endConnection({ ...endsOf(1), localPort: 1 }), false);
  await close();
});

Deno.test("for what is nowhere all is looked through so often, and then only what is near", async () => {
  await undisturbed((sockets, endsOf) => {
    const nowMs = performance.now();
    const nowhere = { ...endsOf(0), localPort: 1 };
    assert.ok(sockets.endConnection(endsOf(0), nowMs));
    for (let misses = 0; misses < 16; misses++) sockets.endConnection(nowhere, nowMs);
    assert.equal(sockets.endConnection(endsOf(39), nowMs), false);
    assert.equal(sockets.endConnection(endsOf(1), nowMs), true);
    assert.equal(sockets.endConnection(endsOf(39), nowMs + 1000), true);
  });
});

Deno.test("one that was found is where it was, and nothing else is looked through for it", async () => {
  await undisturbed((sockets, endsOf) => {
    const nowMs = performance.now();
    const first = endsOf(0);
    assert.notEqual(sockets.pathOf(first, nowMs).rttMs, null);
    assert.notEqual(sockets.pathOf(endsOf(39), nowMs).rttMs, null);
    const nowhere = { ...first, localPort: 1 };
    for (let misses = 0; misses < 16; misses++) sockets.pathOf(nowhere, nowMs);
    // Far from the one that was asked for last, and nothing may be looked through any more.
    assert.notEqual(sockets.pathOf(first, nowMs).rttMs, null);
    assert.equal(sockets.pathOf(endsOf(0), nowMs).rttMs, null);
  });
});

Deno.test("one that took the place of another in this process is not taken for it", async () => {
  using sockets = TcpSockets.open();
  if (sockets === null) return;
  const gone = await connections(1);
  const ends = gone.endsOf(0);
  assert.notEqual(sockets.pathOf(ends).rttMs, null);
  await gone.close();
  // More than there were: what was free is taken.
  const { pairs, close } = await connections(4);
  assert.equal(sockets.pathOf(ends).rttMs, null);
  assert.equal(sockets.endConnection(ends), false);
  assert.ok(pairs.every(({ near, far }) => !near.readableEnded && !far.readableEnded));
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

Deno.test("the kernel tells how long a connection's path is, and what was sent again on it", async () => {
  using sockets = TcpSockets.open();
  if (sockets === null) return;
  const { port, pairs: [pair], close } = await connections(1);
  const ends = {
    localPort: pair!.near.localPort!,
    remote: { hostname: "127.0.0.1", port },
  };
  // Nothing was sent yet, but what opened it was answered.
  const opened = sockets.pathOf(ends);
  assert.equal(opened.lossRatio, null);
  assert.ok(opened.rttMs !== null && opened.rttMs > 0 && opened.rttMs < 1_000, `${opened.rttMs}`);
  const came = once(pair!.far, "data");
  pair!.near.write("bytes");
  await came;
  assert.equal(sockets.pathOf(ends).lossRatio, 0);
  assert.deepEqual(sockets.pathOf({ ...ends, localPort: 1 }), { rttMs: null, lossRatio: null });
  await close();
});
