import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { constants } from "node:os";
import { type CallsAndMemory, SOCKET_MEMORY_BYTES } from "./receive_buffer.ts";
import { type TcpEnds, TcpSockets } from "./tcp_sockets.ts";

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

const AF_INET = 2;
const LOCAL_PORT = 9_000;
const FIRST_PORT = 40_000;
const FIRST_SOCKET = 300;
/** So many misses are looked for among all at once. */
const MISSES = 16;
/** And then so many descriptors at a time. */
const NEAR_ONES = 32;

/** Forty connections whose descriptors lie side by side, in a table of which each look is counted. */
class TableOfForty {
  readonly memory = new Uint8Array(new ArrayBuffer(SOCKET_MEMORY_BYTES));
  readonly address = 0;
  /** Descriptors whose peers were asked for, since it was emptied. */
  readonly looks: number[] = [];
  readonly #view = new DataView(this.memory.buffer);

  endsOf(at: number): TcpEnds {
    return { localPort: LOCAL_PORT, remote: { hostname: "10.0.0.1", port: FIRST_PORT + at } };
  }

  attempt(...[name, socket, ...more]: Parameters<CallsAndMemory["attempt"]>): number {
    if (name === "getpeername") this.looks.push(socket!);
    const at = socket! - FIRST_SOCKET;
    if (at < 0 || at >= 40) return -constants.errno.EBADF;
    if (name === "shutdown" || name === "getsockopt") return 0;
    const nameAt = more[0]!;
    this.memory.set([AF_INET, 0, 0, 0, 10, 0, 0, 1], nameAt);
    this.#view.setUint16(nameAt + 2, name === "getpeername" ? FIRST_PORT + at : LOCAL_PORT);
    return 0;
  }

  [Symbol.dispose](): void {}
}

Deno.test("for what is nowhere all is looked through so often, and then only what is near", () => {
  const table = new TableOfForty();
  using sockets = new TcpSockets(table);
  const nowMs = performance.now();
  const nowhere = { ...table.endsOf(0), localPort: 1 };
  assert.ok(sockets.endConnection(table.endsOf(0), nowMs));
  for (let misses = 1; misses <= MISSES + 1; misses++) {
    table.looks.length = 0;
    assert.equal(sockets.endConnection(nowhere, nowMs), false);
    const isAmongAll = misses <= MISSES;
    assert.equal(table.looks.includes(FIRST_SOCKET + 39), isAmongAll, `miss ${misses}`);
    if (!isAmongAll) assert.ok(table.looks.length <= NEAR_ONES, `${table.looks.length} looks`);
  }
  assert.equal(sockets.endConnection(table.endsOf(39), nowMs), false);
  assert.equal(sockets.endConnection(table.endsOf(1), nowMs), true);
  assert.equal(sockets.endConnection(table.endsOf(39), nowMs + 1000), true);
});

Deno.test("one that was found is where it was, and nothing else is looked through for it", () => {
  const table = new TableOfForty();
  using sockets = new TcpSockets(table);
  const first = table.endsOf(0);
  assert.ok(sockets.endConnection(first));
  assert.ok(sockets.endConnection(table.endsOf(39)));
  table.looks.length = 0;
  // Far from the one that was asked for last.
  assert.ok(sockets.endConnection(first));
  assert.deepEqual(table.looks, [FIRST_SOCKET]);
  // What its ends are is not enough: only who asked before knows where it is.
  assert.ok(sockets.endConnection(table.endsOf(0)));
  assert.ok(table.looks.length > 2);
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
