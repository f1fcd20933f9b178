// What tests of a QUIC server need besides a transport: certificates, a relay that fails in the middle of
// a handshake, and one hello over a connection.

import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { SftpxError } from "../../src/base/errors.ts";
import type { Connection, ControlStream, Listener } from "../../src/transport/transport.ts";
import { anchorPem, issueLeaf } from "../../src/trust/certificate.ts";
import { generateIdentity } from "../../src/trust/identity.ts";

export const HERE = "127.0.0.1";

/** A server's certificate and key, and the anchor that its clients pin. */
export async function issue(nowMs = Date.now()) {
  const identity = await generateIdentity();
  const leaf = await issueLeaf(identity, { nowMs });
  return { ...leaf, anchorPem: anchorPem(identity.publicKey) };
}

/** Passes datagrams between one client and a server, as many of the client's as it is told. */
export class Relay implements Disposable {
  readonly #front: Socket;
  readonly #back: Socket;

  static async to(port: number, options: { readonly forward?: number } = {}): Promise<Relay> {
    const sockets = [createSocket("udp4"), createSocket("udp4")] as const;
    for (const socket of sockets) {
      await new Promise<void>((resolve) => socket.bind(0, HERE, () => resolve()));
    }
    return new Relay(sockets, port, options.forward ?? Infinity);
  }

  private constructor(sockets: readonly [Socket, Socket], serverPort: number, forward: number) {
    [this.#front, this.#back] = sockets;
    let left = forward;
    let clientPort = 0;
    this.#front.on("message", (bytes, from) => {
      clientPort = from.port;
      if (left-- > 0) this.#back.send(bytes, serverPort, HERE);
    });
    this.#back.on("message", (bytes) => {
      if (left > 0) this.#front.send(bytes, clientPort, HERE);
    });
  }

  get port(): number {
    return this.#front.address().port;
  }

  [Symbol.dispose](): void {
    this.#front.close();
    this.#back.close();
  }
}

/**
 * One byte each way on the control stream, which both ends then have. The client also knows by then that
 * the server takes its handshake for complete: a close of Deno's client before that is said where quiche's
 * server hears it no more.
 */
export async function sayHello(
  client: Connection,
  server: Connection,
): Promise<readonly [ControlStream, ControlStream]> {
  const near = await client.openControl();
  await near.write(Uint8Array.of(1));
  const far = await server.acceptControl();
  assert.deepEqual(await far.read(new Uint8Array(1)), Uint8Array.of(1));
  await far.write(Uint8Array.of(2));
  assert.deepEqual(await near.read(new Uint8Array(1)), Uint8Array.of(2));
  return [near, far];
}

export async function endBoth(client: Connection, server: Connection): Promise<void> {
  client.close("none", "");
  await Promise.all([client.closed, server.closed]);
}

/** Closes a listener; then its socket is given back as well, unless a connection still uses it. */
export async function shut(listener: Listener): Promise<void> {
  listener.close();
  assert.equal(await listener.accept(), null);
}

/** What a promise fails with, which it must, in sftpx's words. */
export async function failureOf(promise: Promise<unknown>): Promise<SftpxError> {
  const thrown = await promise.then(() => assert.fail("it should have failed"), (thrown) => thrown);
  assert.ok(thrown instanceof SftpxError, `not an SftpxError: ${thrown}`);
  return thrown;
}

/** A client of Deno's QUIC that opens one stream both ways, and gets no second one from a server of ours. */
export async function assertOneStreamBothWays(
  listener: Listener,
  { port, anchorPem }: { readonly port: number; readonly anchorPem: string },
): Promise<void> {
  const endpoint = new Deno.QuicEndpoint({ hostname: HERE });
  const conn = await Deno.connectQuic({
    hostname: HERE,
    port,
    serverName: "sftpx",
    alpnProtocols: ["sftpx/1"],
    caCerts: [anchorPem],
    endpoint,
  });
  const server = await listener.accept();
  assert.ok(server !== null);
  const { writable, readable } = await conn.createBidirectionalStream();
  await assert.rejects(conn.createBidirectionalStream(), RangeError);
  await readable.cancel();
  await writable.close();
  conn.close();
  await server.closed;
  endpoint.close();
}
