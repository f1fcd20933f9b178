// Real TCP, real strangers: while they crowd the door from the clients' own address and say nothing, or
// what is no TLS, clients get in and finish. No clock decides.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { learnIdentity } from "../../src/session/claim.ts";
import { tlsTransport } from "../../src/transport/tls/tls.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { anchorPem } from "../../src/trust/anchor.ts";
import { makeFile, noise } from "../e2e/trees.ts";
import { assertDone, Place } from "./place.ts";

const TLS: Transport = { ...tlsTransport(), addsToRuntimeRoots: false };
const STRANGERS = 300;
const SAID = ["", "\x16\x03\x01", "GET / HTTP/1.1\r\n\r\n"];

/** Strangers from a few addresses of this machine, each of which comes again when it is put out. */
class Crowd implements AsyncDisposable {
  readonly #sockets = new Set<Socket>();
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  readonly #port: number;
  #isOver = false;

  constructor(port: number) {
    this.#port = port;
    for (let n = 0; n < STRANGERS; n++) this.#come(n);
  }

  #come(n: number): void {
    if (this.#isOver) return;
    const localAddress = `127.0.0.${1 + n % 4}`;
    const socket = connect({ host: "127.0.0.1", port: this.#port, localAddress });
    this.#sockets.add(socket);
    socket.on("error", () => {});
    socket.once("connect", () => socket.write(SAID[n % SAID.length]!, "latin1"));
    socket.once("close", () => {
      this.#sockets.delete(socket);
      // After what is ready now: strangers take turns with clients.
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        this.#come(n);
      }, 20);
      this.#timers.add(timer);
    });
    socket.resume();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    const gone = [...this.#sockets].map((socket) =>
      new Promise((resolve) => socket.once("close", resolve))
    );
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(gone);
    for (const timer of this.#timers) clearTimeout(timer);
  }
}

Deno.test("tls: strangers that say nothing, or no TLS, keep no client out", async () => {
  await using place = await Place.open();
  const server = await place.serve({ transport: TLS });
  await using _crowd = new Crowd(server.remote().addresses[0]!.port);
  const sent = noise(3 << 20);
  await makeFile(place.path("f"), sent);
  const more = { transport: TLS, timeoutMs: 30_000, connections: 4 };
  assertDone(await place.push(["f"], server.remote(), more).summary);
  assert.deepEqual(new Uint8Array(await readFile(`${server.root}/f`)), sent);
});

Deno.test("tls: a client with the most connections there are has them all", async () => {
  await using place = await Place.open();
  const server = await place.serve({ transport: TLS });
  const sent = noise(1 << 20);
  await makeFile(place.path("f"), sent);
  const more = { transport: TLS, timeoutMs: 30_000, connections: 16 };
  assertDone(await place.push(["f"], server.remote(), more).summary);
  assert.deepEqual(new Uint8Array(await readFile(`${server.root}/f`)), sent);
});

Deno.test("tls: a connection counts as proved once its client is, and a stranger's or a claim's never", async () => {
  await using place = await Place.open();
  const proved: string[] = [];
  const watched: Transport = {
    ...TLS,
    listen: async (options) => {
      const listener = await TLS.listen(options);
      return {
        address: listener.address,
        close: () => listener.close(),
        accept: async () => {
          const connection = await listener.accept();
          if (connection === null) return null;
          const tells = connection.proved?.bind(connection);
          return Object.assign(connection, {
            proved: () => {
              proved.push(connection.protocol);
              tells?.();
            },
          });
        },
      };
    },
  };
  const server = await place.serve({ transport: watched });
  const { identity, addresses } = server.remote();
  assert.deepEqual(
    await learnIdentity({ ...place.session({ transport: TLS }), addresses }),
    identity,
  );
  const { hostname, port } = addresses[0]!;
  const stranger = await TLS.connect({ hostname, port, anchorPem: anchorPem(identity) });
  const control = await stranger.openControl();
  await control.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0));
  stranger.close("none", "");
  await stranger.closed;
  await makeFile(place.path("f"), noise(1 << 16));
  const more = { transport: TLS, timeoutMs: 30_000, connections: 3 };
  assertDone(await place.push(["f"], server.remote(), more).summary);
  assert.deepEqual(proved, ["sftpx/1", "sftpx/1", "sftpx/1"]);
});
