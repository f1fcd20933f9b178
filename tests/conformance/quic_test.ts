// What every QUIC stack does at the door and when the network fails, and what any two of them do to each
// other: pins, protocols, handshakes that stall, peers that come too often, silence, clocks that are off.

import assert from "node:assert/strict";
import { denoQuicTransport } from "../../src/transport/deno_quic.ts";
import type { HandshakeLimits } from "../../src/transport/handshakes.ts";
import { loadQuiche } from "../../src/transport/quiche/binding.ts";
import { quicheTransport } from "../../src/transport/quiche/quiche.ts";
import type { Protocol, Screen, Transport } from "../../src/transport/transport.ts";
import { overStacks } from "../quiche_addon.ts";
import { endBoth, failureOf, HERE, issue, Relay, sayHello, shut } from "./quic_peers.ts";

interface Options extends Partial<HandshakeLimits> {
  readonly idleMs?: number;
  readonly keepAliveMs?: number;
}

type Stack = (options?: Options) => Transport;

const quiche = await loadQuiche();
const STACKS: Readonly<Record<string, Stack>> = {
  "deno-quic": (options) => denoQuicTransport(options),
  quiche: (options) => quicheTransport(quiche, options),
};
const DAY_MS = 24 * 60 * 60 * 1000;

/** A server, and what its clients need to know. */
async function serve(transport: Transport, more: { readonly screen?: Screen } = {}) {
  const { anchorPem, ...leaf } = await issue();
  const listener = await transport.listen({ hostname: HERE, port: 0, ...leaf, ...more });
  return { listener, to: { hostname: HERE, port: listener.address.port, anchorPem } };
}

for (const [clientName, client] of Object.entries(STACKS)) {
  for (const [serverName, server] of Object.entries(STACKS)) {
    between(`${clientName} to ${serverName}`, client, server);
  }
}
for (const [name, stack] of Object.entries(STACKS)) alone(name, stack);

/** Which every pair of stacks must agree on. */
function between(name: string, clientOf: Stack, serverOf: Stack): void {
  Deno.test(
    overStacks(`${name}: a server that does not prove the pinned identity is refused`),
    async () => {
      const { listener, to } = await serve(serverOf());
      const { anchorPem } = await issue();
      const error = await failureOf(clientOf().connect({ ...to, anchorPem }));
      assert.deepEqual([error.code, error.remote], ["identity_mismatch", true], error.message);
      assert.match(error.message, /: the server does not prove the pinned identity$/);
      await shut(listener);
    },
  );

  Deno.test(
    overStacks(`${name}: a failed handshake is not reported and does not stop the listener`),
    async () => {
      const { listener, to } = await serve(serverOf());
      const accepting = listener.accept();
      await failureOf(clientOf().connect({ ...to, anchorPem: (await issue()).anchorPem }));
      const foreign = "h3" as unknown as Protocol;
      await failureOf(clientOf().connect({ ...to, protocol: foreign }));
      const client = await clientOf().connect(to);
      const server = await accepting;
      assert.ok(server !== null);
      await sayHello(client, server);
      await endBoth(client, server);
      await shut(listener);
    },
  );

  Deno.test(overStacks(`${name}: another protocol is told by its version`), async () => {
    const { listener, to } = await serve(serverOf());
    const foreign = "sftpx/9" as unknown as Protocol;
    const error = await failureOf(clientOf().connect({ ...to, protocol: foreign }));
    assert.deepEqual([error.code, error.remote], ["version", true], error.message);
    await shut(listener);
  });

  Deno.test(
    overStacks(`${name}: a peer that stalls in its handshake holds up nobody and is dropped`),
    async () => {
      const there = Promise.withResolvers<void>();
      const screen = () => {
        there.resolve();
        return true;
      };
      // Dropped for the next one, not for its time, in which that one has to come in as well.
      const one = serverOf({ handshakeMs: 60_000, halfOpenPeers: 1 });
      const { listener, to } = await serve(one, { screen });
      using relay = await Relay.to(to.port, { forward: 1 });
      const stop = new AbortController();
      // Its first packet arrives and no more: the handshake stays half done.
      const stalled = clientOf({ idleMs: 60_000 }).connect({
        ...to,
        port: relay.port,
        signal: stop.signal,
      });
      const stalledEnd = stalled.then(() => assert.fail("it cannot connect"), () => {});
      // Not before it stands there, or it would be the one for whom the next one has to go.
      await there.promise;
      const [client, server] = await Promise.all([clientOf().connect(to), listener.accept()]);
      assert.ok(server !== null);
      await sayHello(client, server);
      stop.abort();
      await stalledEnd;
      await endBoth(client, server);
      await shut(listener);
    },
  );

  Deno.test(
    overStacks(`${name}: whoever the door keeps out is told that it is busy, and comes in later`),
    async () => {
      const { anchorPem, ...leaf } = await issue();
      const asked: string[] = [];
      const screen = (address: string) => asked.push(address) > 1;
      // A dual-stack socket, where there is one, shows a client of IPv4 as such.
      const listener = await serverOf().listen({ hostname: "::", port: 0, ...leaf, screen });
      const to = { hostname: HERE, port: listener.address.port, anchorPem };
      const error = await failureOf(clientOf().connect(to));
      assert.deepEqual([error.code, error.remote], ["busy", true], error.message);
      const client = await clientOf().connect(to);
      const server = await listener.accept();
      assert.ok(server !== null);
      for (const address of asked) assert.match(address, /^127\.0\.0\.1:\d+$/);
      await sayHello(client, server);
      await endBoth(client, server);
      await shut(listener);
    },
  );

  Deno.test(
    overStacks(`${name}: a silent loss ends both sides as lost, without a code`),
    async () => {
      const { listener, to } = await serve(serverOf({ idleMs: 1500 }));
      const relay = await Relay.to(to.port);
      const transport = clientOf({ idleMs: 1500, keepAliveMs: 100 });
      // That was for the answer alone, which came.
      const patienceMs = 3_600_000;
      const client = await transport.connect({ ...to, port: relay.port, patienceMs });
      const server = await listener.accept();
      assert.ok(server !== null);
      const ends = await sayHello(client, server);
      const reading = ends.map((stream) => failureOf(stream.read(new Uint8Array(8))));
      relay[Symbol.dispose]();
      for (const error of await Promise.all(reading)) {
        assert.equal(
          error.code,
          "lost",
          error.message,
        );
      }
      for (const end of [client, server]) {
        const { code, remote } = await end.closed;
        assert.deepEqual([code, remote], [null, false]);
      }
      assert.equal(await server.acceptLane(), null);
      await shut(listener);
    },
  );

  Deno.test(
    overStacks(`${name}: the keep-alive of the client outlasts the idle limit`),
    async () => {
      // Both ends are of this process, which may stand still for a while.
      const { listener, to } = await serve(serverOf({ idleMs: 2000 }));
      const client = await clientOf({ idleMs: 2000, keepAliveMs: 50 }).connect(to);
      const server = await listener.accept();
      assert.ok(server !== null);
      let timer;
      const idle = new Promise((resolve) => timer = setTimeout(resolve, 4500, "idle"));
      assert.equal(await Promise.race([client.closed, server.closed, idle]), "idle");
      clearTimeout(timer);
      await sayHello(client, server);
      await endBoth(client, server);
      await shut(listener);
    },
  );

  Deno.test(overStacks(`${name}: clocks far apart are told as such, with both days`), async () => {
    const cases = [
      [30 * DAY_MS, /: its certificate holds from (\S+) on, and it is (\S+) by this .* wrong$/],
      [-500 * DAY_MS, /: its certificate held until (\S+), and it is (\S+) by this .* anew$/],
    ] as const;
    for (const [offMs, form] of cases) {
      const { anchorPem, expiresMs, ...leaf } = await issue(Date.now() + offMs);
      const listener = await serverOf().listen({ hostname: HERE, port: 0, ...leaf });
      const to = { hostname: HERE, port: listener.address.port, anchorPem };
      const error = await failureOf(clientOf().connect(to));
      assert.equal(error.code, "failed");
      const [, there, here] = form.exec(error.message) ?? [];
      const day = (atMs: number) => new Date(atMs).toISOString().slice(0, 10);
      const limitMs = offMs > 0 ? Date.now() + offMs - DAY_MS : expiresMs;
      assert.deepEqual([there, here], [day(limitMs), day(Date.now())], error.message);
      await shut(listener);
    }
  });

  Deno.test(
    overStacks(`${name}: a clock that is off by less than a day makes no difference`),
    async () => {
      const { anchorPem, ...leaf } = await issue(Date.now() + DAY_MS - 60_000);
      const listener = await serverOf().listen({ hostname: HERE, port: 0, ...leaf });
      const to = { hostname: HERE, port: listener.address.port, anchorPem };
      const client = await clientOf().connect(to);
      const server = await listener.accept();
      assert.ok(server !== null);
      await sayHello(client, server);
      await endBoth(client, server);
      await shut(listener);
    },
  );
}

/** Which a stack does by itself. */
function alone(name: string, make: Stack): void {
  Deno.test(
    overStacks(`${name}: an answer is waited for as long as a dial's caller does`),
    async () => {
      using mute = await Relay.to(9, { forward: 0 });
      const { anchorPem } = await issue();
      const to = { hostname: HERE, port: mute.port, anchorPem };
      const stop = new AbortController();
      const { signal } = stop;
      const ended: string[] = [];
      const note = (which: string) => ended.push(which);
      const idleMs = 50; // No stack gives up before it has asked a few times.
      const patient = failureOf(make({ idleMs }).connect({ ...to, patienceMs: 3_600_000, signal }));
      const noted = patient.finally(() => note("patient"));
      const others = [1, 2].map(() => failureOf(make({ idleMs }).connect(to)));
      for (const error of await Promise.all(others)) {
        assert.equal(error.code, "unreachable");
        assert.match(error.message, /: no answer; either no sftpx serves there/);
      }
      note("others");
      stop.abort(new DOMException("", "TimeoutError"));
      assert.match((await noted).message, /: no answer in time$/);
      assert.deepEqual(ended, ["others", "patient"]);
    },
  );

  Deno.test(overStacks(`${name}: a name to listen on that nobody knows says so`), async () => {
    const { anchorPem: _, ...leaf } = await issue();
    const error = await failureOf(make().listen({ hostname: "host.invalid", port: 0, ...leaf }));
    assert.deepEqual(
      [error.code, error.message],
      ["io", 'Cannot listen on "host.invalid:0": the name is unknown'],
    );
  });

  Deno.test(overStacks(`${name}: an address that this machine does not have says so`), async () => {
    const { anchorPem: _, ...leaf } = await issue();
    const error = await failureOf(make().listen({ hostname: "192.0.2.1", port: 0, ...leaf }));
    assert.equal(error.code, "io");
    assert.match(error.message, /this machine does not have that address$/);
  });
}
