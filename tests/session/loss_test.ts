import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { SftpxError } from "../../src/base/errors.ts";
import { memoryTransport } from "../../src/transport/memory.ts";
import type { Connection, Transport } from "../../src/transport/transport.ts";
import { makeFile, noise } from "../e2e/trees.ts";
import { assertDone, codeOf, Gate, Place } from "./place.ts";

const CHUNK_BYTES = 65_536;
const CONTENT = noise(40 * CHUNK_BYTES + 17);

Deno.test("a further connection that is cut in mid-transfer costs nothing but time", async () => {
  const gate = new Gate(CONTENT.byteLength / 2);
  await using place = await Place.open({ deliver: gate.deliver });
  const server = await place.serve();
  await makeFile(place.path("f"), CONTENT);
  const run = place.push(["f"], server.remote(), { connections: 3, lanes: 6 });
  await gate.reached;
  place.network.cut(1);
  gate.open();
  const summary = await run.summary;
  assertDone(summary);
  assert.deepEqual(new Uint8Array(await readFile(`${server.root}/f`)), CONTENT);
  assertDone(server.summaries[0]!);
});

Deno.test("frames that a lost connection had taken and not delivered are sent again", async () => {
  await using place = await Place.open();
  const transport = deafTo(1, place.network);
  const server = await place.serve({ transport });
  await makeFile(place.path("f"), CONTENT.subarray(0, 8 * CHUNK_BYTES));
  const run = place.push(["f"], server.remote(), { connections: 2, lanes: 2 });
  // Both lanes wrote all there is, and both wait; nothing more will make the dead one notice.
  const written = await run.events.until((event) =>
    event.kind === "progress" && event.wireBytes >= 8 * CHUNK_BYTES
  );
  assert.ok(written.kind === "progress" && written.bytesDone < 8 * CHUNK_BYTES);
  place.network.cut(1);
  const summary = await run.summary;
  assertDone(summary);
  assert.ok(summary.wireBytes > 8 * CHUNK_BYTES);
  assert.deepEqual(
    new Uint8Array(await readFile(`${server.root}/f`)),
    CONTENT.subarray(0, 8 * CHUNK_BYTES),
  );
});

Deno.test("a further connection cut once all is stored does not undo the transfer", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await makeFile(place.path("f"), CONTENT);
  const run = place.push(["f"], server.remote(), { connections: 2, lanes: 2 });
  // The server's last word comes before the lanes are ended.
  server.events.until((event) =>
    event.kind === "transfer" && event.event.kind === "progress" && event.event.filesDone === 1
  ).then(() => place.network.cut(1));
  assertDone(await run.summary);
});

Deno.test("a pull survives the loss of a further connection", async () => {
  const gate = new Gate(CONTENT.byteLength / 2);
  await using place = await Place.open({ deliver: gate.deliver });
  const server = await place.serve();
  await makeFile(`${server.root}/f`, CONTENT);
  const run = place.pull([server.remote("f")], "f", { connections: 2, lanes: 4 });
  await gate.reached;
  place.network.cut(1);
  gate.open();
  assertDone(await run.summary);
  assert.deepEqual(new Uint8Array(await readFile(place.path("f"))), CONTENT);
});

for (const direction of ["push", "pull"] as const) {
  Deno.test(`a ${direction} that was given up on its lost first connection resumes`, async () => {
    const gate = new Gate(CONTENT.byteLength / 2);
    await using place = await Place.open({ deliver: gate.deliver });
    const server = await place.serve();
    const [from, to] = direction === "push"
      ? [place.path("f"), `${server.root}/f`]
      : [`${server.root}/f`, place.path("f")];
    await makeFile(from, CONTENT);
    const stop = new AbortController();
    const start = (signal?: AbortSignal) => {
      const more = { connections: 2, ...(signal === undefined ? {} : { signal }) };
      return direction === "push"
        ? place.push(["f"], server.remote(), more)
        : place.pull([server.remote("f")], "f", more);
    };
    const first = start(stop.signal);
    await gate.reached;
    // The receiver's journal has what came so far.
    if (direction === "push") await server.journalled();
    else await journalledAt(first);
    const lost = first.events.until(({ kind }) => kind === "reconnecting");
    place.network.cut(0);
    await lost;
    stop.abort(new SftpxError("interrupted", "Stopped by the user"));
    gate.open();
    const broken = await first.summary;
    assert.equal(codeOf(broken), "interrupted");
    assert.equal(broken.root, null);
    assert.equal(existsSync(to), false);
    const summary = await start().summary;
    assertDone(summary);
    assert.ok(summary.reusedBytes > 0, "nothing was resumed");
    assert.ok(summary.wireBytes < CONTENT.byteLength);
    assert.deepEqual(new Uint8Array(await readFile(to)), CONTENT);
  });
}

Deno.test("a server that stops in mid-transfer ends it resumably and in order", async () => {
  const gate = new Gate(CONTENT.byteLength / 2);
  await using place = await Place.open({ deliver: gate.deliver });
  const server = await place.serve();
  await makeFile(place.path("f"), CONTENT);
  const run = place.push(["f"], server.remote(), { timeoutMs: 4000 });
  await gate.reached;
  await server.journalled();
  const stopping = server.stop();
  gate.open();
  const summary = await run.summary;
  assert.equal(codeOf(summary), "terminated");
  assert.match(summary.error?.message ?? "", /; not found again within 4 s$/);
  assert.equal(summary.error?.exit, 20);
  assert.equal(await stopping, null);
  assert.equal(codeOf(server.summaries[0]), "terminated");
  const again = await place.serve();
  const resumed = await place.push(["f"], again.remote()).summary;
  assertDone(resumed);
  assert.ok(resumed.reusedBytes > 0);
});

Deno.test("a client that gives up keeps its reason, and its part at the server", async () => {
  const gate = new Gate(CONTENT.byteLength / 2);
  await using place = await Place.open({ deliver: gate.deliver });
  const server = await place.serve();
  await makeFile(place.path("f"), CONTENT);
  const stop = new AbortController();
  const run = place.push(["f"], server.remote(), { signal: stop.signal });
  await gate.reached;
  await server.journalled();
  stop.abort(new SftpxError("interrupted", "Stopped by the user"));
  gate.open();
  const summary = await run.summary;
  assert.equal(codeOf(summary), "interrupted");
  assert.equal(summary.error?.message, "Stopped by the user");
  await server.events.until((event) => event.kind === "transfer_done");
  assert.equal(codeOf(server.summaries[0]), "interrupted");
  assert.equal(existsSync(`${server.root}/f`), false);
  const resumed = await place.push(["f"], server.remote()).summary;
  assertDone(resumed);
  assert.ok(resumed.reusedBytes > 0);
});

Deno.test("an abort before there is a session ends at once, with its reason", async () => {
  await using place = await Place.open({ deliver: () => new Promise(() => {}) });
  const server = await place.serve({ handshakeMs: 60_000 });
  await makeFile(place.path("f"), "f");
  const stop = new AbortController();
  const run = place.push(["f"], server.remote(), { signal: stop.signal });
  await run.events.until((event) => event.kind === "connected");
  stop.abort(new SftpxError("interrupted", "Stopped by the user"));
  assert.equal(codeOf(await run.summary), "interrupted");
});

Deno.test("a server that never answers is unreachable once the time is over", async () => {
  await using place = await Place.open({ deliver: () => new Promise(() => {}) });
  const server = await place.serve({ handshakeMs: 60_000 });
  await makeFile(place.path("f"), "f");
  const run = place.push(["f"], server.remote(), { timeoutMs: 50 });
  assert.equal(codeOf(await run.summary), "unreachable");
});

Deno.test("a further connection that fails is told, and done without", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await makeFile(place.path("f"), CONTENT);
  let made = 0;
  const transport: Transport = {
    ...place.network,
    connect: (options) =>
      made++ === 0
        ? place.network.connect(options)
        : Promise.reject(new SftpxError("unreachable", "Cannot connect: no answer")),
  };
  const run = place.push(["f"], server.remote(), { transport, connections: 3 });
  assertDone(await run.summary);
  const notices = run.events.items.filter(({ kind }) => kind === "notice");
  assert.equal(notices.length, 2);
});

Deno.test("push() of nothing that exists tells why, and connects to nobody", async () => {
  await using place = await Place.open();
  const transport = memoryTransport();
  const server = await place.serve();
  const run = place.push(["absent"], server.remote(), { transport });
  assert.equal(codeOf(await run.summary), "source_missing");
  assert.deepEqual(run.events.items, []);
});

/** As `server.journalled()`, for the client's own journal. */
async function journalledAt(run: ReturnType<Place["pull"]>): Promise<void> {
  const grows = (event: { kind: string; bytesDone?: number }) =>
    event.kind === "progress" && (event.bytesDone ?? 0) > 0;
  await run.events.until(grows);
  for (let tick = 0; tick < 4; tick++) await run.events.next(grows);
}

/** A listener that takes no lane of its connection with this number: what is sent there stays there. */
function deafTo(number: number, network: Transport): Transport {
  return {
    ...network,
    listen: async (options) => {
      const listener = await network.listen(options);
      let next = 0;
      return {
        address: listener.address,
        close: () => listener.close(),
        accept: async () => {
          const connection = await listener.accept();
          return connection !== null && next++ === number ? deaf(connection) : connection;
        },
      };
    },
  };
}

function deaf(connection: Connection): Connection {
  return {
    stack: connection.stack,
    remoteAddress: connection.remoteAddress,
    protocol: connection.protocol,
    closed: connection.closed,
    openControl: () => connection.openControl(),
    acceptControl: () => connection.acceptControl(),
    openLane: () => connection.openLane(),
    acceptLane: () => connection.closed.then(() => null),
    stats: () => connection.stats(),
    close: (code, reason) => connection.close(code, reason),
  };
}
