// Both ends of the handshake on a connection's control stream: hellos, then either authentication
// (first connection) or a join (further ones). Nothing of the client goes out before the transport
// has pinned the server; nothing of the server is granted before the signature holds.

import { equalBytes } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { EARLY_MANIFEST } from "../engine/early_manifest.ts";
import { signClientAuth, verifyClientAuth } from "../trust/client_auth.ts";
import type { Admitted } from "../trust/grant.ts";
import type { Identity } from "../trust/identity.ts";
import { joinMac, verifyJoin } from "../trust/join.ts";
import { encodeMessage } from "../wire/control.ts";
import type { Hello, Join, Message, Offer, Request, Welcome } from "../wire/messages.ts";
import { COMPRESSED_MESSAGES } from "./compressed_message.ts";
import type { ControlChannel } from "./control_channel.ts";
import { turnOfLoop } from "./patience.ts";

/** The protocol version both ends speak. */
export const PROTOCOL_VERSION = 1;
/** What this program can do beyond the base protocol. */
export const CAPABILITIES: readonly string[] = [EARLY_MANIFEST, COMPRESSED_MESSAGES];
/** Said by a client on a connection that is to join a session: the door's places go to others first. */
export const JOINS = "joins";
const SECRET_BYTES = 32;

/** A further connection's session, as the server keeps it. */
export interface OpenSession {
  readonly key: Uint8Array;
  /** It ended a moment ago: what joins it now was on its way. */
  readonly isOver?: boolean;
  /** Whether this connection number is new and within bounds; true reserves it. */
  reserve(connection: number): boolean;
}

/** What a server says of an authenticated client: the grant, or why not. */
export interface Admission {
  readonly session: number;
  readonly key: Uint8Array;
  readonly admitted: Admitted;
  /** Further ports that it may ask for; none where it is absent. */
  readonly ports?: number;
}

/** How a server's handshake ended. */
export type Handshaken =
  | {
    readonly kind: "session";
    readonly clientIdentity: Uint8Array;
    readonly ticket: Uint8Array | null;
    readonly admission: Admission;
  }
  | { readonly kind: "join"; readonly session: number; readonly connection: number }
  /** A join of a session that is over, refused in the same words as one that does not hold. */
  | { readonly kind: "late"; readonly refusal: SftpxError };

/** A message that opens a transfer. */
export type Opening = Offer | Request;

/**
 * Whether a transfer's first message is short enough to go out behind the proof, a round trip early: with
 * hello and proof it is all that a server takes of somebody it does not know yet.
 */
export function goesWithProof(opening: Opening): boolean {
  return encodeMessage(opening).byteLength <= LIMITS.openingBytes;
}

/** Client, first connection: proves its identity and gets a session. */
export async function clientHandshake(
  channel: ControlChannel,
  {
    identity,
    serverIdentity,
    ticket,
    agent,
    opening = null,
    manifest = null,
    onManifest,
    meanwhile,
    onProof,
    isLocal = false,
  }: {
    identity: Identity;
    serverIdentity: Uint8Array;
    ticket: Uint8Array | null;
    agent: string;
    /** What a transfer opens with, `goesWithProof`: the server reads it once it has let this client in. */
    opening?: Opening | null;
    /** What an offer has to announce at once, asked for where the server takes that; empty for nothing. */
    manifest?: (() => readonly Message[]) | null;
    /** Called once that was said. */
    onManifest?: () => void;
    /** Called once this end's hello has left, where a transfer opens with it. */
    meanwhile?: () => void;
    /** Called once the proof and what goes with it were said. */
    onProof?: () => void;
    /** Both ends are on one machine: bytes between them cost less than making them fewer. */
    isLocal?: boolean;
  },
): Promise<Welcome> {
  const hellos = exchangeHellos(channel, { agent, capabilities: CAPABILITIES });
  hellos.catch(() => {}); // Told below.
  const mayAnnounce = opening?.type === "offer" && manifest !== null;
  if (opening !== null) {
    await channel.flushed().catch(() => {}); // Told by whoever waits for the hello.
    await turnOfLoop();
    meanwhile?.();
  }
  if (mayAnnounce) {
    await turnOfLoop();
    // What is found by now is encoded while the server's hello is on its way.
    await channel.prepare(manifest(), { compresses: !isLocal });
  }
  const { sent, peer } = await hellos;
  if (!isLocal) await compressFor(peer, channel);
  const signature = await signClientAuth(identity, {
    serverIdentity,
    clientHello: sent,
    serverHello: channel.openingBytes,
  });
  channel.send({
    type: "auth",
    identity: identity.publicKey,
    signature,
    ...(ticket === null ? {} : { ticket }),
  });
  if (opening !== null) channel.send(opening);
  if (mayAnnounce && peer.capabilities.includes(EARLY_MANIFEST)) {
    const messages = manifest();
    for (const message of messages) channel.send(message);
    if (messages.length > 0) onManifest?.();
  }
  onProof?.();
  const welcome = await channel.expect("welcome");
  channel.lift();
  return welcome;
}

/** What both ends of a further connection said first, before it joins. */
export type Greeting = Awaited<ReturnType<typeof exchangeHellos>>;

/** Client, further connection: all that can be said before its session is there. */
export function clientGreeting(channel: ControlChannel, agent: string): Promise<Greeting> {
  return exchangeHellos(channel, { agent, capabilities: [...CAPABILITIES, JOINS] });
}

/** Client, further connection: joins its session. */
export async function clientJoin(
  channel: ControlChannel,
  { welcome, serverIdentity, connection, agent, greeting = null }: {
    welcome: Welcome;
    serverIdentity: Uint8Array;
    connection: number;
    agent: string;
    /** Where it was said before. */
    greeting?: Greeting | null;
  },
): Promise<void> {
  const { nonce, peer } = greeting ?? await clientGreeting(channel, agent);
  const mac = await joinMac({
    key: welcome.key,
    clientNonce: nonce,
    serverNonce: peer.nonce,
    serverIdentity,
    connection,
  });
  channel.send({ type: "join", session: welcome.session, connection, mac });
  const joined = await channel.expect("joined");
  if (joined.connection !== connection) {
    throw new SftpxError("protocol", "Cannot join: the server named another connection");
  }
  channel.lift();
}

/** Server: takes a client in, or throws the refusal that was sent to it. */
export async function serverHandshake(
  channel: ControlChannel,
  { identity, agent, admit, sessionOf, onHello, isLocal = false }: {
    identity: Identity;
    agent: string;
    /** Called with what the client said first. */
    onHello?: (hello: Hello) => void;
    /** As the client's. */
    isLocal?: boolean;
    /** Decides on a client whose signature holds; throws `refused` and the like. */
    admit: (client: Uint8Array, ticket: Uint8Array | null) => Admission | Promise<Admission>;
    sessionOf: (session: number) => OpenSession | null;
  },
): Promise<Handshaken> {
  const peer = await channel.expect("hello");
  checkVersion(peer);
  onHello?.(peer);
  const nonce = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
  const sent = channel.send(helloOf({ nonce, agent, capabilities: CAPABILITIES }));
  const answer = await channel.receive();
  if (answer?.type === "auth") {
    const holds = await verifyClientAuth({
      serverIdentity: identity.publicKey,
      clientIdentity: answer.identity,
      clientHello: channel.openingBytes,
      serverHello: sent,
    }, answer.signature);
    if (!holds) throw refused("the client's signature does not hold");
    const ticket = answer.ticket ?? null;
    const admission = await admit(answer.identity, ticket);
    const { ports = 0 } = admission;
    // Before the welcome: nothing is waited for between it and the session, which may be joined at once.
    if (!isLocal) await compressFor(peer, channel);
    channel.send({
      type: "welcome",
      session: admission.session,
      key: admission.key,
      read: admission.admitted.grant.read,
      write: admission.admitted.grant.write,
      maxConnections: LIMITS.connections,
      maxLanes: LIMITS.lanesPerConnection,
      ...(ports === 0 ? {} : { ports }),
    });
    channel.lift();
    return { kind: "session", clientIdentity: answer.identity, ticket, admission };
  }
  if (answer?.type === "join") {
    const { isLate } = await checkJoin(answer, {
      clientNonce: peer.nonce,
      serverNonce: nonce,
      serverIdentity: identity.publicKey,
      session: sessionOf(answer.session),
    });
    if (isLate) return { kind: "late", refusal: noJoin() };
    channel.send({ type: "joined", connection: answer.connection });
    channel.lift();
    return { kind: "join", session: answer.session, connection: answer.connection };
  }
  throw new SftpxError("protocol", "Cannot take the client in: it did not say who it is", {
    remote: true,
  });
}

async function exchangeHellos(
  channel: ControlChannel,
  said: Pick<Hello, "agent" | "capabilities">,
): Promise<{ nonce: Uint8Array; sent: Uint8Array<ArrayBuffer>; peer: Hello }> {
  const nonce = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
  const sent = channel.send(helloOf({ nonce, ...said }));
  const peer = await channel.expect("hello");
  checkVersion(peer);
  if (equalBytes(peer.nonce, nonce)) {
    throw new SftpxError("protocol", "Cannot go on: the peer repeats our nonce", { remote: true });
  }
  return { nonce, sent, peer };
}

async function compressFor(peer: Hello, channel: ControlChannel): Promise<void> {
  if (peer.capabilities.includes(COMPRESSED_MESSAGES)) await channel.compress();
}

/** Throws for a join that does not hold; one that does may be late for its session. */
async function checkJoin(
  join: Join,
  { clientNonce, serverNonce, serverIdentity, session }: {
    clientNonce: Uint8Array;
    serverNonce: Uint8Array;
    serverIdentity: Uint8Array;
    session: OpenSession | null;
  },
): Promise<{ readonly isLate: boolean }> {
  // An unknown session costs the same work as a known one and gets the same answer.
  const key = session?.key ?? crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
  const { connection, mac } = join;
  const parts = { key, clientNonce, serverNonce, serverIdentity, connection };
  const holds = await verifyJoin(parts, mac);
  if (holds && session?.isOver === true) return { isLate: true };
  if (!holds || session === null || !session.reserve(connection)) {
    throw noJoin();
  }
  return { isLate: false };
}

function helloOf(said: Pick<Hello, "nonce" | "agent" | "capabilities">): Hello {
  return { type: "hello", version: PROTOCOL_VERSION, ...said };
}

function checkVersion(peer: Hello): void {
  if (peer.version === PROTOCOL_VERSION) return;
  throw new SftpxError(
    "version",
    `Cannot go on: the peer speaks protocol ${peer.version}, this end ${PROTOCOL_VERSION}`,
    { remote: true },
  );
}

function noJoin(): SftpxError {
  return refused("the join does not hold");
}

function refused(found: string): SftpxError {
  return new SftpxError("refused", `Cannot take the client in: ${found}`);
}
