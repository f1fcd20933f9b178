import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { SftpxError } from "../base/errors.ts";
import { anchorPem, issueLeaf } from "../trust/certificate.ts";
import { generateIdentity } from "../trust/identity.ts";
import { type DenoQuicOptions, denoQuicTransport } from "./deno_quic.ts";
import type { Listener } from "./transport.ts";

const HERE = "127.0.0.1";

Deno.test("connect() refuses a server that does not prove the pinned identity", async () => {
  const { listener } = await serve();
  const stranger = anchorPem((await generateIdentity()).publicKey);
  const to = { hostname: HERE, port: listener.address.port, anchorPem: stranger };
  const error = await failure(denoQuicTransport().connect(to));
  assert.equal(error.code, "identity_mismatch", error.message);
  assert.equal(error.remote, true);
  listener.close();
});

Deno.test("a failed handshake is not reported and does not stop the listener", async () => {
  const { listener, anchor } = await serve();
  const { port } = listener.address;
  const accepting = listener.accept();
  const stranger = anchorPem((await generateIdentity()).publicKey);
  await failure(denoQuicTransport().connect({ hostname: HERE, port, anchorPem: stranger }));
  // One that speaks another protocol fails in accept() itself.
  const endpoint = new Deno.QuicEndpoint({ hostname: HERE });
  const foreign = { hostname: HERE, port, serverName: "sftpx", alpnProtocols: ["h3"], endpoint };
  await assert.rejects(Deno.connectQuic<false>({ ...foreign, caCerts: [anchor] }));
  endpoint.close();
  const client = await denoQuicTransport().connect({ hostname: HERE, port, anchorPem: anchor });
  const server = await accepting;
  assert.ok(server !== null);
  await sayHello(client, server);
  await endBoth(client, server);
  listener.close();
});

Deno.test("a peer that speaks another protocol is told by its version", async () => {
  const { certificatePem, keyPem, anchor } = await pems();
  const endpoint = new Deno.QuicEndpoint({ hostname: HERE });
  const other = endpoint.listen({ cert: certificatePem, key: keyPem, alpnProtocols: ["sftpx/9"] });
  const refusing = other.incoming().then((incoming) => assert.rejects(incoming.accept<false>()));
  const to = { hostname: HERE, port: endpoint.addr.port, anchorPem: anchor };
  const error = await failure(denoQuicTransport({ idleMs: 500 }).connect(to));
  assert.equal(error.code, "version", error.message);
  await refusing;
  endpoint.close();
});

Deno.test("a peer that stalls in its handshake holds up nobody and is dropped", async () => {
  const { listener, anchor } = await serve({ handshakeMs: 300, halfOpenPeers: 1 });
  const relay = await Relay.to(listener.address.port, { forward: 1 });
  // Its first packet arrives and no more: the handshake stays half done.
  const stalled = denoQuicTransport({ idleMs: 60_000 }).connect({
    hostname: HERE,
    port: relay.port,
    anchorPem: anchor,
    signal: relay.stop.signal,
  });
  const stalledEnd = stalled.then(() => assert.fail("it cannot connect"), () => {});
  await relay.exhausted;
  // The one half-open place is taken until `handshakeMs` is over; then this one is answered.
  const accepting = listener.accept();
  const to = { hostname: HERE, port: listener.address.port, anchorPem: anchor };
  const client = await denoQuicTransport().connect(to);
  const server = await accepting;
  assert.ok(server !== null);
  await sayHello(client, server);
  relay.close();
  await stalledEnd;
  await endBoth(client, server);
  listener.close();
});

Deno.test("a client that the door keeps out is told that it is busy, and comes in later", async () => {
  const { certificatePem, keyPem, anchor } = await pems();
  const asked: string[] = [];
  const screen = (address: string) => asked.push(address) > 1;
  // A dual-stack socket, where there is one, shows a client of IPv4 as such.
  const at = { hostname: "::", port: 0, certificatePem, keyPem, screen };
  const listener = await denoQuicTransport().listen(at);
  const to = { hostname: HERE, port: listener.address.port, anchorPem: anchor };
  const error = await failure(denoQuicTransport().connect(to));
  assert.deepEqual([error.code, error.remote], ["busy", true], error.message);
  const client = await denoQuicTransport().connect(to);
  const server = await listener.accept();
  assert.ok(server !== null);
  for (const address of asked) assert.match(address, /^127\.0\.0\.1:\d+$/);
  await endBoth(client, server);
  listener.close();
});

Deno.test("a silent loss ends both sides as lost, without a code", async () => {
  const { listener, anchor } = await serve({ idleMs: 400 });
  const relay = await Relay.to(listener.address.port);
  const transport = denoQuicTransport({ idleMs: 400, keepAliveMs: 100 });
  const client = await transport.connect({
    hostname: HERE,
    port: relay.port,
    anchorPem: anchor,
  });
  const server = await listener.accept();
  assert.ok(server !== null);
  const [near, far] = await sayHello(client, server);
  const reading = [near, far].map((stream) => failure(stream.read(new Uint8Array(8))));
  relay.close();
  for (const error of await Promise.all(reading)) assert.equal(error.code, "lost", error.message);
  for (const end of [client, server]) {
    const info = await end.closed;
    assert.equal(info.code, null);
    assert.equal(info.remote, false);
  }
  assert.equal(await server.acceptLane(), null);
  listener.close();
});

Deno.test("the keep-alive of the client outlasts the idle limit", async () => {
  const { listener, anchor } = await serve({ idleMs: 300 });
  const transport = denoQuicTransport({ idleMs: 300, keepAliveMs: 50 });
  const to = { hostname: HERE, port: listener.address.port, anchorPem: anchor };
  const client = await transport.connect(to);
  const server = await listener.accept();
  assert.ok(server !== null);
  const idle = new Promise((resolve) => setTimeout(resolve, 900, "idle"));
  assert.equal(await Promise.race([client.closed, server.closed, idle]), "idle");
  await sayHello(client, server);
  await endBoth(client, server);
  listener.close();
});

Deno.test("the peer cannot open a stream both ways of its own", async () => {
  const { listener, anchor } = await serve();
  const endpoint = new Deno.QuicEndpoint({ hostname: HERE });
  const conn = await Deno.connectQuic({
    hostname: HERE,
    port: listener.address.port,
    serverName: "sftpx",
    alpnProtocols: ["sftpx/1"],
    caCerts: [anchor],
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
  listener.close();
});

Deno.test("a close code that no table knows is a failure, not an order", async () => {
  const { listener, anchor } = await serve();
  const endpoint = new Deno.QuicEndpoint({ hostname: HERE });
  const conn = await Deno.connectQuic({
    hostname: HERE,
    port: listener.address.port,
    serverName: "sftpx",
    alpnProtocols: ["sftpx/1"],
    caCerts: [anchor],
    endpoint,
  });
  const server = await listener.accept();
  assert.ok(server !== null);
  conn.close({ closeCode: 0x7777, reason: "?" });
  assert.deepEqual(await server.closed, { code: "failed", reason: "?", remote: true });
  endpoint.close();
  listener.close();
});

Deno.test("a close is seen by the peer though the process ends at once", async () => {
  const { listener, anchor } = await serve();
  const job = JSON.stringify({ hostname: HERE, port: listener.address.port, anchorPem: anchor });
  const running = runScript(
    `const { emptyRootStore } = await import(${moduleText("../trust/root_store.ts")});
     const { denoQuicTransport } = await import(${moduleText("./deno_quic.ts")});
     emptyRootStore();
     const connection = await denoQuicTransport().connect(${job});
     const control = await connection.openControl();
     await control.write(Uint8Array.of(1));
     await control.read(new Uint8Array(1));
     connection.close("terminated", "");
     await connection.closed;
     Deno.exit(0);`,
    ["-A", "--unstable-net"],
  );
  const serving = (async () => {
    const server = await listener.accept();
    await (await server?.acceptControl())?.write(Uint8Array.of(2));
    return await server?.closed;
  })();
  // First of all the script itself: when it fails, there is nothing to wait for.
  await running;
  assert.deepEqual(await serving, { code: "terminated", reason: "", remote: true });
  listener.close();
});

Deno.test("without the flag or the permission the user is told which", async () => {
  const script = `const { denoQuicTransport } = await import(${moduleText("./deno_quic.ts")});
    const transport = denoQuicTransport();
    const at = { hostname: "127.0.0.1", port: 0, certificatePem: "", keyPem: "" };
    const to = { hostname: "127.0.0.1", port: 9, anchorPem: "" };
    const told = (error) => error.code + " | " + error.message;
    console.log(JSON.stringify([
      transport.unavailable(),
      await transport.listen(at).catch(told),
      await transport.connect(to).catch(told),
      await transport.connect({ ...to, hostname: "localhost" }).catch(told),
    ]));`;
  const [plain, unflagged] = JSON.parse(await runScript(script, ["--no-config", "--allow-read"]));
  assert.match(plain, /add --unstable-net$/);
  assert.match(unflagged, /^unsupported \| .*add --unstable-net$/);
  const [flagged, listening, connecting, resolving] = JSON.parse(
    await runScript(script, ["--unstable-net", "--allow-read", "--deny-net", "--no-prompt"]),
  );
  assert.equal(flagged, null);
  assert.match(listening, /^permission \| Cannot listen on .*--allow-net=127\.0\.0\.1:\d+$/);
  assert.match(
    connecting,
    /^permission \| Cannot connect to .*--allow-net=0\.0\.0\.0:0,127\.0\.0\.1:\d+$/,
  );
  assert.match(
    resolving,
    /^permission \| Cannot connect to "localhost": .*--allow-net=0\.0\.0\.0:0,\[::\]:0,localhost:\d+$/,
  );
});

const DAY_MS = 24 * 60 * 60 * 1000;

Deno.test("clocks far apart are told as such, with both days", async () => {
  const cases = [
    [30 * DAY_MS, /: its certificate holds from (\S+) on, and it is (\S+) by this .* wrong$/],
    [-500 * DAY_MS, /: its certificate held until (\S+), and it is (\S+) by this .* anew$/],
  ] as const;
  for (const [offMs, form] of cases) {
    const identity = await generateIdentity();
    const leaf = await issueLeaf(identity, { nowMs: Date.now() + offMs });
    const listener = await denoQuicTransport().listen({ hostname: HERE, port: 0, ...leaf });
    const to = { hostname: HERE, port: listener.address.port };
    const anchor = anchorPem(identity.publicKey);
    const error = await failure(denoQuicTransport().connect({ ...to, anchorPem: anchor }));
    assert.equal(error.code, "failed");
    const [, there, here] = form.exec(error.message) ?? [];
    const day = (atMs: number) => new Date(atMs).toISOString().slice(0, 10);
    const limitMs = offMs > 0 ? Date.now() + offMs - DAY_MS : leaf.expiresMs;
    assert.deepEqual([there, here], [day(limitMs), day(Date.now())], error.message);
    listener.close();
  }
});

Deno.test("a clock that is off by less than a day makes no difference", async () => {
  const identity = await generateIdentity();
  const leaf = await issueLeaf(identity, { nowMs: Date.now() + DAY_MS - 60_000 });
  const listener = await denoQuicTransport().listen({ hostname: HERE, port: 0, ...leaf });
  const to = { hostname: HERE, port: listener.address.port };
  const client = await denoQuicTransport().connect({
    ...to,
    anchorPem: anchorPem(identity.publicKey),
  });
  const server = await listener.accept();
  assert.ok(server !== null);
  await endBoth(client, server);
  listener.close();
});

Deno.test("a name to listen on that nobody knows says so", async () => {
  const { certificatePem, keyPem } = await pems();
  const at = { hostname: "host.invalid", port: 0, certificatePem, keyPem };
  const error = await failure(denoQuicTransport().listen(at));
  assert.deepEqual(
    [error.code, error.message],
    ["io", 'Cannot listen on "host.invalid:0": the name is unknown'],
  );
});

Deno.test("an address that this machine does not have says so", async () => {
  const { certificatePem, keyPem } = await pems();
  const at = { hostname: "192.0.2.1", port: 0, certificatePem, keyPem };
  const error = await failure(denoQuicTransport().listen(at));
  assert.equal(error.code, "io");
  assert.match(error.message, /this machine does not have that address$/);
});

/** Passes datagrams between one client and a server, as many of the client's as it is told. */
class Relay {
  readonly stop = new AbortController();
  readonly exhausted: Promise<void>;
  readonly #front: Socket;
  readonly #back: Socket;

  static async to(
    port: number,
    options: { readonly forward?: number } = {},
  ): Promise<Relay> {
    const sockets = [createSocket("udp4"), createSocket("udp4")] as const;
    for (const socket of sockets) {
      await new Promise<void>((resolve) => socket.bind(0, HERE, () => resolve()));
    }
    return new Relay(sockets, port, options.forward ?? Infinity);
  }

  constructor(sockets: readonly [Socket, Socket], serverPort: number, forward: number) {
    [this.#front, this.#back] = sockets;
    let left = forward;
    let clientPort = 0;
    this.exhausted = new Promise((resolve) => {
      this.#front.on("message", (bytes, from) => {
        clientPort = from.port;
        if (left-- > 0) this.#back.send(bytes, serverPort, HERE);
        if (left <= 0) resolve();
      });
    });
    this.#back.on("message", (bytes) => {
      if (left > 0) this.#front.send(bytes, clientPort, HERE);
    });
  }

  get port(): number {
    return this.#front.address().port;
  }

  close(): void {
    this.stop.abort();
    this.#front.close();
    this.#back.close();
  }
}

async function pems() {
  const identity = await generateIdentity();
  const leaf = await issueLeaf(identity, { nowMs: Date.now() });
  return { ...leaf, anchor: anchorPem(identity.publicKey) };
}

async function serve(
  options: DenoQuicOptions = {},
): Promise<{ readonly listener: Listener; readonly anchor: string }> {
  const { certificatePem, keyPem, anchor } = await pems();
  const at = { hostname: HERE, port: 0, certificatePem, keyPem };
  return { listener: await denoQuicTransport(options).listen(at), anchor };
}

type End = Awaited<ReturnType<ReturnType<typeof denoQuicTransport>["connect"]>>;

async function sayHello(client: End, server: End) {
  const near = await client.openControl();
  await near.write(Uint8Array.of(1));
  const far = await server.acceptControl();
  assert.deepEqual(await far.read(new Uint8Array(1)), Uint8Array.of(1));
  return [near, far] as const;
}

async function endBoth(client: End, server: End): Promise<void> {
  client.close("none", "");
  await Promise.all([client.closed, server.closed]);
}

async function failure(promise: Promise<unknown>): Promise<SftpxError> {
  const thrown = await promise.then(() => assert.fail("it should have failed"), (thrown) => thrown);
  assert.ok(thrown instanceof SftpxError, `not an SftpxError: ${thrown}`);
  return thrown;
}

function moduleText(path: string): string {
  return JSON.stringify(new URL(path, import.meta.url).href);
}

/** Runs a module given on stdin; its stdout, once it ended well. */
async function runScript(source: string, flags: readonly string[]): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...flags, "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(source));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  assert.equal(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
