import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { memoryTransport } from "../transport/memory.ts";
import type { Congestion, Connection, Listener, Transport } from "../transport/transport.ts";
import { generateIdentity, type Identity } from "../trust/identity.ts";
import type { Welcome } from "../wire/messages.ts";
import { reachingBy } from "./_fixture.ts";
import { ControlChannel } from "./control_channel.ts";
import { serverHandshake } from "./handshake.ts";
import { EarlyConnections } from "./early_connections.ts";
import type { Hub } from "./hub.ts";
import { Joining } from "./joining.ts";
import type { SessionEvent } from "./options.ts";

interface Choice {
  readonly connections?: number;
  readonly congestion?: Congestion;
  readonly welcome?: Partial<Welcome>;
  /** What the first connection goes over. */
  readonly first?: string;
  readonly stacks?: readonly string[];
  /** A further port: closed, or one whose connections end once they join, before anybody hears of it. */
  readonly further?: "closed" | "lossy";
  /** So many were dialled before there was a session. */
  readonly early?: number;
}

/** A server that takes joins in, and the client's half of a session with it. */
class Scene implements AsyncDisposable {
  readonly told: SessionEvent[] = [];
  /** Those of the session, by what carries each; the first one is there. */
  readonly members: { readonly stack: string; readonly number: number }[];
  /** What each stack was asked for. */
  readonly dialled: { readonly stack: string; readonly congestion: string | undefined }[] = [];
  readonly joining: Joining;
  /** Nobody gets an answer any more. */
  isDown = false;
  /** So many more find the server's door crowded. */
  turnedAway = 0;
  readonly #network = memoryTransport();
  readonly #ends: Connection[] = [];
  readonly #close: () => void;

  private constructor(
    choice: Choice,
    { identity, at, close, network }: {
      readonly identity: Uint8Array;
      readonly at: { readonly hostname: string; readonly port: number };
      readonly close: () => void;
      readonly network: ReturnType<typeof memoryTransport>;
    },
  ) {
    this.#network = network;
    this.#close = close;
    const { first = "quic", stacks = ["quic", "tls"], connections = 0, congestion = "auto" } =
      choice;
    this.members = [{ stack: first, number: 0 }];
    const members = this.members;
    const hub = {
      rttMs: 10 * LIMITS.shortPathMs,
      get connections() {
        return members.map(({ stack }) => ({ stack, remoteAddress: `${FURTHER.hostname}:1` }));
      },
      askPorts: () => Promise.resolve([FURTHER.port]),
      addConnection: (connection: Connection, { number }: { readonly number: number }) => {
        this.#ends.push(connection);
        members.push({ stack: this.dialled[this.#ends.length - 1]!.stack, number });
      },
    };
    const transport = { ...network, name: "auto", stacks: stacks.map((name) => this.#stack(name)) };
    const onEvent = (event: SessionEvent) => void this.told.push(event);
    const options = reachingBy(transport, { connections, congestion, onEvent });
    const welcome = { ...WELCOME, ...choice.welcome };
    const remote = { addresses: [at], identity, ticket: null, path: "" };
    const count = choice.early ?? 0;
    const from = { stack: first } as Connection;
    const early = count === 0
      ? null
      : new EarlyConnections(options, { remote, first: from, rttMs: hub.rttMs, count });
    this.joining = new Joining(options, { welcome, hub: hub as unknown as Hub, remote, early });
  }

  static async open(choice: Choice = {}): Promise<Scene> {
    const identity = await generateIdentity();
    const network = memoryTransport();
    const at = { hostname: "127.0.0.1", port: 0, certificatePem: "", keyPem: "" };
    const listener = await network.listen(at);
    const taken = new Set<number>();
    takeIn(listener, { identity, taken });
    const further = choice.further === "lossy" ? await network.listen({ ...at, ...FURTHER }) : null;
    if (further !== null) {
      takeIn(further, { identity, taken, onJoin: (peer) => peer.close("none", "") });
    }
    const close = () => {
      listener.close();
      further?.close();
    };
    return new Scene(choice, {
      identity: identity.publicKey,
      at: listener.address,
      close,
      network,
    });
  }

  get stacks(): readonly string[] {
    return this.members.map(({ stack }) => stack);
  }

  notices(): readonly string[] {
    return this.told.flatMap((event) => event.kind === "notice" ? [event.message] : []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.joining.abort();
    await this.joining.settled;
    this.#close();
    this.#network.cut();
  }

  #stack(name: string): Transport {
    return {
      ...this.#network,
      name,
      connect: (options) => {
        this.dialled.push({ stack: name, congestion: options.congestion });
        if (this.isDown) throw new SftpxError("refused", 'Cannot connect to "h:1": it is down');
        if (this.turnedAway-- > 0) throw new SftpxError("busy", "Cannot connect: it is crowded");
        return this.#network.connect(options);
      },
    };
  }
}

/** A server's door for joins, each of a number that nobody took before. */
async function takeIn(
  listener: Listener,
  { identity, taken, onJoin }: {
    readonly identity: Identity;
    readonly taken: Set<number>;
    readonly onJoin?: (peer: Connection) => void;
  },
): Promise<void> {
  for (let peer = await listener.accept(); peer !== null; peer = await listener.accept()) {
    const joining = peer;
    const reserve = (number: number) => {
      onJoin?.(joining);
      const isFree = !taken.has(number);
      taken.add(number);
      return isFree;
    };
    const control = await peer.acceptControl().catch(() => null);
    if (control === null) continue;
    await serverHandshake(new ControlChannel(control), {
      identity,
      agent: "test",
      admit: () => assert.fail("it joins"),
      sessionOf: () => ({ key: WELCOME.key, reserve }),
    }).catch(() => joining.close("refused", ""));
  }
}

/** Where the server's further port is. */
const FURTHER = { hostname: "192.0.2.1", port: 4444 };

const WELCOME: Welcome = {
  type: "welcome",
  session: 7,
  key: new Uint8Array(32).fill(5),
  read: true,
  write: true,
  maxConnections: 16,
  maxLanes: 16,
};

Deno.test("as many are opened at once as the user says, over the stack of the first one", async () => {
  for (const first of ["quic", "tls"]) {
    await using scene = await Scene.open({ connections: 4, first });
    await scene.joining.begin();
    assert.deepEqual(scene.stacks, [first, first, first, first]);
    assert.deepEqual(scene.members.map(({ number }) => number).sort(), [0, 1, 2, 3]);
    const told = scene.told.flatMap((event) => event.kind === "connected" ? event.connection : []);
    assert.deepEqual(told.sort(), [1, 2, 3]);
  }
});

Deno.test("where nothing is said, nothing is opened before it is asked for", async () => {
  await using scene = await Scene.open();
  await scene.joining.begin();
  assert.deepEqual(scene.dialled, []);
});

Deno.test("what is missing of each way is opened, and what is on its way is not asked for again", async () => {
  await using scene = await Scene.open();
  assert.equal(scene.joining.hasOther, true);
  scene.joining.widen({ quic: 3, tcp: 1 });
  scene.joining.widen({ quic: 3, tcp: 1 });
  await scene.joining.settled;
  assert.deepEqual(scene.stacks.toSorted(), ["quic", "quic", "quic", "tls"]);
  scene.joining.widen({ quic: 3, tcp: 1 });
  scene.joining.widen({ quic: 1, tcp: 0 });
  assert.equal(scene.dialled.length, 3);
  // On a long path QUIC is to bear loss; TCP's control is the system's.
  const controls = new Set(scene.dialled.map(({ stack, congestion }) => `${stack} ${congestion}`));
  assert.deepEqual([...controls].sort(), ["quic bbr", "tls auto"]);
});

Deno.test("there are never more than server and limits allow", async () => {
  await using scene = await Scene.open({ connections: 9, welcome: { maxConnections: 3 } });
  assert.deepEqual([scene.joining.connections, scene.joining.mostConnections], [3, 3]);
  await scene.joining.begin();
  scene.joining.widen({ quic: 99, tcp: 99 });
  await scene.joining.settled;
  assert.equal(scene.dialled.length, 2);
  await using wide = await Scene.open({ welcome: { maxConnections: 10_000 } });
  assert.equal(wide.joining.mostConnections, LIMITS.connections);
});

Deno.test("one that fails is done without, and told only where the user asked for it", async () => {
  for (const connections of [0, 2]) {
    await using scene = await Scene.open({ connections });
    scene.isDown = true;
    await scene.joining.begin();
    scene.joining.widen({ quic: 2, tcp: 0 });
    await scene.joining.settled;
    assert.deepEqual(scene.stacks, ["quic"]);
    const told = scene.notices();
    assert.equal(told.length > 0, connections > 0, told.join());
    for (const text of told) assert.match(text, /^a further connection failed: .*it is down$/);
  }
});

Deno.test("one that the user asked for waits at a crowded door", async () => {
  await using scene = await Scene.open({ connections: 2 });
  scene.turnedAway = 1;
  await scene.joining.begin();
  assert.deepEqual([scene.dialled.length, scene.notices()], [2, []]);
  assert.equal(scene.joining.connections, 2);
});

Deno.test("one that is lost once it joined over a further port tries the first one by another number", async () => {
  await using scene = await Scene.open({
    further: "lossy",
    connections: 2,
    welcome: { ports: 1 },
  });
  await scene.joining.begin();
  assert.deepEqual(scene.members.map(({ number }) => number), [0, 2]);
  assert.deepEqual([scene.dialled.length, scene.notices()], [2, []]);
});

Deno.test("one that never came to join by a further port keeps its number", async () => {
  await using scene = await Scene.open({
    further: "closed",
    connections: 2,
    welcome: { ports: 1 },
  });
  await scene.joining.begin();
  assert.deepEqual(scene.members.map(({ number }) => number), [0, 1]);
  assert.deepEqual([scene.dialled.length, scene.notices()], [2, []]);
});

Deno.test("one that the server does not take in is closed, and no member", async () => {
  await using scene = await Scene.open({ connections: 2, welcome: { key: new Uint8Array(32) } });
  await scene.joining.begin();
  assert.deepEqual(scene.stacks, ["quic"]);
  assert.equal(scene.notices().length, 1);
});

Deno.test("where one stack is all there is, there is no other way, and none is tried", async () => {
  await using scene = await Scene.open({ stacks: ["quic"] });
  assert.equal(scene.joining.hasOther, false);
  scene.joining.widen({ quic: 1, tcp: 2 });
  await scene.joining.settled;
  assert.deepEqual(scene.dialled, []);
});

Deno.test("once a session closes nothing more is opened", async () => {
  await using scene = await Scene.open();
  scene.joining.abort();
  scene.joining.widen({ quic: 4, tcp: 4 });
  await scene.joining.settled;
  assert.deepEqual(scene.dialled, []);
});

Deno.test("once a session closes none of those that were dialled early joins", async () => {
  await using scene = await Scene.open({ early: 2 });
  const over = Promise.withResolvers<void>();
  scene.joining.onChange = () => scene.joining.earlyLeft === 0 && over.resolve();
  scene.joining.abort();
  scene.joining.joinEarly();
  await over.promise;
  assert.deepEqual(scene.stacks, ["quic"]);
});

Deno.test("those that were dialled early join by numbers of their own, and are not asked for again", async () => {
  await using scene = await Scene.open({ early: 3 });
  const sizes: number[] = [];
  const all = Promise.withResolvers<void>();
  const left: number[] = [];
  scene.joining.onChange = () => {
    left.push(scene.joining.earlyLeft);
    if (sizes.push(scene.members.length) === 3) all.resolve();
  };
  assert.equal(scene.joining.earlyLeft, 3);
  // Nobody waits for them: lanes begin on the first one.
  await scene.joining.begin();
  scene.joining.joinEarly();
  scene.joining.widen({ quic: 4, tcp: 0 });
  await all.promise;
  assert.deepEqual(sizes, [2, 3, 4]);
  // Whoever is told finds each of them once: there, or on its way.
  assert.deepEqual(left, [2, 1, 0]);
  assert.deepEqual(scene.members.map(({ number }) => number), [0, 1, 2, 3]);
  assert.equal(scene.dialled.length, 3);
  const told = scene.told.flatMap((event) => event.kind === "connected" ? event.connection : []);
  assert.deepEqual(told.toSorted(), [1, 2, 3]);
});

Deno.test("no more of those that were dialled early join than the server allows", async () => {
  await using scene = await Scene.open({ early: 3, welcome: { maxConnections: 2 } });
  await scene.joining.begin();
  scene.joining.joinEarly();
  while (scene.joining.earlyLeft > 0) await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(scene.members.map(({ number }) => number), [0, 1]);
});

Deno.test("whoever waits for those that were dialled early is told that one will not come", async () => {
  await using scene = await Scene.open({ early: 2, welcome: { key: new Uint8Array(32) } });
  const left: number[] = [];
  const all = Promise.withResolvers<void>();
  scene.joining.onChange = () => {
    if (left.push(scene.joining.earlyLeft) === 2) all.resolve();
  };
  await scene.joining.begin();
  scene.joining.joinEarly();
  await all.promise;
  assert.deepEqual([left, scene.stacks], [[1, 0], ["quic"]]);
});

Deno.test("those that were dialled early do not join where nothing is to be moved", async () => {
  await using scene = await Scene.open({ early: 2 });
  await scene.joining.begin();
  scene.joining.widen({ quic: 3, tcp: 0 });
  await scene.joining.settled;
  assert.deepEqual([scene.joining.earlyLeft, scene.stacks], [2, ["quic"]]);
  await scene.joining[Symbol.asyncDispose]();
  assert.deepEqual([scene.joining.earlyLeft, scene.stacks], [0, ["quic"]]);
});

Deno.test("those that were dialled early end with the session", async () => {
  await using scene = await Scene.open({ early: 2 });
  await scene.joining[Symbol.asyncDispose]();
  assert.equal(scene.joining.earlyLeft, 0);
  assert.deepEqual(scene.stacks, ["quic"]);
});
