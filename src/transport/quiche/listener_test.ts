// The door of a quiche server over real sockets, as strangers find it: they say one thing and then
// nothing, nonsense, or the same again. What every stack does there is in tests/conformance/quic_test.

import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { overQuiche } from "../../../tests/quiche_addon.ts";
import {
  assertOneStreamBothWays,
  endBoth,
  HERE,
  issue,
  sayHello,
  shut,
} from "../../../tests/conformance/quic_peers.ts";
import { denoQuicTransport } from "../deno_quic.ts";
import type { Screen } from "../transport.ts";
import { loadQuiche, type NativeConnection, type Quiche } from "./binding.ts";
import { newId } from "./connection_ids.ts";
import { LEAST_INITIAL_BYTES, readLongHeader } from "./long_header.ts";
import { type QuicheOptions, quicheTransport } from "./quiche.ts";
import { clientConfig } from "./settings.ts";
import { REFUSALS } from "./stateless_packets.ts";

const loaded = await loadQuiche();
const SETTINGS = {
  idleMs: 60_000,
  packetBytes: 1350,
  congestion: "cubic",
  streamWindowBytes: 1 << 20,
  connectionWindowBytes: 10 << 20,
} as const;

function quiche(): Quiche {
  assert.ok(typeof loaded !== "string", `no addon: ${loaded}`);
  return loaded;
}

async function serve(options: QuicheOptions = {}, screen?: Screen) {
  const { anchorPem, ...leaf } = await issue();
  const transport = quicheTransport(quiche(), options);
  const at = { hostname: HERE, port: 0, ...leaf };
  const listener = await transport.listen(screen === undefined ? at : { ...at, screen });
  const to = { hostname: HERE, port: listener.address.port, anchorPem };
  return { listener, to, connect: () => quicheTransport(quiche()).connect(to) };
}

/** Says hello from a socket of its own, hears what is answered, and says no more. */
class Stranger implements Disposable {
  readonly hello: Uint8Array<ArrayBuffer>;
  /** Whole datagrams. */
  readonly heard: Uint8Array<ArrayBuffer>[] = [];
  readonly #native: NativeConnection;
  readonly #socket: Socket;
  readonly #port: number;
  #onHeard = () => {};

  static async at(to: { readonly port: number; readonly anchorPem: string }): Promise<Stranger> {
    const socket = createSocket("udp4");
    socket.bind(0, HERE);
    await once(socket, "listening");
    return new Stranger(socket, to);
  }

  private constructor(
    socket: Socket,
    { port, anchorPem }: { readonly port: number; readonly anchorPem: string },
  ) {
    const anchor = { anchorPem, protocol: "sftpx/1" };
    const config = clientConfig(quiche(), anchor, SETTINGS);
    const [own, server] = [{ host: HERE, port: 1 }, { host: HERE, port: 2 }];
    this.#native = quiche().Connection.connect("sftpx", newId(), own, server, config);
    const buffer = new Uint8Array(2000);
    this.hello = buffer.slice(0, this.#native.send(buffer)![0]);
    this.#socket = socket;
    this.#port = port;
    socket.on("message", (datagram) => {
      this.heard.push(new Uint8Array(datagram));
      this.#onHeard();
    });
  }

  say(datagram: Uint8Array = this.hello): void {
    this.#socket.send(datagram, this.#port, HERE);
  }

  /** Types of the packets that the datagrams heard so far begin with. */
  get types(): readonly (string | null | undefined)[] {
    return this.heard.map((datagram) => readLongHeader(datagram)?.type);
  }

  async hears(): Promise<void> {
    if (this.heard.length > 0) return;
    await new Promise<void>((resolve) => this.#onHeard = resolve);
  }

  /** The transport error it is closed with, once it is. */
  async closeCode(): Promise<number> {
    for (let taken = 0;;) {
      while (taken < this.heard.length) {
        const way = { from: { host: HERE, port: 2 }, to: { host: HERE, port: 1 } };
        this.#native.recv(this.heard[taken++]!.slice(), way);
      }
      const error = this.#native.peerError();
      if (error !== null) return error.errorCode;
      await new Promise<void>((resolve) => this.#onHeard = resolve);
    }
  }

  get heardBytes(): number {
    return this.heard.reduce((sum, { length }) => sum + length, 0);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

Deno.test(
  overQuiche("a stranger whose address is to be proved hears a Retry and nothing else"),
  async () => {
    const asked: string[] = [];
    const { listener, to } = await serve(
      { retryFromHalfOpen: 0 },
      (address) => asked.push(address) > 0,
    );
    using stranger = await Stranger.at(to);
    stranger.say();
    await stranger.hears();
    // Whatever else it were sent would have come before what a second hello is answered with.
    stranger.heard.length = 0;
    stranger.say();
    await stranger.hears();
    assert.deepEqual(stranger.types, ["retry"]);
    assert.deepEqual(asked, [], "an address that nobody proved was counted");
    await shut(listener);
  },
);

for (const client of ["quiche", "deno-quic"] as const) {
  Deno.test(overQuiche(`a client of ${client} proves its address and comes in`), async () => {
    const asked: string[] = [];
    const { listener, to } = await serve(
      { retryFromHalfOpen: 0 },
      (address) => asked.push(address) > 0,
    );
    const transport = client === "quiche" ? quicheTransport(quiche()) : denoQuicTransport();
    const [near, far] = await Promise.all([transport.connect(to), listener.accept()]);
    assert.ok(far !== null);
    await sayHello(near, far);
    assert.equal(asked.length, 1);
    await endBoth(near, far);
    await shut(listener);
  });
}

Deno.test(overQuiche("who repeats its first packet is one peer, not two"), async () => {
  const asked: string[] = [];
  const { listener, to } = await serve({}, (address) => asked.push(address) > 0);
  using stranger = await Stranger.at(to);
  for (let n = 0; n < 5; n++) stranger.say();
  await stranger.hears();
  // Packets of one sender come in order: behind them comes a real client.
  using next = await Stranger.at(to);
  next.say();
  await next.hears();
  assert.equal(asked.length, 2);
  await shut(listener);
});

Deno.test(
  overQuiche("of one address's half-open peers the oldest hears that it has to go"),
  async () => {
    const { listener, to } = await serve({ halfOpenPerAddress: 2 });
    const strangers = [];
    for (let n = 0; n < 3; n++) {
      const stranger = await Stranger.at(to);
      strangers.push(stranger);
      stranger.say();
      await stranger.hears();
    }
    assert.equal(await strangers[0]!.closeCode(), REFUSALS.busy);
    await shut(listener);
    for (const stranger of strangers) stranger[Symbol.dispose]();
  },
);

Deno.test(
  overQuiche("a peer that stalls in its handshake hears that its time is over"),
  async () => {
    const { listener, to } = await serve({ handshakeMs: 50 });
    using stranger = await Stranger.at(to);
    stranger.say();
    assert.equal(await stranger.closeCode(), REFUSALS.busy);
    await shut(listener);
  },
);

Deno.test(
  overQuiche("a stranger hears at most three times what it said, however long it waits"),
  async () => {
    const { listener, to } = await serve({ handshakeMs: 1_500 });
    using stranger = await Stranger.at(to);
    stranger.say();
    // Nobody answers the server, so that it repeats itself for as long as it may.
    await stranger.closeCode();
    assert.ok(stranger.heardBytes > LEAST_INITIAL_BYTES, "it said nothing");
    assert.ok(stranger.heardBytes <= 3 * stranger.hello.length, `${stranger.heardBytes} bytes`);
    await shut(listener);
  },
);

Deno.test(
  overQuiche("a listener that closes tells those in the middle of their handshakes"),
  async () => {
    const { listener, to } = await serve();
    using stranger = await Stranger.at(to);
    stranger.say();
    await stranger.hears();
    const gone = shut(listener);
    assert.equal(await stranger.closeCode(), REFUSALS.busy);
    await gone;
  },
);

Deno.test(
  overQuiche("another version is answered, and not where its question is short"),
  async () => {
    const { listener, to } = await serve();
    using stranger = await Stranger.at(to);
    const ask = (mark: number, length: number) => {
      const question = new Uint8Array(length);
      question.set([0xc0, 0x0a, 0x0a, 0x0a, 0x0a, 8, mark, 0, 0, 0, 0, 0, 0, 0, 1, mark]);
      stranger.say(question);
    };
    ask(1, LEAST_INITIAL_BYTES - 1);
    ask(2, LEAST_INITIAL_BYTES);
    await stranger.hears();
    const answers = stranger.heard.map((datagram) => readLongHeader(datagram));
    assert.deepEqual(answers.map((header) => header?.version), [0]);
    assert.deepEqual([...answers[0]!.destinationId], [2]);
    await shut(listener);
  },
);

Deno.test(
  overQuiche("nonsense of every kind harms nobody, and a client comes in behind it"),
  async () => {
    const { listener, to, connect } = await serve();
    using stranger = await Stranger.at(to);
    for (const datagram of nonsense(stranger.hello)) stranger.say(datagram);
    const [client, server] = await Promise.all([connect(), listener.accept()]);
    assert.ok(server !== null);
    await sayHello(client, server);
    await endBoth(client, server);
    await shut(listener);
  },
);

Deno.test(overQuiche("the peer cannot open a stream both ways of its own"), async () => {
  const { listener, to } = await serve({ idleMs: 500 });
  await assertOneStreamBothWays(listener, to);
  await shut(listener);
});

/** A hello cut, filled, with each byte of its head changed, and what is no hello at all. */
function* nonsense(hello: Uint8Array): Iterable<Uint8Array> {
  for (const length of [0, 1, 2, 6, 7, 20, 21, 50, 600, 1199]) {
    yield hello.slice(0, length);
    yield new Uint8Array(length).fill(0x40);
    yield new Uint8Array(length).fill(0xff);
  }
  for (let at = 0; at < 60; at++) {
    const changed = hello.slice();
    changed[at]! ^= 0xff;
    yield changed;
  }
}
