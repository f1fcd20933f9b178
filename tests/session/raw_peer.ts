// Peers that keep to no rule: a client and a server that pass the handshake with real identities and
// then say whatever a test wants, byte for byte.

import assert from "node:assert/strict";
import { offerOf as anOffer } from "../../src/session/_fixture.ts";
import { ControlChannel } from "../../src/session/control_channel.ts";
import { clientHandshake, serverHandshake } from "../../src/session/handshake.ts";
import type { Remote } from "../../src/session/options.ts";
import type { Connection, ControlStream, Transport } from "../../src/transport/transport.ts";
import { anchorPem } from "../../src/trust/certificate.ts";
import { generateIdentity, type Identity } from "../../src/trust/identity.ts";
import { encodeMessage } from "../../src/wire/control.ts";
import type { Message, Offer, Request, Welcome } from "../../src/wire/messages.ts";

const ANSWERS: ReadonlySet<string> = new Set(["offer", "accept", "listing"]);

/** An authenticated session of one connection, seen from one end. */
export class RawPeer {
  readonly connection: Connection;
  readonly channel: ControlChannel;
  readonly stream: ControlStream;
  readonly identity: Identity;
  /** The other end's identity. */
  readonly peer: Uint8Array;

  constructor(
    { connection, channel, stream, identity, peer }: {
      connection: Connection;
      channel: ControlChannel;
      stream: ControlStream;
      identity: Identity;
      peer: Uint8Array;
    },
  ) {
    this.connection = connection;
    this.channel = channel;
    this.stream = stream;
    this.identity = identity;
    this.peer = peer;
  }

  send(message: Message): void {
    this.channel.send(message);
  }

  /** Sends a valid message with some of its text replaced by as many other characters. */
  async sendSpoiled(message: Message, from: string, to: string): Promise<void> {
    assert.equal(from.length, to.length);
    const text = new TextDecoder("latin1").decode(encodeMessage(message));
    assert.ok(text.includes(from));
    const spoiled = text.replace(from, to);
    await this.stream.write(Uint8Array.from(spoiled, (character) => character.charCodeAt(0)));
  }

  /**
   * Takes messages until one of this type comes; what comes before is passed over, pings answered. Fails
   * where the peer gives up instead: only its farewell comes behind that.
   */
  async take<T extends Message["type"]>(type: T): Promise<Extract<Message, { type: T }>> {
    for (;;) {
      const message = await this.channel.receive();
      assert.ok(message !== null, `the peer left before its "${type}"`);
      if (message.type === type) return message as Extract<Message, { type: T }>;
      if (message.type === "abort" && type !== "bye") {
        assert.fail(`the peer gave up before its "${type}": ${message.code}, ${message.message}`);
      }
      if (message.type === "ping") this.send({ type: "pong", token: message.token });
    }
  }

  /** What the other end makes of what it was asked for: the code of its refusal, or what it sends. */
  async answer(): Promise<string> {
    for (;;) {
      const message = await this.channel.receive();
      if (message === null) return "it left";
      if (message.type === "abort") return message.code;
      if (ANSWERS.has(message.type)) return message.type;
    }
  }
}

/** Connects as a client and passes the handshake. */
export async function rawClient(
  transport: Transport,
  remote: Remote,
  identity?: Identity,
): Promise<RawPeer & { readonly welcome: Welcome }> {
  const own = identity ?? await generateIdentity();
  const connection = await transport.connect({
    ...remote.addresses[0]!,
    anchorPem: anchorPem(remote.identity),
  });
  const stream = await connection.openControl();
  const channel = new ControlChannel(stream);
  const welcome = await clientHandshake(channel, {
    identity: own,
    serverIdentity: remote.identity,
    ticket: remote.ticket,
    agent: "raw",
  });
  const parts = { connection, channel, stream, identity: own, peer: remote.identity };
  return Object.assign(new RawPeer(parts), { welcome });
}

/** Listens as a server, and does `serve` with the first client that passes the handshake. */
export async function rawServer(
  transport: Transport,
  serve: (peer: RawPeer) => Promise<void>,
): Promise<{ readonly remote: Remote; readonly served: Promise<void> }> {
  const identity = await generateIdentity();
  const at = { hostname: "127.0.0.1", port: 0, certificatePem: "", keyPem: "" };
  const listener = await transport.listen(at);
  const remote = {
    addresses: [listener.address],
    identity: identity.publicKey,
    ticket: null,
    path: "",
  };
  const served = (async () => {
    const connection = await listener.accept();
    assert.ok(connection !== null);
    listener.close();
    const stream = await connection.acceptControl();
    const channel = new ControlChannel(stream);
    const handshaken = await serverHandshake(channel, {
      identity,
      agent: "raw",
      admit: () => ({
        session: 1,
        key: new Uint8Array(32),
        admitted: { grant: { read: true, write: true, writeOnce: false, root: "" }, by: "ticket" },
      }),
      sessionOf: () => null,
    });
    assert.ok(handshaken.kind === "session");
    const peer = handshaken.clientIdentity;
    await serve(new RawPeer({ connection, channel, stream, identity, peer }));
    await connection.closed;
  })();
  served.catch(() => {}); // Told where it is awaited.
  return { remote, served };
}

/** An offer of one file. */
export function offerOf(more: Partial<Offer> = {}): Offer {
  return { ...anOffer(1), ...more };
}

/** A request of one path. */
export function requestOf(path: string, more: Partial<Request> = {}): Request {
  return {
    type: "request",
    transfer: 1,
    sources: [{ path }],
    chunkBytes: 65_536,
    compress: "none",
    lanes: 1,
    filters: [],
    dryRun: false,
    ...more,
  };
}
