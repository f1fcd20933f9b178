import assert from "node:assert/strict";
import { concatBytes } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { encodeMessage } from "../wire/control.ts";
import type { Message } from "../wire/messages.ts";
import { helloOf, isCode, scripted, streams } from "./_fixture.ts";
import { ControlChannel, refusal } from "./control_channel.ts";

const HELLO = encodeMessage(helloOf());
const PING = encodeMessage({ type: "ping", token: 3 });

for (const pieceBytes of [1, 7, Infinity]) {
  Deno.test(`openingBytes are exactly the hello, read ${pieceBytes} bytes at a time`, async () => {
    const { near, far, connection } = await streams({ pieceBytes });
    const channel = new ControlChannel(far);
    await near.write(concatBytes([HELLO, PING, PING]));
    assert.equal((await channel.receive())?.type, "hello");
    assert.deepEqual(channel.openingBytes, HELLO);
    assert.deepEqual(await channel.receive(), { type: "ping", token: 3 });
    assert.deepEqual(await channel.receive(), { type: "ping", token: 3 });
    assert.deepEqual(channel.openingBytes, HELLO);
    connection.close("none", "");
  });
}

Deno.test("receive() answers null at an end between messages", async () => {
  const channel = new ControlChannel(scripted([PING]));
  assert.equal((await channel.receive())?.type, "ping");
  assert.equal(await channel.receive(), null);
});

Deno.test("receive() takes no end within a message for an end", async () => {
  for (let length = 1; length < PING.byteLength; length++) {
    const channel = new ControlChannel(scripted([PING.slice(0, length)]));
    await assert.rejects(channel.receive(), isCode("protocol", true), `${length} bytes`);
  }
});

Deno.test("receive() takes so much of a peer it does not know, and more after lift()", async () => {
  const pings = Math.floor(LIMITS.unauthenticatedBytes / PING.byteLength);
  const known = new ControlChannel(scripted([...new Array(pings + 1).fill(PING)]));
  for (let i = 0; i < pings; i++) await known.receive();
  await assert.rejects(known.receive(), isCode("limit", true));
  const lifted = new ControlChannel(scripted([...new Array(pings + 1).fill(PING)]));
  lifted.lift();
  for (let i = 0; i <= pings; i++) assert.equal((await lifted.receive())?.type, "ping");
});

Deno.test("what a peer sends ahead stays where it is until the peer is trusted", async () => {
  const { near, far, connection } = await streams({ pieceBytes: Infinity });
  const channel = new ControlChannel(far);
  // More than a stranger may send, in one go: it is no fault before it is read.
  const ahead = Math.ceil(LIMITS.unauthenticatedBytes / PING.byteLength);
  await near.write(HELLO);
  assert.equal((await channel.receive())?.type, "hello");
  const sent = near.write(concatBytes(new Array(ahead).fill(PING)));
  assert.equal((await channel.receive())?.type, "ping");
  channel.lift();
  for (let i = 1; i < ahead; i++) assert.equal((await channel.receive())?.type, "ping");
  await sent;
  connection.close("none", "");
});

Deno.test("expect() answers the message it is to be", async () => {
  const channel = new ControlChannel(scripted([HELLO]));
  assert.equal((await channel.expect("hello")).agent, "test");
});

Deno.test("expect() refuses another message, and the end", async () => {
  const channel = new ControlChannel(scripted([PING]));
  await assert.rejects(channel.expect("welcome"), isCode("protocol", true));
  await assert.rejects(channel.expect("welcome"), isCode("lost"));
});

Deno.test("expect() turns a refusal into its error", async () => {
  const said = encodeMessage({ type: "refuse", code: "version", message: "too old" });
  await assert.rejects(new ControlChannel(scripted([said])).expect("welcome"), (thrown) => {
    assert.ok(thrown instanceof SftpxError);
    assert.deepEqual([thrown.code, thrown.message, thrown.remote], [
      "version",
      "The peer says: too old",
      true,
    ]);
    return true;
  });
});

Deno.test("refusal() reads a code it does not know as refused", () => {
  assert.equal(refusal({ code: "moon_phase", message: "" }).code, "refused");
  assert.equal(refusal({ code: "constructor", message: "" }).code, "refused");
  assert.equal(refusal({ code: "busy", message: "" }).code, "busy");
});

Deno.test("send() writes messages whole and in order, and answers their bytes", async () => {
  const stream = scripted([]);
  const channel = new ControlChannel(stream);
  assert.deepEqual(channel.send(helloOf()), HELLO);
  channel.send({ type: "ping", token: 3 });
  assert.equal(channel.unsentBytes, HELLO.byteLength + PING.byteLength);
  await channel.flushed();
  assert.equal(channel.unsentBytes, 0);
  assert.deepEqual(concatBytes(stream.written), concatBytes([HELLO, PING]));
});

Deno.test("messages that wait for a write go out together, up to a bound", async () => {
  const gate = Promise.withResolvers<void>();
  const writes: number[] = [];
  const stream = {
    ...scripted([]),
    write: (bytes: Uint8Array) => {
      writes.push(bytes.byteLength);
      return gate.promise;
    },
  };
  const channel = new ControlChannel(stream);
  channel.send({ type: "ping", token: 3 });
  await Promise.resolve();
  assert.deepEqual(writes, [PING.byteLength], "the first one waits for nothing");
  const most = Math.floor(64 * 1024 / PING.byteLength);
  for (let sent = 0; sent < most + 2; sent++) channel.send({ type: "ping", token: 3 });
  assert.equal(channel.unsentBytes, (most + 3) * PING.byteLength);
  gate.resolve();
  await channel.flushed();
  assert.deepEqual(writes.slice(1), [most * PING.byteLength, 2 * PING.byteLength]);
  assert.equal(channel.unsentBytes, 0);
});

Deno.test("flushed() waits for what was sent before it, not for what comes after", async () => {
  const gates = [Promise.resolve(), new Promise<void>(() => {})];
  const stream = { ...scripted([]), write: () => gates.shift() ?? Promise.resolve() };
  const channel = new ControlChannel(stream);
  channel.send({ type: "ping", token: 3 });
  const flushed = channel.flushed();
  await Promise.resolve();
  channel.send({ type: "ping", token: 3 });
  await flushed;
  assert.equal(channel.unsentBytes, PING.byteLength);
});

Deno.test("a write that fails shows in flushed(), and in every later send()", async () => {
  const gone = new SftpxError("lost", "gone");
  const stream = { ...scripted([]), write: () => Promise.reject(gone) };
  const channel = new ControlChannel(stream);
  channel.send({ type: "bye" });
  await assert.rejects(channel.flushed(), gone);
  assert.throws(() => channel.send({ type: "bye" }), gone);
  assert.equal(channel.unsentBytes, 0);
  await channel.close();
});

Deno.test("what was made ready is what is sent, compressed or not, and once", async () => {
  const entries = Array.from({ length: 200 }, (_, index) => ({
    path: `some/long/path/${index}`,
    kind: "file" as const,
    sizeBytes: index,
    mtimeNs: 1n,
    mode: 0o644,
  }));
  const message = {
    type: "entries",
    transfer: 1,
    first: 0,
    sources: entries.map(() => 0),
    entries,
  } as unknown as Message;
  for (const compresses of [false, true]) {
    const plain = new ControlChannel(scripted([]));
    const ready = new ControlChannel(scripted([]));
    if (compresses) await plain.compress();
    await ready.prepare([message], { compresses: true });
    if (compresses) await ready.compress();
    const first = ready.send(message);
    assert.deepEqual(first, plain.send(message));
    assert.equal(first.byteLength < encodeMessage(message).byteLength, compresses);
    assert.deepEqual(ready.send(message), first, "it is encoded again");
  }
  const local = new ControlChannel(scripted([]));
  await local.prepare([message], { compresses: false });
  assert.deepEqual(local.send(message), encodeMessage(message));
});
