import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import type { Connection } from "../transport/transport.ts";
import { encodeLaneEnd } from "../wire/frame.ts";
import type { Message, TransferMessage } from "../wire/messages.ts";
import { HandClock, isCode, offerOf, type Pair, pairOf } from "./_fixture.ts";
import { Hub, type TransferChannel } from "./hub.ts";

interface Scene extends Pair {
  /** Over the server's end; the test is the client. */
  readonly hub: Hub;
  readonly opened: { channel: TransferChannel; first: TransferMessage }[];
}

async function scene(): Promise<Scene> {
  const pair = await pairOf();
  const hub = new Hub(pair.far, pair.server);
  const opened: Scene["opened"] = [];
  hub.onOpen = (channel, first) => void opened.push({ channel, first });
  hub.start();
  return { ...pair, hub, opened };
}

/** What was sent before it was dealt with. */
async function caughtUp({ near }: Scene): Promise<void> {
  near.send({ type: "ping", token: 99 });
  while ((await near.expect("pong")).token !== 99);
}

Deno.test("a ping is answered with its token", async () => {
  const { near, hub } = await scene();
  near.send({ type: "ping", token: 12 });
  assert.deepEqual(await near.receive(), { type: "pong", token: 12 });
  hub.close("none", "");
});

Deno.test("a ping is answered however much else waits to be sent", async () => {
  const pair = await pairOf();
  const sent: Message[] = [];
  const control = Object.defineProperties(Object.create(pair.far), {
    unsentBytes: { value: LIMITS.unsentControlBytes },
    flushed: { value: () => Promise.resolve() },
    send: { value: (message: Message) => (sent.push(message), new Uint8Array(1)) },
    receive: { value: () => pair.far.receive() },
  });
  const hub = new Hub(control, pair.server);
  hub.start();
  pair.near.send({ type: "ping", token: 1 });
  pair.near.send({ type: "bye" });
  await hub.ended;
  assert.deepEqual(sent, [{ type: "pong", token: 1 }]);
  hub.close("none", "");
});

Deno.test("a peer whose answer stands behind much else is not lost", async () => {
  using clock = new HandClock();
  const { near, hub } = await scene();
  let isLost = false;
  hub.ended.then(() => isLost = true);
  hub.watch({ silenceMs: 40 });
  for (let words = 0; words < 50 && !isLost; words++) {
    clock.nowMs += 10;
    near.send({ type: "ports", ports: [] });
    while (hub.heardMs < clock.nowMs && !isLost) await Promise.resolve();
    clock.goOff();
  }
  assert.equal(isLost, false);
  assert.equal((await near.receive())?.type, "ping", "it was asked");
  hub.close("none", "");
});

Deno.test("bye ends the session in order, and every transfer as lost", async () => {
  const { near, hub, opened, ...rest } = await scene();
  near.send(offerOf(1));
  await caughtUp({ near, hub, opened, ...rest });
  near.send({ type: "bye" });
  assert.deepEqual(await hub.ended, { kind: "bye" });
  await assert.rejects(opened[0]!.channel.messages.take(), isCode("lost", true));
  hub.close("none", "");
});

Deno.test("a transfer opened after the session was lost fails with its reason, and waits for nothing", async () => {
  const { near, hub } = await scene();
  near.send({ type: "refuse", code: "busy", message: "no" });
  await hub.ended;
  const channel = hub.open(1);
  await assert.rejects(channel.messages.take(), isCode("busy", true));
  assert.equal(await channel.lanes.take(), null);
  hub.close("none", "");
});

for (const type of ["hello", "auth", "welcome", "join", "joined"] as const) {
  Deno.test(`"${type}" after the handshake breaks the session`, async () => {
    const { near, hub } = await scene();
    near.send(HANDSHAKE[type]);
    const end = await hub.ended;
    assert.ok(end.kind === "lost" && isCode("protocol", true)(end.error));
    hub.close("none", "");
  });
}

Deno.test("a refusal ends the session with its own code", async () => {
  const { near, hub } = await scene();
  near.send({ type: "refuse", code: "terminated", message: "closing" });
  const end = await hub.ended;
  assert.ok(end.kind === "lost" && isCode("terminated", true)(end.error));
  hub.close("none", "");
});

Deno.test("an end of stream is no bye (I4)", async () => {
  const { near, hub } = await scene();
  await near.close();
  const end = await hub.ended;
  assert.ok(end.kind === "lost" && isCode("lost", true)(end.error));
  hub.close("none", "");
});

Deno.test("an offer opens a transfer, what follows goes to it, the rest to nobody", async () => {
  const it = await scene();
  it.near.send({ type: "done", transfer: 5 });
  it.near.send(offerOf(5));
  it.near.send({ type: "done", transfer: 5 });
  it.near.send({ type: "done", transfer: 6 });
  await caughtUp(it);
  assert.equal(it.opened.length, 1);
  const { channel, first } = it.opened[0]!;
  assert.deepEqual([first.type, channel.transfer], ["offer", 5]);
  assert.deepEqual(await channel.messages.take(), { type: "done", transfer: 5 });
  channel.close();
  assert.equal(await channel.messages.take(), null);
  it.hub.close("none", "");
});

Deno.test("a listing and a measurement are opened as a transfer is", async () => {
  const it = await scene();
  it.near.send({ type: "list", transfer: 1, path: "", recursive: false, filters: [] });
  it.near.send({ type: "measure", transfer: 2, direction: "up", bytes: 1, lanes: 1 });
  await caughtUp(it);
  assert.deepEqual(it.opened.map(({ first }) => first.type), ["list", "measure"]);
  it.hub.close("none", "");
});

Deno.test("an offer to an end that opens no transfers is passed over", async () => {
  const pair = await pairOf();
  const hub = new Hub(pair.far, pair.server);
  hub.start();
  pair.near.send(offerOf(1));
  pair.near.send({ type: "ping", token: 1 });
  assert.equal((await pair.near.receive())?.type, "pong");
  hub.close("none", "");
});

Deno.test("a transfer too many is aborted with its limit; one that ended makes room", async () => {
  const it = await scene();
  const most = LIMITS.transfersPerSession;
  for (let transfer = 0; transfer <= most; transfer++) it.near.send(offerOf(transfer));
  const abort = await it.near.expect("abort");
  assert.deepEqual([abort.transfer, abort.code], [most, "limit"]);
  it.opened[0]!.channel.close();
  it.near.send(offerOf(most));
  await caughtUp(it);
  assert.equal(it.opened.at(-1)?.first.transfer, most);
  it.hub.close("none", "");
});

Deno.test("the loss of the first connection ends every transfer with lost", async () => {
  const it = await scene();
  it.near.send(offerOf(1));
  it.near.send(offerOf(2));
  await caughtUp(it);
  it.cut();
  for (const { channel } of it.opened) {
    await assert.rejects(channel.messages.take(), isCode("lost"));
    assert.equal(await channel.lanes.take(), null);
  }
  assert.equal((await it.hub.ended).kind, "lost");
});

Deno.test("a further connection dies alone, and is used no more", async () => {
  const it = await scene();
  const further = await pairOf();
  it.hub.addConnection(further.server);
  const channel = it.hub.open(1);
  const lanes = [await channel.openLane(), await channel.openLane()];
  assert.equal(it.hub.connections.length, 2);
  let settled = false;
  lanes[0]!.lost.then(() => settled = true);
  further.cut();
  await lanes[1]!.lost;
  assert.equal(settled, false);
  assert.deepEqual(it.hub.connections, [it.server]);
  for (let i = 0; i < 3; i++) await channel.openLane();
  await caughtUp(it);
  it.hub.close("none", "");
});

Deno.test("a connection that joins a session which is over is closed", async () => {
  const it = await scene();
  it.hub.close("none", "");
  const further = await pairOf();
  it.hub.addConnection(further.server);
  assert.equal((await further.client.closed).remote, true);
});

Deno.test("a lane goes to its transfer with the header that named it", async () => {
  const it = await scene();
  const channel = it.hub.open(4);
  const lane = await it.client.openLane();
  await lane.write(encodeLaneEnd(4, 0));
  const arrived = await channel.lanes.take();
  assert.deepEqual(arrived?.opening, encodeLaneEnd(4, 0));
  it.hub.close("none", "");
});

Deno.test("lanes both ways know their connection by its number and address", async () => {
  const it = await scene();
  const further = await pairOf();
  it.hub.addConnection(further.server, { number: 7 });
  const channel = it.hub.open(4);
  const opened = [await channel.openLane(), await channel.openLane()];
  assert.deepEqual(opened.map(({ connection, address }) => [connection, address]), [
    [0, it.server.remoteAddress],
    [7, further.server.remoteAddress],
  ]);
  for (const [pair, number] of [[it, 0], [further, 7]] as const) {
    await (await pair.client.openLane()).write(encodeLaneEnd(4, 0));
    const lane = await channel.lanes.take();
    assert.deepEqual([lane?.connection, lane?.address], [number, pair.server.remoteAddress]);
  }
  it.hub.close("none", "");
});

Deno.test("what is sent is flushed once the transport took it", async () => {
  const it = await scene();
  const channel = it.hub.open(1);
  channel.send({ type: "done", transfer: 1 });
  const arrived = it.near.expect("done");
  await channel.flushed();
  await arrived;
  it.cut();
  channel.send({ type: "done", transfer: 1 });
  await assert.rejects(channel.flushed(), isCode("lost"));
});

Deno.test("a lane of a transfer that is unknown, or over, is given up", async () => {
  const it = await pairOf();
  const cancelled = watchCancels(it.server);
  const hub = new Hub(it.far, it.server);
  const channel = hub.open(4);
  for (const transfer of [4, 9]) {
    await (await it.client.openLane()).write(encodeLaneEnd(transfer, 0));
  }
  await cancelled.until(1);
  channel.close();
  await cancelled.until(2);
  hub.close("none", "");
});

const PATIENT = { withinMs: 10_000, mostMs: 10_000 };

Deno.test("isThere() tells a peer that answers from one that does not", async () => {
  const it = await scene();
  const answered = it.hub.isThere(PATIENT);
  const { token } = await it.near.expect("ping");
  it.near.send({ type: "pong", token });
  assert.equal(await answered, true);
  assert.equal(await it.hub.isThere({ withinMs: 1, mostMs: 1 }), false);
  const asked = it.hub.isThere(PATIENT);
  it.cut();
  assert.equal(await asked, false);
  assert.equal(await it.hub.isThere(PATIENT), false);
});

Deno.test("isThere() takes a control stream that cannot be written for no answer", async () => {
  const pair = await pairOf();
  const broken = Object.assign(Object.create(pair.far), {
    send: () => {
      throw new Error("gone");
    },
  });
  const hub = new Hub(broken, pair.server);
  assert.equal(await hub.isThere(PATIENT), false);
  hub.close("none", "");
});

Deno.test("a peer that does not read what it is sent ends the session, within a bound", async () => {
  const it = await scene();
  const channel = it.hub.open(1);
  const given = Array.from({ length: 200 }, () => "a/".repeat(2000) + "a");
  const message = { ...offerOf(1), given };
  const send = () => {
    const most = LIMITS.unsentControlBytes / (200 * 4001) + 3;
    for (let sent = 0; sent < most; sent++) channel.send(message);
  };
  assert.throws(send, isCode("limit"));
  const end = await it.hub.ended;
  assert.ok(end.kind === "lost" && end.error.code === "limit");
  await assert.rejects(channel.messages.take(), isCode("limit"));
  assert.equal((await it.client.closed).code, "limit");
});

const KEY32 = new Uint8Array(32);
const HANDSHAKE: Record<"hello" | "auth" | "welcome" | "join" | "joined", Message> = {
  hello: { type: "hello", version: 1, capabilities: [], nonce: KEY32, agent: "" },
  auth: { type: "auth", identity: KEY32, signature: new Uint8Array(64) },
  welcome: {
    type: "welcome",
    session: 1,
    key: KEY32,
    read: true,
    write: true,
    maxConnections: 1,
    maxLanes: 1,
  },
  join: { type: "join", session: 1, connection: 1, mac: KEY32 },
  joined: { type: "joined", connection: 1 },
};

/** Counts the lanes of a connection that its owner gives up. */
function watchCancels(connection: Connection): { until(count: number): Promise<void> } {
  let count = 0;
  let wake = () => {};
  const accept = connection.acceptLane.bind(connection);
  connection.acceptLane = async () => {
    const lane = await accept();
    if (lane === null) return null;
    return {
      read: (into) => lane.read(into),
      cancel: () => {
        count++;
        wake();
        lane.cancel();
      },
    };
  };
  return {
    until: async (wanted) => {
      while (count < wanted) await new Promise<void>((resolve) => wake = resolve);
    },
  };
}

Deno.test("what comes on a lane is a sign of life", async () => {
  const it = await scene();
  const channel = it.hub.open(4);
  const lane = await it.client.openLane();
  await lane.write(encodeLaneEnd(4, 0));
  const arrived = await channel.lanes.take();
  const before = it.hub.heardMs;
  while (performance.now() <= before);
  await lane.write(new Uint8Array(100));
  assert.equal((await arrived?.stream.read(new Uint8Array(100)))?.byteLength, 100);
  assert.ok(it.hub.heardMs > before);
  it.hub.close("none", "");
});

Deno.test("all lanes but the first wait for connections that are on their way", async () => {
  const { hub } = await scene();
  const channel = hub.open(4);
  const joining = Promise.withResolvers<void>();
  hub.expect(joining.promise);
  assert.equal((await channel.openLane()).connection, 0);
  const second = await pairOf();
  let isOpen = false;
  const opening = channel.openLane().then((lane) => {
    isOpen = true;
    return lane;
  });
  await new Promise((resolve) => setTimeout(resolve));
  assert.equal(isOpen, false);
  hub.addConnection(second.server, { number: 1 });
  joining.resolve();
  assert.equal((await opening).connection, 1);
  hub.close("none", "");
});

Deno.test("what comes for a transfer that takes nothing yet is held up to its bound, not beyond", async () => {
  for (const over of [0, 1]) {
    const pair = await pairOf();
    // Two of these are as much as may be held.
    let lastBytes = LIMITS.untakenControlBytes / 2;
    const control = Object.defineProperties(Object.create(pair.far), {
      lastBytes: { get: () => lastBytes },
      receive: { value: () => pair.far.receive() },
      send: { value: (message: Message) => pair.far.send(message) },
      flushed: { value: () => pair.far.flushed() },
      unsentBytes: { value: 0 },
    });
    const hub = new Hub(control, pair.server);
    const opened: TransferChannel[] = [];
    hub.onOpen = (channel) => void opened.push(channel);
    hub.start();
    pair.near.send(offerOf(1));
    pair.near.send({ type: "done", transfer: 1 });
    pair.near.send({ type: "ping", token: 1 });
    await pair.near.expect("pong");
    assert.equal(opened[0]?.messages.heldBytes, LIMITS.untakenControlBytes / 2);
    lastBytes += over;
    pair.near.send({ type: "done", transfer: 1 });
    pair.near.send({ type: "bye" });
    const end = await hub.ended;
    assert.equal(end.kind === "bye" ? "bye" : end.error.code, over === 0 ? "bye" : "limit");
    hub.close("none", "");
  }
});

Deno.test("the reason of a close is made safe to show", async () => {
  const { hub, client } = await scene();
  client.close("failed", "gone\u001b[2J\nforged");
  const end = await hub.ended;
  assert.ok(end.kind === "lost");
  assert.equal(end.error.message, "Lost the peer: gone\\u{1b}[2J\\u{a}forged");
});
