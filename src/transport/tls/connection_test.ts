// What a connection does with a channel that ends, fails or answers wrongly; what it does over real
// sockets is in tls_test.ts.

import assert from "node:assert/strict";
import type { ByteChannel } from "./channel.ts";
import { TlsConnection } from "./connection.ts";
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
