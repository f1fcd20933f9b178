// Sessions over the race of QUIC and TLS, real sockets both: which one carries, what an attacker on one of
// them can do, and that a connection which lost its race leaves nothing behind.

import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { createServer, type Server as TcpServer } from "node:net";
import { learnIdentity } from "../../src/session/claim.ts";
import { list } from "../../src/session/list.ts";
import type { Remote, SessionEvent } from "../../src/session/options.ts";
import { denoQuicTransport } from "../../src/transport/deno_quic.ts";
import { type RaceTimes, raceTransport } from "../../src/transport/race.ts";
import { tlsTransport } from "../../src/transport/tls/tls.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { makeFile, noise } from "../e2e/trees.ts";
import { atOnePort } from "../one_port.ts";
import { assertDone, Place, type RunningServer } from "./place.ts";

/** This process has read its roots long ago; the e2e suite sees to them. */
const QUIC: Transport = { ...denoQuicTransport(), addsToRuntimeRoots: false };
const TLS: Transport = { ...tlsTransport(), addsToRuntimeRoots: false };

const NEVER_MS = 1_000_000;
/** Any path is long, and whoever is waited for comes. */
const LONG = {
  shortPathMs: 0,
  stallMs: NEVER_MS,
  silenceMs: NEVER_MS,
  mostSilenceMs: NEVER_MS,
  aloneMs: NEVER_MS,
};
/** Any path is long, and nobody is waited for. */
const IMPATIENT = { ...LONG, silenceMs: 1, mostSilenceMs: 1 };
/** Any path is short. */
const SHORT = { ...LONG, shortPathMs: NEVER_MS };

function race(times: RaceTimes): Transport {
  return raceTransport({ quic: QUIC, tcp: TLS }, times);
}

async function names(
  place: Place,
  { transport, remote }: { readonly transport: Transport; readonly remote: Remote },
): Promise<{ readonly found: readonly string[]; readonly told: readonly SessionEvent[] }> {
  const found: string[] = [];
  const told: SessionEvent[] = [];
  await list({
    ...place.session({ transport, timeoutMs: 30_000, onEvent: (event) => void told.push(event) }),
    remote,
    recursive: true,
    filters: [],
    onEntry: ({ path }) => void found.push(path),
    onOmission: ({ message }) => assert.fail(message),
  });
  return { found, told };
}

/** What carried each connection. */
function carriers(told: readonly SessionEvent[]): readonly string[] {
  return told.flatMap((event) => event.kind === "connected" ? [event.transport] : []);
}

function notices(told: readonly SessionEvent[]): readonly string[] {
  return told.flatMap((event) => event.kind === "notice" ? [event.message] : []);
}

/** Stops it, so that all it had to tell is told; whom it turned away. */
async function refusals(server: RunningServer): Promise<readonly string[]> {
  await server.stop();
  return server.events.items.flatMap((event) =>
    event.kind === "peer_refused" ? [`${event.code}: ${event.message}`] : []
  );
}

for (
  const [path, times, carrier] of [
    ["a long", LONG, "deno-quic"],
    ["a short", SHORT, "tls"],
  ] as const
) {
  Deno.test(`on ${path} path ${carrier} carries all of a session, and its rival leaves no trace`, async () => {
    await using place = await Place.open();
    await makeFile(place.path("f"), noise(1 << 20));
    const server = await place.serve({ transport: race(LONG) });
    const transport = race(times);
    const sent = place.push(["f"], server.remote(), { transport, connections: 4, lanes: 8 });
    const summary = await sent.summary;
    assertDone(summary);
    assert.equal(summary.transport, carrier);
    assert.deepEqual(server.summaries.map(({ transport }) => transport), [carrier]);
    assert.deepEqual(new Set(carriers(sent.events.items)), new Set([carrier]));
    assert.deepEqual(notices(sent.events.items), []);
    assert.deepEqual(await refusals(server), []);
  });
}

Deno.test("further connections do not race: a server has one more than the session, and one for each", async () => {
  await using place = await Place.open();
  await makeFile(place.path("root/f"), "f");
  const server = await place.serve({ transport: race(LONG) });
  const dialled = { quic: 0, tls: 0 };
  const counted = (stack: Transport, name: keyof typeof dialled): Transport => ({
    ...stack,
    connect: (options) => {
      dialled[name]++;
      return stack.connect(options);
    },
  });
  const transport = raceTransport({ quic: counted(QUIC, "quic"), tcp: counted(TLS, "tls") }, LONG);
  const options = { transport, connections: 4, lanes: 8, timeoutMs: 30_000 };
  const got = place.pull([server.remote("f")], "copy", options);
  assertDone(await got.summary);
  assert.deepEqual(dialled, { quic: 4, tls: 1 });
});

Deno.test("a first contact races as well, and what it learned is what a session is pinned to", async () => {
  await using place = await Place.open();
  await makeFile(place.path("root/f"), "f");
  for (const times of [LONG, SHORT]) {
    const transport = race(times);
    const server = await place.serve({ transport });
    const remote = server.remote();
    const { addresses } = remote;
    const identity = await learnIdentity({ ...place.session({ transport }), addresses });
    assert.deepEqual(identity, remote.identity);
    const { found } = await names(place, { transport, remote: { ...remote, identity } });
    assert.deepEqual(found, ["f"]);
    assert.deepEqual(await refusals(server), []);
  }
});

Deno.test("where UDP is silent TLS carries, with one line, and first contacts too", async () => {
  await using place = await Place.open();
  await makeFile(place.path("root/f"), "f");
  const server = await place.serve({ transport: TLS });
  const transport = race(IMPATIENT);
  const { addresses } = server.remote();
  const identity = await learnIdentity({ ...place.session({ transport }), addresses });
  const { found, told } = await names(place, {
    transport,
    remote: { ...server.remote(), identity },
  });
  assert.deepEqual(found, ["f"]);
  assert.deepEqual(carriers(told), ["tls"]);
  assert.equal(notices(told).length, 1);
  assert.match(notices(told)[0]!, /^UDP to "127\.0\.0\.1:\d+" is not answered.*TLS on TCP/);
});

Deno.test("where TCP is refused QUIC carries, and nobody needs a line", async () => {
  await using place = await Place.open();
  await makeFile(place.path("root/f"), "f");
  const server = await place.serve({ transport: QUIC });
  const { found, told } = await names(place, { transport: race(SHORT), remote: server.remote() });
  assert.deepEqual(found, ["f"]);
  assert.deepEqual([carriers(told), notices(told)], [["deno-quic"], []]);
});

const stop = (server: RunningServer) => server.stop();

/** Something else that has a server's UDP port. */
class UdpStranger implements AsyncDisposable {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async open(
    port: number,
    answer: (packet: Uint8Array) => readonly Uint8Array[],
  ): Promise<UdpStranger> {
    const socket = createSocket("udp4");
    socket.on("message", (packet, from) => {
      for (const reply of answer(packet)) socket.send(reply, from.port, from.address, () => {});
    });
    const listening = once(socket, "listening");
    socket.bind(port, "127.0.0.1");
    try {
      await listening;
    } catch (error) {
      socket.close();
      throw error;
    }
    return new UdpStranger(socket);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#socket, "close");
    this.#socket.close();
    await closed;
  }
}

/** Says that it knows no version of QUIC but one that nobody has (RFC 9000, section 17.2.1). */
function versionNegotiation(packet: Uint8Array): readonly Uint8Array[] {
  if (packet.length < 7 || (packet[0]! & 0x80) === 0) return [];
  const toLength = packet[5]!;
  const to = packet.subarray(6, 6 + toLength);
  const fromLength = packet[6 + toLength] ?? 0;
  const from = packet.subarray(7 + toLength, 7 + toLength + fromLength);
  return [
    Uint8Array.of(0x80, 0, 0, 0, 0, fromLength, ...from, toLength, ...to, 0x1a, 0x2a, 0x3a, 0x4a),
  ];
}

for (
  const [what, answer] of [
    ["answers with garbage", (packet: Uint8Array) => [noise(packet.length), noise(3), packet]],
    ["knows no version", versionNegotiation],
    ["takes all and says nothing", () => []],
  ] as const
) {
  Deno.test(`an attacker at UDP who ${what} costs speed, and wins no trust`, async () => {
    await using place = await Place.open();
    await makeFile(place.path("root/f"), "f");
    const [server, attacker] = await atOnePort(() => place.serve({ transport: TLS }), {
      second: ({ handle }) => UdpStranger.open(handle.address.port, answer),
      leave: stop,
    });
    await using _attacker = attacker;
    const transport = race(IMPATIENT);
    const { found, told } = await names(place, { transport, remote: server.remote() });
    assert.deepEqual(found, ["f"]);
    assert.deepEqual(carriers(told), ["tls"]);
    assert.equal(notices(told).length, 1);
  });
}

/** Another program at a server's TCP port. */
async function tcpStranger(port: number, hello: string | null): Promise<TcpServer> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    if (hello !== null) socket.end(hello);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

for (
  const [what, hello] of [
    ["speaks another protocol", "HTTP/1.1 400 Bad Request\r\n\r\n"],
    ["hangs up", ""],
    ["says nothing", null],
  ] as const
) {
  Deno.test(`another program at TCP's port that ${what} leaves QUIC to carry`, async () => {
    await using place = await Place.open();
    await makeFile(place.path("root/f"), "f");
    const [server, stranger] = await atOnePort(() => place.serve({ transport: QUIC }), {
      second: ({ handle }) => tcpStranger(handle.address.port, hello),
      leave: stop,
    });
    try {
      const transport = race({ ...SHORT, mostSilenceMs: 1 });
      const { found, told } = await names(place, { transport, remote: server.remote() });
      assert.deepEqual(found, ["f"]);
      assert.deepEqual(carriers(told), ["deno-quic"]);
    } finally {
      stranger.close();
    }
  });
}

Deno.test("a server that is another one on one of them is told, and hears nothing; the right one carries", async () => {
  await using place = await Place.open();
  await makeFile(place.path("root/f"), "f");
  const serveUdp = () => place.serve({ transport: QUIC, identityPath: place.path("a/identity") });
  const [overUdp, overTcp] = await atOnePort(serveUdp, {
    second: ({ handle }) =>
      place.serve({
        transport: TLS,
        listen: { hostname: "127.0.0.1", port: handle.address.port },
        root: place.path("other"),
        identityPath: place.path("b/identity"),
      }),
    leave: stop,
  });
  const ask = (server: RunningServer, times: RaceTimes) =>
    names(place, { transport: race(times), remote: server.remote() });
  const peers = (server: RunningServer) =>
    server.events.items.filter(({ kind }) => kind === "peer").length;
  const patient = { ...LONG, mostSilenceMs: NEVER_MS };
  const overTls = await ask(overTcp, patient);
  assert.deepEqual(carriers(overTls.told), ["tls"]);
  assert.match(
    notices(overTls.told).join(),
    /^What answers over QUIC at .* does not prove the pinned/,
  );
  assert.deepEqual([peers(overTcp), peers(overUdp)], [1, 0]);
  const overQuic = await ask(overUdp, SHORT);
  assert.deepEqual(carriers(overQuic.told), ["deno-quic"]);
  assert.match(
    notices(overQuic.told).join(),
    /^What answers over TCP at .* does not prove the pinned/,
  );
  assert.deepEqual([peers(overTcp), peers(overUdp)], [1, 1]);
});

Deno.test("where neither proves the pinned identity nobody carries, and nobody hears who came", async () => {
  await using place = await Place.open();
  const other = await place.serve({
    transport: race(LONG),
    identityPath: place.path("a/identity"),
  });
  const { identity } = (await place.serve({ identityPath: place.path("b/identity") })).remote();
  for (const times of [LONG, SHORT]) {
    const asked = names(place, {
      transport: race(times),
      remote: { ...other.remote(), identity },
    });
    await assert.rejects(asked, { code: "identity_mismatch", exit: 11 });
  }
  assert.deepEqual(other.events.items.filter(({ kind }) => kind === "peer"), []);
});

Deno.test("a server whose TCP port is taken says so, and serves over QUIC", async () => {
  await using place = await Place.open();
  await makeFile(place.path("root/f"), "f");
  const [stranger, server] = await atOnePort(() => tcpStranger(0, null), {
    second: (stranger) => {
      const { port } = stranger.address() as { port: number };
      return place.serve({ transport: race(LONG), listen: { hostname: "127.0.0.1", port } });
    },
    leave: (stranger) => stranger.close(),
  });
  try {
    const told = server.events.items.flatMap((event) =>
      event.kind === "notice" ? [event.message] : []
    );
    assert.equal(told.length, 1);
    assert.match(told[0]!, /TCP port \d+ is taken.*over QUIC only$/);
    const transport = race({ ...SHORT, mostSilenceMs: 1 });
    const { found } = await names(place, { transport, remote: server.remote() });
    assert.deepEqual(found, ["f"]);
  } finally {
    stranger.close();
  }
});
