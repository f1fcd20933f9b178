import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { memoryTransport } from "../transport/memory.ts";
import type { Connection, HostPort, Listener, Transport } from "../transport/transport.ts";
import { generateIdentity } from "../trust/identity.ts";
import { reachingBy } from "./_fixture.ts";
import { ControlChannel } from "./control_channel.ts";
import { areForSeveral, EarlyConnections, earlyCount, type Greeted } from "./early_connections.ts";
import { CAPABILITIES } from "./handshake.ts";

const MIB = 1024 * 1024;

/** A server that says hello to whoever comes, and what it hears after that. */
class Scene implements AsyncDisposable {
  readonly early: EarlyConnections;
  readonly #network: ReturnType<typeof memoryTransport>;
  readonly #listener: Listener;
  readonly #greeted: Promise<Connection>[];
  readonly dialled: unknown[] = [];

  private constructor(
    { network, listener, count, identity }: {
      readonly network: ReturnType<typeof memoryTransport>;
      readonly listener: Listener;
      readonly count: number;
      readonly identity: Uint8Array;
    },
  ) {
    this.#network = network;
    this.#listener = listener;
    this.#greeted = Array.from({ length: count }, () => greet(listener));
    const transport = {
      ...network,
      name: "quic",
      connect: (options: Parameters<typeof network.connect>[0]) => {
        this.dialled.push(options.congestion);
        return network.connect(options);
      },
    };
    this.early = earlyBy(transport, { address: listener.address, identity, count });
  }

  static async open(count: number): Promise<Scene> {
    const network = memoryTransport();
    const at = { hostname: "127.0.0.1", port: 0, certificatePem: "", keyPem: "" };
    const listener = await network.listen(at);
    const { publicKey: identity } = await generateIdentity();
    return new Scene({ network, listener, count, identity });
  }

  /** The server's ends, once hellos went both ways. */
  get greeted(): Promise<readonly Connection[]> {
    return Promise.all(this.#greeted);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.early[Symbol.asyncDispose]();
    this.#listener.close();
    this.#network.cut();
  }
}

function earlyBy(
  transport: Pick<Transport, "name" | "connect">,
  { address, identity, count }: {
    readonly address: HostPort;
    readonly identity: Uint8Array;
    readonly count: number;
  },
): EarlyConnections {
  const remote = { addresses: [address], identity, ticket: null, path: "" };
  const first = { stack: "quic" } as Connection;
  const rttMs = 10 * LIMITS.shortPathMs;
  return new EarlyConnections(reachingBy(transport), { remote, first, rttMs, count });
}

async function greet(listener: Listener): Promise<Connection> {
  const peer = await listener.accept();
  assert.ok(peer !== null);
  const control = new ControlChannel(await peer.acceptControl());
  await control.expect("hello");
  control.send({
    type: "hello",
    version: 1,
    capabilities: CAPABILITIES,
    nonce: crypto.getRandomValues(new Uint8Array(32)),
    agent: "test",
  });
  await control.flushed();
  return peer;
}

Deno.test("connections are dialled early for what several of them carry faster, and nothing else", () => {
  assert.equal(areForSeveral(8 * MIB), true);
  assert.equal(areForSeveral(null), false, "the walk goes on");
  assert.equal(areForSeveral(100_000), false, "one carries it at once");
  assert.equal(areForSeveral(1024 * MIB), false, "there is time to find out");
  const free = { connections: 0 };
  for (const stack of ["deno-quic", "tls"]) assert.equal(earlyCount(free, stack), 3);
  assert.equal(earlyCount(free, "quiche"), 0, "it starts fast");
  assert.equal(earlyCount({ connections: 1 }, "tls"), 0, "the user said how many");
  assert.equal(earlyCount({ ...free, rateBytesPerSecond: 1e6 }, "tls"), 0, "there is a limit");
});

Deno.test("they are greeted before there is a session, and join once there is one", async () => {
  await using scene = await Scene.open(3);
  assert.equal((await scene.greeted).length, 3);
  assert.deepEqual([scene.early.left, scene.dialled], [3, ["bbr", "bbr", "bbr"]]);
  const joined: Greeted[] = [];
  const all = Promise.withResolvers<void>();
  scene.early.joinBy((greeted) => {
    if (joined.push(greeted) === 3) all.resolve();
    return Promise.resolve();
  });
  await all.promise;
  assert.equal(new Set(joined.map(({ connection }) => connection)).size, 3);
  for (const { greeting } of joined) assert.equal(greeting.peer.agent, "test");
  await scene.early[Symbol.asyncDispose]();
  assert.equal(scene.early.left, 0);
  // They are the session's by now.
  const ends = joined.map(({ connection }) => connection.closed.then(() => "closed"));
  assert.equal(await Promise.race([...ends, Promise.resolve("open")]), "open");
});

Deno.test("those that have nothing to join are closed without a word", async () => {
  await using scene = await Scene.open(2);
  const peers = await scene.greeted;
  await scene.early[Symbol.asyncDispose]();
  assert.equal(scene.early.left, 0);
  for (const { closed } of peers) {
    assert.deepEqual(await closed, { code: "none", reason: "", remote: true });
  }
});

Deno.test("one that cannot join is closed and done without", async () => {
  await using scene = await Scene.open(1);
  const [peer] = await scene.greeted;
  scene.early.joinBy(() => Promise.reject(new Error("no place")));
  assert.equal((await peer!.closed).remote, true);
  await scene.early[Symbol.asyncDispose]();
  assert.equal(scene.early.left, 0);
});

Deno.test("one that a crowded door turns away leaves its place to somebody else", async () => {
  let dialled = 0;
  const connect = () => {
    dialled++;
    return Promise.reject(new SftpxError("busy", "Cannot connect: it is crowded"));
  };
  const { publicKey: identity } = await generateIdentity();
  const address = { hostname: "192.0.2.1", port: 4443 };
  await using early = earlyBy({ name: "quic", connect }, { address, identity, count: 3 });
  await new Promise<void>((resolve) => early.onSettled = () => early.left === 0 && resolve());
  assert.equal(dialled, 3);
});
