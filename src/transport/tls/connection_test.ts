// What a connection does with a channel that ends, fails or answers wrongly; what it does over real
// sockets is in tls_test.ts.

import assert from "node:assert/strict";
import type { ByteChannel } from "./channel.ts";
import { TlsConnection } from "./connection.ts";
import { encodeHeader, HEADER_BYTES, type MuxFrame } from "./frames.ts";
import { WindowBudget } from "./window_budget.ts";

function named(name: string): Error {
  return Object.assign(new Error("it failed"), { name });
}

/** A channel that does as it is told, and how it was destroyed. */
function channelOf(does: Partial<ByteChannel>) {
  const destroyed: (boolean | undefined)[] = [];
  const channel: ByteChannel = {
    remote: { hostname: "192.0.2.1", port: 1 },
    rttMs: null,
    handshake: () => Promise.resolve("sftpx/1"),
    read: () => Promise.resolve(null),
    write: () => Promise.resolve(),
    end: () => Promise.resolve(),
    destroy: (options) => destroyed.push(options?.isAtEnd),
    ...does,
  };
  const connection = new TlsConnection(channel, {
    isServer: true,
    budget: new WindowBudget(0),
    mostWindowBytes: 0,
  });
  return { connection, destroyed };
}

Deno.test("a socket that its peer broke off is not looked for to be ended: that is dear", async () => {
  for (const name of ["ConnectionReset", "BrokenPipe", "ConnectionAborted"]) {
    const shaking = channelOf({ handshake: () => Promise.reject(named(name)) });
    await assert.rejects(shaking.connection.shake(), { name });
    assert.deepEqual(shaking.destroyed, [true], name);
    const reading = channelOf({ read: () => Promise.reject(named(name)) });
    await reading.connection.shake();
    assert.equal((await reading.connection.closed).code, null);
    assert.deepEqual(reading.destroyed, [true], name);
  }
});

Deno.test("one on which something was said wrong is ended, whoever holds it on", async () => {
  for (const name of ["InvalidData", "UnexpectedEof", "Error"]) {
    const { connection, destroyed } = channelOf({ handshake: () => Promise.reject(named(name)) });
    await assert.rejects(connection.shake(), { name });
    assert.deepEqual(destroyed, [false], name);
  }
});

Deno.test("a runtime that reads nothing ends the connection, instead of being asked for ever", async () => {
  let asked = 0;
  const read = () => {
    asked++;
    // Asked for ever, it would be found out.
    return asked > 1000 ? Promise.resolve(null) : Promise.resolve(0);
  };
  const { connection } = channelOf({ read });
  await connection.shake();
  assert.match((await connection.closed).reason, /read nothing/);
  assert.equal(asked, 1);
});

Deno.test("a stack's own text of an end is said in our words, and one of none as it is", async () => {
  const ended = "its TCP connection ended without a word";
  for (
    const [text, reason] of [
      ["peer closed connection without sending TLS close_notify: https://docs.rs/rustls/x", ended],
      ["error:0A000126:SSL routines::unexpected eof while reading", ended],
      ["received corrupt message of type InvalidContentType", "what came on it is no TLS"],
      [
        "error:100000f7:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER",
        "what came on it is no TLS",
      ],
      ["Connection reset by peer (os error 104)", "Connection reset by peer (os error 104)"],
    ] as const
  ) {
    const fail = () => Promise.reject(new Error(text));
    const reading = channelOf({ read: fail });
    await reading.connection.shake();
    assert.equal((await reading.connection.closed).reason, reason);
    const shaking = channelOf({ handshake: fail });
    await assert.rejects(shaking.connection.shake());
    assert.equal((await shaking.connection.closed).reason, reason);
  }
});

/** What a peer says that opens two lanes and has a frame for the first: its header, and so many zeros. */
function laneThatBrings(bytes: number): readonly Uint8Array[] {
  const frames: readonly MuxFrame[] = [
    { kind: "open", stream: 1 },
    { kind: "open", stream: 3 },
    { kind: "data", stream: 1, bytes, spends: false },
  ];
  const heads = new Uint8Array(frames.length * HEADER_BYTES);
  const view = new DataView(heads.buffer);
  for (const [index, frame] of frames.entries()) encodeHeader(frame, view, index * HEADER_BYTES);
  return [heads, new Uint8Array(bytes)];
}

Deno.test("a reader that comes a moment late gets its bytes into its own memory", async () => {
  const bytes = 20_000;
  const says = [...laneThatBrings(bytes)];
  const rooms: Uint8Array[] = [];
  const read = (into: Uint8Array) => {
    const next = says.shift();
    if (next === undefined) return Promise.resolve(null);
    rooms.push(into);
    into.set(next);
    return Promise.resolve(next.byteLength);
  };
  const { connection } = channelOf({ read });
  await connection.shake();
  const lane = await connection.acceptLane();
  const other = await connection.acceptLane();
  // Later than a reader that had its memory at hand, and before any timer.
  for (let turns = 0; turns < 100; turns++) await null;
  other!.read(new Uint8Array(1)).catch(() => {});
  for (let turns = 0; turns < 100; turns++) await null;
  assert.equal(rooms.length, 1);
  const own = new Uint8Array(new ArrayBuffer(bytes + 7), 7);
  const got = await lane!.read(own);
  assert.equal(got?.byteLength, bytes);
  assert.equal(rooms[1]?.buffer, got?.buffer);
});

Deno.test("a reader that stays away holds nothing up for long", async () => {
  const says = [...laneThatBrings(20_000)];
  const asked = Promise.withResolvers<void>();
  const read = (into: Uint8Array) => {
    const next = says.shift();
    if (next === undefined) {
      asked.resolve();
      return Promise.resolve(null);
    }
    into.set(next);
    return Promise.resolve(next.byteLength);
  };
  const { connection } = channelOf({ read });
  await connection.shake();
  await asked.promise;
  await connection.closed;
});
