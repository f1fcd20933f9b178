import assert from "node:assert/strict";
import { LIMITS } from "../../base/limits.ts";
import type { ReceiveStream } from "../transport.ts";
import { CONTROL, decodeHeader, encodeHeader, HEADER_BYTES, type MuxFrame } from "./frames.ts";
import { End, exchange, turn } from "../../../tests/mux_pair.ts";

const WINDOW = LIMITS.firstMuxWindowBytes;
const KiB = 1024;

function pair(
  options: { budgetBytes?: number; mostWindowBytes?: number; isProved?: boolean } = {},
) {
  const [client, server] = [false, true].map((isServer) => new End({ isServer, ...options }));
  return { client: client!, server: server! };
}

function pattern(count: number, seed: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: count }, (_, i) => (seed + i * 31 + (i >> 8) * 7) & 0xff);
}

/** The frames in what an end said, payloads left out. */
function framesIn(said: Uint8Array<ArrayBuffer> | null): MuxFrame[] {
  const frames: MuxFrame[] = [];
  for (let at = 0; said !== null && at < said.byteLength;) {
    const frame = decodeHeader(new DataView(said.buffer), at);
    frames.push(frame);
    at += HEADER_BYTES + (frame.kind === "data" ? frame.bytes : 0);
  }
  return frames;
}

/**
 * Some round trips, in each of which all that the credit allows is under way before any of it is answered.
 * The least that was left of the server's budget.
 */
async function overLongPath(client: End, server: End, rounds = 20): Promise<number> {
  let leastLeft = server.budget.leftBytes;
  for (let round = 0; round < rounds; round++) {
    const flight: Uint8Array[] = [];
    for (let said = client.says(); said !== null; said = client.says()) {
      flight.push(said);
      await turn();
    }
    for (const said of flight) {
      server.hears(said);
      await turn();
    }
    leastLeft = Math.min(leastLeft, server.budget.leftBytes);
    for (let said = server.says(); said !== null; said = server.says()) client.hears(said);
    await turn();
  }
  return leastLeft;
}

/** Reads to the end, in pieces of changing size. */
async function readAll(stream: ReceiveStream, sizes: readonly number[]): Promise<Uint8Array> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (let n = 0;; n++) {
    const got = await stream.read(new Uint8Array(sizes[n % sizes.length]!));
    if (got === null) break;
    parts.push(got);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

Deno.test("bytes arrive as they were sent, however the network cuts them", async () => {
  for (const most of [1, 7, 1000, 16 * KiB, Infinity]) {
    const { client, server } = pair();
    const count = most === 1 ? 70 * KiB : 400 * KiB;
    const sent = pattern(count, 5);
    const lane = client.mux.openLane()!;
    const writing = lane.write(sent).then(() => lane.close());
    await exchange(client, server, most);
    const reading = readAll(server.lanes[0]!, [24, 100 * KiB, 3, 2 * KiB]);
    await exchange(client, server, most);
    await writing;
    assert.deepEqual(await reading, sent, `${most} bytes at a time`);
    await exchange(client, server, most);
    assert.equal(client.freed, 1);
  }
});

Deno.test("a lane whose reader stalls blocks neither another nor the control stream", async () => {
  const { client, server } = pair();
  const control = client.mux.openControl();
  const stalled = client.mux.openLane()!;
  const running = client.mux.openLane()!;
  const neverDone = stalled.write(pattern(4 * WINDOW, 1));
  const bytes = pattern(6 * WINDOW, 2);
  const done = running.write(bytes).then(() => running.close());
  await exchange(client, server);
  const reading = readAll(server.lanes[1]!, [32 * KiB]);
  const heard = server.sides!.receive.read(new Uint8Array(4));
  await control.send.write(new Uint8Array(0));
  const said = control.send.write(Uint8Array.of(1, 2, 3, 4));
  await exchange(client, server);
  await Promise.all([done, said]);
  assert.deepEqual(await reading, bytes);
  assert.deepEqual(await heard, Uint8Array.of(1, 2, 3, 4));
  const outcome = await Promise.race([neverDone.then(() => "written"), Promise.resolve("waits")]);
  assert.equal(outcome, "waits");
});

Deno.test("a reader that is away is waited for once, until it reads again", async () => {
  const { client, server } = pair();
  const lane = client.mux.openLane()!;
  // As it grows, its header and its bytes come apart.
  const announce = () => {
    lane.write(pattern(WINDOW / 4, 0)).catch(() => {});
    const said = client.says()!;
    const headBytes = said.byteLength - WINDOW / 4;
    server.hears(said.subarray(0, headBytes));
    return said.subarray(headBytes);
  };
  server.hears(client.says()!);
  const first = announce();
  assert.equal(server.mux.lacksReader, true);
  server.mux.waitedForReader();
  assert.equal(server.mux.lacksReader, false);
  server.hears(first);
  const second = announce();
  assert.equal(server.mux.lacksReader, false, "it stalls, and was waited for");
  server.hears(second);
  assert.equal(server.cameToRead, 0);
  await server.lanes[0]!.read(new Uint8Array(WINDOW));
  assert.equal(server.cameToRead, 1);
  announce();
  assert.equal(server.mux.lacksReader, true, "it keeps up again");
  server.lanes[0]!.cancel();
  assert.equal(server.mux.lacksReader, false, "nobody ever will");
});

Deno.test("credit goes along with what is said anyway, and by itself from half a window on", async () => {
  const { client, server } = pair();
  const { send } = client.mux.openControl();
  send.write(pattern(1, 0)).catch(() => {});
  client.mux.openLane()!.write(pattern(WINDOW, 0)).catch(() => {});
  await exchange(client, server);
  const read = () => server.lanes[0]!.read(new Uint8Array(WINDOW / 8));
  const credits = () => framesIn(server.says()).filter(({ kind }) => kind === "credit");
  const say = () => server.sides!.send.write(pattern(1, 0)).catch(() => {});
  const credit = { kind: "credit", stream: 1, bytes: WINDOW / 4 };
  await read();
  say();
  assert.deepEqual(credits(), [], "an eighth");
  await read();
  assert.deepEqual(credits(), [], "a quarter, and nothing else to say");
  say();
  assert.deepEqual(credits(), [credit]);
  for (let n = 0; n < 4; n++) {
    assert.deepEqual(credits(), []);
    await read();
  }
  assert.deepEqual(credits(), [{ ...credit, bytes: WINDOW / 2 }]);
});

Deno.test("the control stream goes ahead of lanes, and lanes take turns", async () => {
  const { client, server } = pair();
  const lanes = Array.from({ length: 3 }, () => client.mux.openLane()!);
  const writes = lanes.map((lane) => lane.write(pattern(WINDOW / 2, 0)));
  const { send } = client.mux.openControl();
  writes.push(send.write(pattern(100, 0)));
  const order: number[] = [];
  for (let said = client.says(); said !== null; said = client.says()) {
    server.hears(said);
    for (const frame of framesIn(said)) if (frame.kind === "data") order.push(frame.stream);
  }
  await Promise.all(writes);
  assert.deepEqual(order, [CONTROL, 1, 3, 5]);
});

Deno.test("a peer that reads nothing is sent its windows and no more", async () => {
  const { client, server } = pair();
  for (let n = 0; n < LIMITS.lanesPerConnection; n++) {
    client.mux.openLane()!.write(pattern(2 * WINDOW, n)).catch(() => {});
  }
  assert.equal(client.mux.openLane(), null);
  const total = await exchange(client, server);
  const most = LIMITS.lanesPerConnection * (WINDOW + 32 * HEADER_BYTES);
  assert.ok(total >= LIMITS.lanesPerConnection * WINDOW && total <= most, `${total} bytes`);
});

Deno.test("a window grows while its reader keeps up, and what it grew by is given back", async () => {
  const most = 8 * WINDOW;
  const { client, server } = pair({ mostWindowBytes: most });
  const lane = client.mux.openLane()!;
  const sent = pattern(40 * WINDOW, 3);
  const writing = lane.write(sent).then(() => lane.close());
  await exchange(client, server);
  // A reader that lets its window fill up first has not earned a larger one.
  assert.equal(server.budget.leftBytes, LIMITS.muxWindowsBytes);
  const reading = readAll(server.lanes[0]!, [WINDOW]);
  const leastLeft = await overLongPath(client, server);
  await writing;
  assert.deepEqual(await reading, sent);
  assert.equal(leastLeft, LIMITS.muxWindowsBytes - (most - WINDOW));
  assert.equal(server.budget.leftBytes, LIMITS.muxWindowsBytes);
});

Deno.test("no window grows before a client has proved who it is, and each may from then on", async () => {
  const { client, server } = pair({ isProved: false });
  client.mux.openControl().send.write(pattern(40 * WINDOW, 1)).catch(() => {});
  client.mux.openLane()!.write(pattern(40 * WINDOW, 2)).catch(() => {});
  await exchange(client, server);
  const readings = [server.sides!.receive, server.lanes[0]!].map((stream) =>
    readAll(stream, [WINDOW]).catch(() => {})
  );
  assert.equal(await overLongPath(client, server, 5), LIMITS.muxWindowsBytes);
  server.mux.proved();
  assert.ok(await overLongPath(client, server, 5) < LIMITS.muxWindowsBytes);
  server.mux.fail("the test is over");
  await Promise.all(readings);
});

Deno.test("a client's server has proved who it is in TLS: its windows grow from the start", async () => {
  const { client, server } = pair({ isProved: false });
  server.mux.openLane()!.write(pattern(40 * WINDOW, 1)).catch(() => {});
  await exchange(client, server);
  const reading = readAll(client.lanes[0]!, [WINDOW]).catch(() => {});
  assert.ok(await overLongPath(server, client, 5) < LIMITS.muxWindowsBytes);
  client.mux.fail("the test is over");
  await reading;
});

Deno.test("credit that is said to be spent and is not, at any moment, is refused", async () => {
  const lie = (bytes: number): MuxFrame => ({ kind: "data", stream: 1, bytes, spends: true });
  const found = /does not spend its credit/;
  assert.match(new End({ isServer: true }).refuses(open(1), lie(1)), found);
  assert.match(new End({ isServer: true }).refuses(open(1), lie(WINDOW - 1)), found);
  const server = new End({ isServer: true });
  server.hearsFrames(open(1), data(1, WINDOW / 2));
  await server.lanes[0]!.read(new Uint8Array(WINDOW));
  assert.deepEqual(framesIn(server.says()), [{ kind: "credit", stream: 1, bytes: WINDOW / 2 }]);
  // It may not have heard of that, so this is true; and it is so only once.
  server.hearsFrames(lie(WINDOW / 2));
  assert.match(server.refuses(lie(1)), found);
});

Deno.test("after what is no frame there is room for what follows", () => {
  const server = new End({ isServer: true });
  const room = server.mux.room();
  room.fill(0xff);
  assert.throws(() => server.mux.received(room.byteLength), { code: "protocol" });
  assert.equal(server.mux.room().byteLength, room.byteLength);
});

Deno.test("windows grow no further than the process allows, and a broken connection gives them back", async () => {
  const budgetBytes = 3 * WINDOW;
  const { client, server } = pair({ budgetBytes });
  const lane = client.mux.openLane()!;
  lane.write(pattern(400 * WINDOW, 3)).catch(() => {});
  await exchange(client, server);
  const reading = readAll(server.lanes[0]!, [WINDOW]).catch((error: Error) => error.message);
  assert.equal(await overLongPath(client, server), 0);
  server.over = true;
  server.mux.fail("it broke");
  assert.equal(await reading, "it broke");
  assert.equal(server.budget.leftBytes, budgetBytes);
});

Deno.test("a writer that gave up is done once its reader heard of it, and its place is free", async () => {
  const { client, server } = pair();
  const lanes = Array.from({ length: LIMITS.lanesPerConnection }, () => client.mux.openLane()!);
  await exchange(client, server);
  lanes[3]!.abort();
  assert.equal(client.mux.openLane(), null);
  await exchange(client, server);
  assert.equal(client.freed, 1);
  assert.notEqual(client.mux.openLane(), null);
  // The end of a stream is never success (I4): its reader sees an end that says nothing.
  assert.equal(await server.lanes[3]!.read(new Uint8Array(8)), null);
});

Deno.test("a reader that gave up frees the lane's place, and its writer fails", async () => {
  const { client, server } = pair();
  const lane = client.mux.openLane()!;
  const writing = assert.rejects(lane.write(pattern(4 * WINDOW, 0)), /the peer gave the stream up/);
  await exchange(client, server);
  server.lanes[0]!.cancel();
  await exchange(client, server);
  await writing;
  assert.equal(client.freed, 1);
  await assert.rejects(server.lanes[0]!.read(new Uint8Array(8)), /given up/);
});

Deno.test("a write that is under way when its stream is given up settles", async () => {
  const { client } = pair();
  const lane = client.mux.openLane()!;
  const writing = assert.rejects(lane.write(pattern(1000, 0)), /given up/);
  assert.notEqual(client.mux.takeOutgoing(), null);
  lane.abort();
  client.mux.sent({ tookMs: 0 });
  await writing;
});

Deno.test("the last word is the last: nothing is said or heard after a close", async () => {
  const { client, server } = pair();
  const lane = client.mux.openLane()!;
  lane.write(pattern(10, 0)).catch(() => {});
  client.mux.close(7, `${"é".repeat(200)}`);
  await exchange(client, server);
  // Cut at a whole character.
  assert.deepEqual(server.ended, { code: 7, reason: "é".repeat(128) });
  assert.equal(client.says(), null);
  server.hearsFrames({ kind: "open", stream: 1 });
  assert.equal(server.lanes.length, 0);
});

Deno.test("what follows a close in one piece with it is not heard either", () => {
  const server = new End({ isServer: true });
  const bytes = new Uint8Array(2 * HEADER_BYTES);
  encodeHeader({ kind: "close", code: 0, reasonBytes: 0 }, new DataView(bytes.buffer));
  encodeHeader(open(1), new DataView(bytes.buffer), HEADER_BYTES);
  // As much as there is room for, and more.
  for (let n = 0; n < 4000; n++) server.hears(bytes);
  assert.deepEqual(server.ended, { code: 0, reason: "" });
  assert.equal(server.lanes.length, 0);
});

Deno.test("frames are long on a fast path and short on a slow one", () => {
  const { client } = pair({ mostWindowBytes: LIMITS.mostWindowBytes });
  const lane = client.mux.openLane()!;
  client.hearsFrames({ kind: "credit", stream: 1, bytes: 64 * 1024 * KiB });
  lane.write(new Uint8Array(32 * 1024 * KiB)).catch(() => {});
  const frameBytes = (tookMs: number) => {
    const next = client.mux.takeOutgoing()!;
    client.mux.sent({ tookMs });
    return next.payload!.byteLength;
  };
  const fast = Array.from({ length: 6 }, () => frameBytes(0));
  assert.deepEqual(fast, [64, 128, 256, 512, 1024, 1024].map((kib) => kib * KiB));
  const slow = Array.from({ length: 7 }, () => frameBytes(100 * LIMITS.muxFrameMs));
  assert.deepEqual(slow, [1024, 512, 256, 128, 64, 64, 64].map((kib) => kib * KiB));
  // What is small says nothing of the path.
  const lone = pair().client;
  const small = lone.mux.openLane()!;
  for (let n = 0; n < 4; n++) {
    small.write(new Uint8Array(10)).catch(() => {});
    lone.mux.takeOutgoing();
    lone.mux.sent({ tookMs: 0 });
  }
  lone.hearsFrames({ kind: "credit", stream: 1, bytes: 1024 * KiB });
  small.write(new Uint8Array(1024 * KiB)).catch(() => {});
  assert.equal(lone.mux.takeOutgoing()!.payload!.byteLength, 64 * KiB);
});

const open = (stream: number): MuxFrame => ({ kind: "open", stream });
const data = (stream: number, bytes: number): MuxFrame => ({
  kind: "data",
  stream,
  bytes,
  spends: false,
});

Deno.test("whoever breaks a rule is refused, and told which", () => {
  const client = () => new End({ isServer: false });
  const server = () => new End({ isServer: true });
  const writer = () => {
    const end = client();
    end.mux.openLane();
    return end;
  };
  const lanes = Array.from({ length: LIMITS.lanesPerConnection + 1 }, (_, n) => open(1 + 2 * n));
  const cases: readonly (readonly [string, RegExp])[] = [
    [server().refuses(...lanes), /too many lanes/],
    [server().refuses(open(3)), /out of turn/],
    [server().refuses(open(2)), /out of turn/],
    [server().refuses(open(1), open(1)), /out of turn/],
    [server().refuses(open(CONTROL), open(CONTROL)), /second control stream/],
    [client().refuses(open(CONTROL)), /second control stream/],
    [server().refuses(data(CONTROL, 1)), /never opened/],
    [server().refuses(data(1, 1)), /never opened/],
    [server().refuses(open(1), data(1, WINDOW), data(1, 1)), /beyond its stream's credit/],
    [server().refuses(open(CONTROL), data(CONTROL, WINDOW), data(CONTROL, 1)), /credit/],
    [server().refuses(open(1), { kind: "end", stream: 1 }, data(1, 1)), /ended/],
    [server().refuses(open(1), { kind: "end", stream: 1 }, { kind: "reset", stream: 1 }), /ended/],
    [server().refuses(open(1), { kind: "credit", stream: 1, bytes: 1 }), /never opened/],
    [server().refuses({ kind: "stop", stream: 2 }), /never opened/],
    [server().refuses({ kind: "done", stream: 2 }), /never opened/],
    [server().refuses(open(CONTROL), { kind: "done", stream: CONTROL }), /cannot be done/],
    [writer().refuses({ kind: "done", stream: 1 }), /cannot be done/],
    [
      writer().refuses({ kind: "credit", stream: 1, bytes: LIMITS.mostWindowBytes }),
      /allows too many bytes/,
    ],
  ];
  for (const [refusal, rule] of cases) assert.match(refusal, rule);
});

Deno.test("a lane's place is taken until the peer can hear that it is free", () => {
  const server = new End({ isServer: true });
  const frames = (n: number): MuxFrame[] => [
    open(1 + 2 * n),
    { kind: "end", stream: 1 + 2 * n },
  ];
  for (let n = 0; n < LIMITS.lanesPerConnection; n++) server.hearsFrames(...frames(n));
  // It does not read what we say: so nothing more is kept for it either.
  assert.match(server.refuses(...frames(LIMITS.lanesPerConnection)), /too many lanes/);
});

Deno.test("what a stopped lane is still sent is thrown away, and bounded as ever", () => {
  const server = new End({ isServer: true });
  server.hearsFrames(open(1), data(1, 1000));
  server.lanes[0]!.cancel();
  assert.deepEqual(framesIn(server.says()), [{ kind: "stop", stream: 1 }]);
  server.hearsFrames(data(1, WINDOW - 1000));
  assert.match(server.refuses(data(1, 1)), /beyond its stream's credit/);
});
