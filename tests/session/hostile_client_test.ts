import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { symlink } from "node:fs/promises";
import { LIMITS } from "../../src/base/limits.ts";
import { loadMessageZstd } from "../../src/session/compressed_message.ts";
import { generateIdentity } from "../../src/trust/identity.ts";
import { encodeCbor } from "../../src/wire/cbor.ts";
import { CONTROL_HEADER_BYTES, encodeMessage } from "../../src/wire/control.ts";
import { writeFrameHeader } from "../../src/wire/frame.ts";
import { type Compressed, MESSAGE_NUMBERS } from "../../src/wire/messages.ts";
import { makeFile } from "../e2e/trees.ts";
import { assertDone, Place, type RunningServer } from "./place.ts";
import { offerOf, rawClient, requestOf } from "./raw_peer.ts";

Deno.test("frames of a transfer that was not accepted are given up, and nothing else", async () => {
  await using place = await Place.open({ inFlightBytes: 64 });
  const server = await place.serve();
  const client = await rawClient(place.network, server.remote());
  const lane = await client.connection.openLane();
  const frame = new Uint8Array(1000);
  writeFrameHeader(frame, { transfer: 7, frame: 0, records: 1, bodyBytes: 984 });
  await assert.rejects(lane.write(frame), { code: "lost" });
  client.send({ type: "ping", token: 1 });
  assert.equal((await client.take("pong")).token, 1);
  client.send({ type: "bye" });
  await client.connection.closed;
});

for (const bad of ["../cd", "/b/cd", ".//cd", "a\0/cd"]) {
  Deno.test(`an offer to ${JSON.stringify(bad)} ends the session and touches nothing`, async () => {
    await using place = await Place.open();
    const server = await place.serve();
    const client = await rawClient(place.network, server.remote());
    await client.sendSpoiled(offerOf({ destination: "ab/cd" }), "ab/cd", bad);
    assert.equal((await client.connection.closed).remote, true);
    assert.deepEqual(server.summaries, []);
    assert.equal(existsSync(place.path("cd")), false);
    await stillServes(place, server);
  });
}

Deno.test("an offer into .sftpx ends the session", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const client = await rawClient(place.network, server.remote());
  await client.sendSpoiled(offerOf({ destination: "asftpx/cd" }), "asftpx", ".sftpx");
  await client.connection.closed;
  assert.deepEqual(server.summaries, []);
});

Deno.test("a request out of the root, into .sftpx or through a link is refused", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await makeFile(place.path("secret"), "secret");
  await symlink(place.directory, `${server.root}/out`);
  const client = await rawClient(place.network, server.remote());
  const request = (transfer: number, path: string) => requestOf(path, { transfer });
  const answers: Record<string, string> = {};
  for (const [index, path] of ["out/secret", "out/", "out/.", "absent"].entries()) {
    client.send(request(index, path));
    answers[path] = (await client.take("abort")).code;
  }
  assert.deepEqual(answers, {
    "out/secret": "refused",
    "out/": "refused",
    "out/.": "refused",
    "absent": "source_missing",
  });
  await client.sendSpoiled(request(9, "ab/secret"), "ab/", "../");
  await client.connection.closed;
});

Deno.test("a message of four gigabytes ends the session before anything is held for it", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const client = await rawClient(place.network, server.remote());
  await client.stream.write(Uint8Array.of(0, 0x11, 0xff, 0xff, 0xff, 0xff));
  await client.connection.closed;
  await stillServes(place, server);
});

for (const type of ["ping", "listing"] as const) {
  Deno.test(`a mebibyte in a hundred bytes, compressed as a ${type}, ends the session alone`, async () => {
    await using place = await Place.open();
    const server = await place.serve();
    const reader = await rawClient(place.network, server.remote());
    const other = await rawClient(place.network, server.remote());
    const bomb = await bombOf(type);
    assert.ok(encodeMessage(bomb).byteLength < 200);
    for (let again = 0; again < 20; again++) reader.send(bomb);
    assert.equal((await reader.connection.closed).remote, true);
    other.send({ type: "ping", token: 1 });
    assert.equal((await other.take("pong")).token, 1);
    other.send({ type: "bye" });
    await other.connection.closed;
    await stillServes(place, server);
  });
}

Deno.test("a frame larger than its transfer allows ends the transfer and tells why", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const client = await rawClient(place.network, server.remote());
  client.send(offerOf());
  await client.take("accept");
  const lane = await client.connection.openLane();
  const frame = new Uint8Array(16);
  writeFrameHeader(frame, { transfer: 1, frame: 0, records: 1, bodyBytes: 0xffffffff });
  await lane.write(frame);
  assert.equal((await client.take("abort")).code, "protocol");
  client.send({ type: "bye" });
  await client.connection.closed;
});

Deno.test("a message out of place ends the transfer, tells why, and leaves the session", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const client = await rawClient(place.network, server.remote());
  client.send(offerOf());
  await client.take("accept");
  client.send({ type: "accept", transfer: 1, fresh: [true], chunkBytes: 65_536 });
  assert.equal((await client.take("abort")).code, "protocol");
  // The key is free again: the store was told.
  await server.events.until(({ kind }) => kind === "transfer_done");
  client.send(offerOf({ transfer: 2 }));
  assert.equal((await client.take("accept")).transfer, 2);
  client.send({ type: "bye" });
  await client.connection.closed;
});

Deno.test("the lanes of a transfer that ended are given up", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const client = await rawClient(place.network, server.remote());
  client.send(offerOf());
  await client.take("accept");
  const lane = await client.connection.openLane();
  const frame = new Uint8Array(16 + 1000);
  writeFrameHeader(frame, { transfer: 1, frame: 0, records: 1, bodyBytes: 60_000 });
  await lane.write(frame);
  client.send({ type: "accept", transfer: 1, fresh: [true], chunkBytes: 65_536 });
  await client.take("abort");
  await server.events.until(({ kind }) => kind === "transfer_done");
  await assert.rejects(lane.write(frame), { code: "lost" });
  client.send({ type: "bye" });
  await client.connection.closed;
});

Deno.test("a pull that asks for an unknown compression is told so", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const client = await rawClient(place.network, server.remote());
  client.send(requestOf("", { compress: "lzma" }));
  assert.equal((await client.take("abort")).code, "protocol");
  client.connection.close("none", "");
});

Deno.test("a client that vanishes while its transfer begins leaves no lock behind", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const identity = await generateIdentity();
  for (let attempt = 0; attempt < 3; attempt++) {
    const client = await rawClient(place.network, server.remote(), identity);
    client.send(offerOf());
    await client.channel.flushed();
    client.connection.close("none", "");
    await server.events.until(() => server.summaries.length === attempt + 1);
    assert.equal(server.summaries[attempt]?.error?.code, "lost");
  }
});

Deno.test("a transfer that finds no memory is refused, and its key is free afterwards", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const client = await rawClient(place.network, server.remote());
  const offer = (transfer: number) =>
    offerOf({ transfer, given: [`f${transfer}`], chunkBytes: LIMITS.maxChunkBytes });
  let refused = 0;
  for (let transfer = 1; refused === 0; transfer++) {
    client.send(offer(transfer));
    let message = await client.channel.receive();
    if (message?.type === "ping") message = await client.channel.receive();
    if (message?.type === "accept") continue;
    assert.ok(message?.type === "abort");
    assert.equal(message.code, "busy");
    refused = transfer;
  }
  await server.events.until(({ kind }) => kind === "transfer_done");
  client.send({ type: "abort", transfer: 1, code: "interrupted", message: "" });
  await server.events.until(() => server.summaries.length === 2);
  client.send(offer(refused));
  assert.equal((await client.take("accept")).transfer, refused);
  client.send({ type: "bye" });
  await client.connection.closed;
});

Deno.test("a pull's buffers are for the chunk size its client accepts, within the budget", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await makeFile(`${server.root}/f`, "f");
  const client = await rawClient(place.network, server.remote());
  const accept = async (transfer: number) => {
    const chunkBytes = LIMITS.minChunkBytes;
    client.send(requestOf("f", { transfer, chunkBytes }));
    await client.take("offer");
    client.send({ type: "accept", transfer, fresh: [true], chunkBytes: LIMITS.maxChunkBytes });
    for (;;) {
      const message = await client.channel.receive();
      if (message?.type === "abort") return message.code;
      // What has begun names its files.
      if (message?.type === "manifest_end" && message.transfer === transfer) return null;
    }
  };
  let transfer = 1;
  let code = await accept(transfer);
  for (; code === null && transfer < LIMITS.transfersPerSession;) code = await accept(++transfer);
  assert.equal(code, "busy");
  await server.events.until(() => server.summaries.length === 1);
  // One that ends gives its share back.
  client.send({ type: "abort", transfer: 1, code: "interrupted", message: "" });
  await server.events.until(() => server.summaries.length === 2);
  assert.equal(await accept(transfer + 1), null);
  client.send({ type: "bye" });
  await client.connection.closed;
});

Deno.test("more transfers than a session may have are turned away, the others go on", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const client = await rawClient(place.network, server.remote());
  const most = LIMITS.transfersPerSession;
  for (let transfer = 1; transfer <= most + 1; transfer++) {
    client.send(offerOf({ transfer, given: [`f${transfer}`] }));
  }
  const abort = await client.take("abort");
  assert.deepEqual([abort.transfer, abort.code], [most + 1, "limit"]);
  client.send({ type: "bye" });
  await client.connection.closed;
});

Deno.test("two clients with one identity cannot receive under one key at once", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const identity = await generateIdentity();
  const first = await rawClient(place.network, server.remote(), identity);
  first.send(offerOf());
  await first.take("accept");
  const second = await rawClient(place.network, server.remote(), identity);
  second.send(offerOf());
  const { token } = await first.take("ping");
  first.send({ type: "pong", token });
  assert.equal((await second.take("abort")).code, "busy");
  first.connection.close("none", "");
  second.connection.close("none", "");
});

Deno.test("a transfer is taken over from a client that ended without a word", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const identity = await generateIdentity();
  const first = await rawClient(place.network, server.remote(), identity);
  first.send(offerOf());
  await first.take("accept");
  const second = await rawClient(place.network, server.remote(), identity);
  second.send(offerOf());
  await first.take("ping");
  await first.stream.close();
  await second.take("accept");
  assert.equal((await first.connection.closed).remote, true);
  second.connection.close("none", "");
});

async function stillServes(place: Place, server: RunningServer): Promise<void> {
  await makeFile(place.path("good"), "good");
  assertDone(await place.push(["good"], server.remote()).summary);
}

/** A message whose unknown key, which is passed over, makes it as long as one may be; in a few bytes. */
async function bombOf(type: "ping" | "listing"): Promise<Compressed> {
  const x = new Uint8Array(LIMITS.controlMessageBytes - 100);
  const body = encodeCbor(type === "ping" ? { k: 1, x } : { e: [], l: true, o: [], t: 9, x });
  const raw = new Uint8Array(CONTROL_HEADER_BYTES + body.byteLength);
  new DataView(raw.buffer).setUint16(0, MESSAGE_NUMBERS[type]);
  new DataView(raw.buffer).setUint32(2, body.byteLength);
  raw.set(body, CONTROL_HEADER_BYTES);
  const bytes = (await loadMessageZstd()).compress(raw, 3);
  assert.ok(bytes !== null);
  return { type: "compressed", rawBytes: raw.byteLength, body: bytes.slice() };
}
