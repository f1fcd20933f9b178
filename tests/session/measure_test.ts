// Measurements of a real server over whole sessions; what a lying peer can do stands beside the noise.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { SftpxError } from "../../src/base/errors.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { measure } from "../../src/session/measure.ts";
import type {
  MeasureOptions,
  Remote,
  ServeEvent,
  SessionEvent,
} from "../../src/session/options.ts";
import { Place, type RunningServer } from "./place.ts";
import { rawClient, rawServer } from "./raw_peer.ts";

const MiB = 1 << 20;

function optionsOf(place: Place, remote: Remote, more: Partial<MeasureOptions> = {}) {
  return {
    ...place.session(),
    remote,
    lanes: 2,
    bytes: 4 * MiB,
    ...more,
  } as const;
}

Deno.test("measure() tells the round trip and both directions, over all connections", async () => {
  const carried = new Map<number, number>();
  await using place = await Place.open({
    deliver: (bytes, connection) =>
      void carried.set(connection, (carried.get(connection) ?? 0) + bytes),
  });
  const server = await place.serve();
  const events: SessionEvent[] = [];
  const result = await measure(optionsOf(place, server.remote(), {
    connections: 2,
    onEvent: (event) => void events.push(event),
  }));
  assert.ok(result.rttMs >= 0 && result.rttMs < 1000);
  assert.ok((result.upBytesPerSecond ?? 0) > 0 && (result.downBytesPerSecond ?? 0) > 0);
  assert.equal(result.address, `127.0.0.1:${server.handle.address.port}`);
  assert.ok([...carried.values()].every((bytes) => bytes >= 4 * MiB), String([...carried]));
  assert.deepEqual(
    events.flatMap((event) => event.kind === "connected" ? [event.connection] : []),
    [0, 1],
  );
  const access = server.events.items.flatMap((event) => event.kind === "access" ? [event] : []);
  assert.deepEqual(access.map(({ asked, bytes, result }) => [asked, bytes, result]), [
    ["measure", 4 * MiB, "ok"],
    ["measure", 4 * MiB, "ok"],
  ]);
});

Deno.test("measure() moves more and more where time says how long is enough, and no more than all", async () => {
  const asked: number[] = [];
  await using place = await Place.open();
  const server = await place.serve();
  const bytesAsked = () =>
    server.events.items.flatMap((event) => event.kind === "access" ? [event.bytes] : []);
  const directions: [string, boolean][] = [];
  const all = await measure(optionsOf(place, server.remote(), {
    bytes: 9 * MiB,
    enoughMs: 1e9,
    onDirection: (direction, isOver) => void directions.push([direction, isOver]),
  }));
  asked.push(...bytesAsked());
  assert.deepEqual(asked.slice(0, asked.length / 2), asked.slice(asked.length / 2));
  assert.equal(asked[0], 2 * MiB);
  assert.deepEqual([all.upBytes, all.downBytes], [9 * MiB, 9 * MiB]);
  assert.deepEqual(directions, [["up", false], ["up", true], ["down", false], ["down", true]]);
  const little = await measure(optionsOf(place, server.remote(), { bytes: 9 * MiB, enoughMs: 0 }));
  assert.deepEqual([little.upBytes, little.downBytes], [2 * MiB, 2 * MiB]);
  assert.deepEqual([all.stack, all.connections], ["memory", 1]);
});

Deno.test("measure() leaves out the direction that the grant does not allow", async () => {
  await using place = await Place.open();
  await mkdir(place.path("root"));
  const server = await place.serve({ access: "read" });
  const result = await measure(optionsOf(place, server.remote()));
  assert.equal(result.upBytesPerSecond, null);
  assert.ok((result.downBytesPerSecond ?? 0) > 0);
});

Deno.test("measure() ends with its signal in the middle of it", async () => {
  await using place = await Place.open({ inFlightBytes: 64 * 1024 });
  const stop = new AbortController();
  const { remote, served } = await rawServer(place.network, async (peer) => {
    for (;;) {
      const message = await peer.channel.receive();
      if (message?.type === "ping") peer.send({ type: "pong", token: message.token });
      if (message?.type === "measure") stop.abort(new SftpxError("interrupted", "enough"));
      if (message === null) return;
    }
  });
  const run = measure(optionsOf(place, remote, { signal: stop.signal }));
  await assert.rejects(run, { code: "interrupted" });
  await served.catch(() => {}); // Its peer left in the middle.
});

Deno.test("measure() gives up on a server that answers no ping", async () => {
  await using place = await Place.open();
  const { remote, served } = await rawServer(place.network, async (peer) => {
    await peer.connection.closed;
  });
  await assert.rejects(measure(optionsOf(place, remote, { timeoutMs: 1000 })), { code: "lost" });
  await served;
});

Deno.test("measure() opens no lane before the server has seen what it is for", async () => {
  await using place = await Place.open();
  const { remote, served } = await rawServer(place.network, async (peer) => {
    await peer.take("measure");
    let isFirst = true;
    const lane = peer.connection.acceptLane().then(() => isFirst = false);
    const { token } = await peer.take("ping");
    assert.ok(isFirst, "what it waits for is on its way before any lane");
    peer.send({ type: "pong", token });
    await lane;
    peer.send({ type: "abort", transfer: 1, code: "busy", message: "enough" });
    await peer.connection.closed;
  });
  await assert.rejects(measure(optionsOf(place, remote)), { code: "busy" });
  await served;
});

Deno.test("measure() refuses to move nothing, too much, or on no lane", async () => {
  await using place = await Place.open();
  const remote = { addresses: [], identity: new Uint8Array(32), ticket: null, path: "" };
  for (const more of [{ bytes: 0 }, { bytes: 2 ** 40 }, { bytes: 1.5 }, { lanes: 0 }]) {
    await assert.rejects(measure(optionsOf(place, remote, more)), RangeError);
  }
});

Deno.test("a session measures so much, asked for or moved, and not a byte more", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const client = await rawClient(place.network, server.remote());
  const asked = { type: "measure", direction: "up", lanes: 1 } as const;
  const { measureBytes: bytes, measureBytesPerSession } = LIMITS;
  const times = measureBytesPerSession / bytes;
  for (let transfer = 1; transfer <= times; transfer++) {
    client.send({ ...asked, transfer, bytes });
    client.send({ type: "abort", transfer, code: "failed", message: "no" });
    await server.events.until(() => accessOf(server).length === transfer);
    assert.equal(accessOf(server).at(-1)?.result, "failed");
  }
  client.send({ ...asked, transfer: 99, bytes: 1 });
  assert.equal((await client.take("abort")).code, "limit");
  client.connection.close("none", "");
  const other = await rawClient(place.network, server.remote());
  other.send({ ...asked, transfer: 1, bytes: 1, direction: "down" });
  await other.connection.acceptLane();
  other.connection.close("none", "");
});

function accessOf(server: RunningServer): readonly Extract<ServeEvent, { kind: "access" }>[] {
  return server.events.items.filter((event) => event.kind === "access");
}
