// Bandwidth limits in whole sessions. A slow machine makes a transfer longer, never shorter: each test
// holds it to the time that its bytes have to take at least.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { randomFillSync } from "node:crypto";
import { assertDone, type ClientRun, Place } from "./place.ts";
import { offerOf, rawClient, requestOf } from "./raw_peer.ts";

const RATE = 1_000_000;
const BYTES = 1_500_000;
/** What passes at once after a pause, and what the clock of a limit may be ahead. */
const LENIENT = 0.85;

async function makeFile(path: string, bytes: number): Promise<void> {
  await fs.writeFile(path, randomFillSync(new Uint8Array(bytes)));
}

/** Waits for the transfers and asserts that all their bytes together kept to the rate. */
async function keepTo(rate: number, run: () => readonly ClientRun[]): Promise<void> {
  const startMs = performance.now();
  const summaries = await Promise.all(run().map(({ summary }) => summary));
  const seconds = (performance.now() - startMs) / 1000;
  for (const summary of summaries) assertDone(summary);
  const bytes = summaries.reduce((sum, { wireBytes }) => sum + wireBytes, 0);
  assert.ok(bytes >= BYTES, `${bytes} bytes`);
  assert.ok(seconds >= LENIENT * bytes / rate, `${bytes} bytes in ${seconds} s`);
}

Deno.test("a sender keeps to its limit over all lanes and connections", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await makeFile(place.path("f"), BYTES);
  const options = { rateBytesPerSecond: RATE, connections: 2, lanes: 4 };
  await keepTo(RATE, () => [place.push(["f"], server.remote(), options)]);
});

Deno.test("a client that receives keeps to its limit", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await makeFile(`${server.root}/f`, BYTES);
  const options = { rateBytesPerSecond: RATE };
  await keepTo(RATE, () => [place.pull([server.remote("f")], "got", options)]);
});

Deno.test("a server keeps to its limit for all its clients together, both ways", async () => {
  await using place = await Place.open();
  const server = await place.serve({ rateBytesPerSecond: RATE });
  await makeFile(`${server.root}/f`, BYTES);
  await makeFile(place.path("g"), BYTES);
  await keepTo(RATE, () => [
    place.push(["g"], server.remote("one"), { home: "one" }),
    place.pull([server.remote("f")], "got", { home: "two" }),
  ]);
});

Deno.test("of two limits the lower one holds", async () => {
  await using place = await Place.open();
  const server = await place.serve({ rateBytesPerSecond: 100 * RATE });
  await makeFile(place.path("f"), BYTES);
  const options = { rateBytesPerSecond: RATE };
  await keepTo(RATE, () => [place.push(["f"], server.remote(), options)]);
});

Deno.test("lanes of a limited transfer end their frames one after the other", async () => {
  await using place = await Place.open();
  const server = await place.serve({ rateBytesPerSecond: 262_144 });
  const frameBytes = 65_536;
  await makeFile(`${server.root}/f`, 16 * frameBytes);
  const client = await rawClient(place.network, server.remote());
  client.send(requestOf("f", { lanes: 4 }));
  const { transfer, chunkBytes } = await client.take("offer");
  client.send({ type: "accept", transfer, fresh: [true], chunkBytes });
  const readBytes = [0, 0, 0, 0];
  const whole = Promise.withResolvers<void>();
  const reading = readBytes.map(async (_, lane) => {
    const stream = await client.connection.acceptLane();
    while (readBytes[lane]! < frameBytes) {
      const read = await stream?.read(new Uint8Array(frameBytes));
      if (!read) return;
      readBytes[lane]! += read.length;
    }
    whole.resolve();
  });
  await whole.promise;
  const sumBytes = readBytes.reduce((sum, bytes) => sum + bytes, 0);
  client.connection.close("none", "");
  await Promise.allSettled(reading);
  // Side by side, the others would have as much of theirs.
  assert.ok(sumBytes < 2 * frameBytes, String(readBytes));
});

Deno.test("a limited transfer that stops is kept as far as it came", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const frames = 8;
  const bytes = frames * 65_536;
  await makeFile(place.path("f"), bytes);
  const stop = new AbortController();
  const options = { chunkBytes: 65_536, lanes: frames, connections: 1, compress: "none" } as const;
  const slow = { ...options, rateBytesPerSecond: 65_536, signal: stop.signal };
  const run = place.push(["f"], server.remote(), slow);
  await run.events.until((it) => it.kind === "progress" && it.bytesDone > 0);
  stop.abort(new Error("enough"));
  assert.equal((await run.summary).ok, false);
  const again = await place.push(["f"], server.remote(), options).summary;
  assertDone(again);
  assert.ok(again.reusedBytes >= 65_536, `${again.reusedBytes} bytes`);
});

Deno.test("a transfer that waits for its limit can be stopped at once", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await makeFile(place.path("f"), BYTES);
  const stop = new AbortController();
  const options = { rateBytesPerSecond: 1000, signal: stop.signal };
  const { events, summary } = place.push(["f"], server.remote(), options);
  await events.until(({ kind }) => kind === "start");
  await events.until((event) => event.kind === "progress" && event.bytesTotal === BYTES);
  stop.abort(new Error("enough"));
  assert.equal((await summary).ok, false);
});

Deno.test("a sender keeps to what its receiver says, though that one reads as fast as it can", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await makeFile(`${server.root}/f`, BYTES);
  const client = await rawClient(place.network, server.remote());
  client.send(requestOf("f"));
  const { transfer, chunkBytes } = await client.take("offer");
  const startMs = performance.now();
  client.send({
    type: "accept",
    transfer,
    fresh: [true],
    chunkBytes,
    rateBytesPerSecond: RATE,
  });
  const lane = await client.connection.acceptLane();
  assert.ok(lane !== null);
  let bytes = 0;
  while (bytes < BYTES) bytes += (await lane.read(new Uint8Array(1 << 20)))!.length;
  const seconds = (performance.now() - startMs) / 1000;
  client.connection.close("none", "");
  assert.ok(seconds >= LENIENT * bytes / RATE, `${bytes} bytes in ${seconds} s`);
});

Deno.test("a receiver with a limit tells its sender, one without says nothing of it", async () => {
  for (const rateBytesPerSecond of [undefined, RATE]) {
    await using place = await Place.open();
    const limit = rateBytesPerSecond === undefined ? {} : { rateBytesPerSecond };
    const server = await place.serve(limit);
    const client = await rawClient(place.network, server.remote());
    client.send(offerOf());
    assert.equal((await client.take("accept")).rateBytesPerSecond, rateBytesPerSecond);
    client.send({ type: "bye" });
    await client.connection.closed;
  }
});
