// Connections and lanes that a transfer opens by what it measures, both ways; and that it opens none where
// its user said how many.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs/promises";
import { dirname } from "node:path";
import { LIMITS } from "../../src/base/limits.ts";
import { ClientSession } from "../../src/session/client_session.ts";
import type { SessionEvent } from "../../src/session/options.ts";
import type { ConnectOptions, Transport } from "../../src/transport/transport.ts";
import { HeldWalks } from "./held_walks.ts";
import { assertDone, type ClientRun, EventLog, Place, type RunningServer } from "./place.ts";

const FILE_BYTES = 48 << 20;
/** One way: the path is a long one. */
const DELAY_MS = 20;

/** A network that takes its time until it is told to hurry. */
class SlowNetwork {
  #isSlow = true;

  readonly deliver = async (): Promise<void> => {
    if (this.#isSlow) await new Promise((resolve) => setTimeout(resolve, DELAY_MS));
  };

  hurry(): void {
    this.#isSlow = false;
  }
}

interface Scene extends AsyncDisposable {
  readonly place: Place;
  readonly server: RunningServer;
  readonly slow: SlowNetwork;
  readonly content: Uint8Array;
}

async function scene(): Promise<Scene> {
  const slow = new SlowNetwork();
  // Within one machine nothing would be opened.
  const host = "192.0.2.1";
  const place = await Place.open({ host, deliver: slow.deliver, inFlightBytes: 32 * 1024 });
  const server = await place.serve();
  const content = randomBytes(FILE_BYTES);
  const path = place.path("f");
  for (const file of [path, `${server.root}/g`]) {
    await fs.mkdir(dirname(file), { recursive: true });
    await fs.writeFile(file, content);
  }
  return {
    place,
    server,
    slow,
    content,
    [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
  };
}

/** Starts a transfer of the file; answers where it is to land. */
function start(
  direction: "push" | "pull",
  { place, server }: Scene,
  lanes: { readonly connections: number; readonly lanes: number },
): { readonly run: ClientRun; readonly to: string } {
  const more = { ...lanes, chunkBytes: 1 << 20 };
  return direction === "push"
    ? { run: place.push(["f"], server.remote("there"), more), to: `${server.root}/there` }
    : { run: place.pull([server.remote("g")], "here", more), to: place.path("here") };
}

function connectionsOf({ events }: ClientRun): readonly number[] {
  return events.items.flatMap((event) => event.kind === "connected" ? [event.connection] : []);
}

for (const direction of ["push", "pull"] as const) {
  Deno.test(`a ${direction} over a long path opens connections by itself and uses them`, async () => {
    await using it = await scene();
    const { run, to } = start(direction, it, { connections: 0, lanes: 0 });
    await run.events.until((event) => event.kind === "connected" && event.connection === 3);
    await run.events.next((event) => event.kind === "progress");
    it.slow.hurry();
    const summary = await run.summary;
    assertDone(summary);
    assert.deepEqual(await fs.readFile(to), it.content);
    const used = run.events.items.filter((event) => event.kind === "connection");
    assert.ok(used.length > 1, `${used.length} connections used`);
    assert.ok((summary.connections ?? 0) > 1);
    assert.ok((summary.lanes ?? 0) >= 4);
    const told = direction === "push"
      ? run.events.items
      : it.server.events.items.flatMap((event) => event.kind === "transfer" ? [event.event] : []);
    assert.ok(told.some((event) => event.kind === "lanes" && event.quic === 4));
  });

  Deno.test(`a ${direction} opens exactly as many as its user said`, async () => {
    await using it = await scene();
    const { run, to } = start(direction, it, { connections: 2, lanes: 3 });
    await run.events.until((event) => event.kind === "progress" && event.bytesDone > 0);
    it.slow.hurry();
    const summary = await run.summary;
    assertDone(summary);
    assert.deepEqual(await fs.readFile(to), it.content);
    assert.deepEqual(connectionsOf(run), [0, 1]);
    const used = run.events.items.flatMap((event) =>
      event.kind === "connection" ? [event.lanes] : []
    );
    assert.equal(used.reduce((sum, lanes) => sum + lanes, 0), 3);
    assert.equal(run.events.items.some((event) => event.kind === "lanes"), false);
  });

  Deno.test(`a ${direction} goes on when connections that it opened are lost`, async () => {
    await using it = await scene();
    const { run, to } = start(direction, it, { connections: 0, lanes: 0 });
    await run.events.until((event) => event.kind === "connected" && event.connection === 3);
    await run.events.next((event) => event.kind === "progress");
    for (const connection of [1, 2, 3]) it.place.network.cut(connection);
    it.slow.hurry();
    const summary = await run.summary;
    assertDone(summary);
    assert.equal(summary.reconnects, 0);
    assert.deepEqual(await fs.readFile(to), it.content);
  });
}

Deno.test("a pull with so many connections has as many lanes as help, and the other way round", async () => {
  for (const lanes of [{ connections: 1, lanes: 0 }, { connections: 0, lanes: 2 }]) {
    await using it = await scene();
    const { run } = start("pull", it, lanes);
    if (lanes.connections === 0) {
      await run.events.until((event) => event.kind === "connected" && event.connection === 1);
    } else {
      await it.server.events.until((event) =>
        event.kind === "transfer" && event.event.kind === "lanes" && event.event.lanes === 8
      );
    }
    it.slow.hurry();
    const summary = await run.summary;
    assertDone(summary);
    if (lanes.connections === 1) assert.deepEqual(connectionsOf(run), [0]);
    else assert.ok(connectionsOf(run).length <= 2, "each lane can be on one connection only");
  }
});

for (const direction of ["push", "pull"] as const) {
  Deno.test(`a ${direction} uses all the connections that its user asked for, with lanes as help`, async () => {
    await using it = await scene();
    const { run } = start(direction, it, { connections: 3, lanes: 0 });
    await run.events.until((event) => event.kind === "progress" && event.bytesDone > 0);
    it.slow.hurry();
    const summary = await run.summary;
    assertDone(summary);
    assert.deepEqual(connectionsOf(run).toSorted(), [0, 1, 2]);
    const used = run.events.items.filter((event) => event.kind === "connection" && event.lanes > 0);
    assert.equal(used.length, 3);
  });
}

Deno.test("a client gets no more lanes out of a server than its connections may have", async () => {
  await using it = await scene();
  it.slow.hurry();
  const { run } = start("pull", it, { connections: 1, lanes: 2 * LIMITS.lanesPerConnection });
  assertDone(await run.summary);
  const used = run.events.items.flatMap((event) =>
    event.kind === "connection" ? [event.lanes] : []
  );
  assert.ok(used.every((lanes) => lanes <= LIMITS.lanesPerConnection), `${used}`);
  assert.ok(used.some((lanes) => lanes > 2), `${used}`);
});

Deno.test("a short path opens nothing further for a small file", async () => {
  await using it = await scene();
  it.slow.hurry();
  await fs.writeFile(it.place.path("f"), "small");
  const { run } = start("push", it, { connections: 0, lanes: 0 });
  assertDone(await run.summary);
  assert.deepEqual(connectionsOf(run), [0]);
});

Deno.test("a server gets no more connections out of a client than there may be", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const events = new EventLog<SessionEvent>();
  let dials = 0;
  const transport = {
    ...place.network,
    connect: (options: ConnectOptions) => {
      dials++;
      return place.network.connect(options);
    },
  };
  const options = place.session({ connections: 0, transport, onEvent: events.put });
  await using session = await ClientSession.open(options, server.remote());
  for (let times = 0; times < 3; times++) session.widen({ quic: 99, tcp: 99 });
  const last = LIMITS.connections - 1;
  await events.until((event) => event.kind === "connected" && event.connection === last);
  session.widen({ quic: 99, tcp: 0 });
  await session.settled;
  assert.equal(session.hub.connections.length, LIMITS.connections);
  assert.equal(events.items.length, LIMITS.connections);
  assert.equal(dials, LIMITS.connections, "nor are more tried");
});

Deno.test("a server gets none out of a client whose user said how many", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const options = place.session({ connections: 2 });
  await using session = await ClientSession.open(options, server.remote());
  await session.joined;
  session.widen({ quic: 5, tcp: 0 });
  await session.settled;
  assert.equal(session.hub.connections.length, 2);
});

/** The network, which tells as TCP does how long the path is. */
function tellingNetwork({ network }: Place): Transport {
  return {
    ...network,
    connect: (options) => {
      options.onAnswer?.(2 * DELAY_MS);
      return network.connect(options);
    },
  };
}

/** Files that a few frames hold, below "many". */
async function manyFiles(place: Place): Promise<void> {
  await fs.mkdir(place.path("many"));
  for (let file = 0; file < MANY; file++) {
    await fs.writeFile(place.path(`many/${file}`), randomBytes(4096));
  }
}

/** Enough of them that connections are dialled early. */
const MANY = 400;

Deno.test("a push of small files over a path that is seen to be long has its connections at once", async () => {
  using walks = new HeldWalks();
  await using it = await scene();
  await manyFiles(it.place);
  const more = { connections: 0, lanes: 0, transport: walks.held(tellingNetwork(it.place)) };
  const run = it.place.push(["many"], it.server.remote(""), more);
  assertDone(await run.summary);
  for (let file = 0; file < MANY; file += 50) {
    const name = `many/${file}`;
    const copy = await fs.readFile(`${it.server.root}/${name}`);
    assert.deepEqual(copy, await fs.readFile(it.place.path(name)));
  }
  assert.deepEqual(connectionsOf(run).toSorted(), [0, 1, 2, 3]);
  const used = run.events.items.filter((event) =>
    event.kind === "connection" && event.wireBytes > 0
  );
  assert.ok(used.length > 1, `${used.length} connections used`);
  assert.equal(it.server.events.items.some((event) => event.kind === "peer_refused"), false);
});

Deno.test("connections that were dialled early may all be lost", async () => {
  using walks = new HeldWalks();
  await using it = await scene();
  await manyFiles(it.place);
  let dialled = 0;
  const telling = walks.held(tellingNetwork(it.place));
  const transport: Transport = {
    ...telling,
    connect: async (options) => {
      const number = dialled++;
      const connection = await telling.connect(options);
      if (number > 0) connection.close("none", "");
      return connection;
    },
  };
  const more = { connections: 0, lanes: 0, transport };
  const run = it.place.push(["many"], it.server.remote(""), more);
  const summary = await run.summary;
  assertDone(summary);
  assert.deepEqual(connectionsOf(run), [0]);
  assert.deepEqual([summary.reconnects, dialled >= 4], [0, true]);
});
