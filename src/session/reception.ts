// Where connections come in: each proves within its time whose it is, opens a session or joins one, or
// is shown out. A stranger learns why, and nothing of what goes wrong in here.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Connection } from "../transport/transport.ts";
import { type Identity, identityName } from "../trust/identity.ts";
import type { Caller } from "./admissions.ts";
import { AGENT } from "./agent.ts";
import { ArrivalRates } from "./arrival_rates.ts";
import { claimIdentity } from "./claim.ts";
import { ControlChannel } from "./control_channel.ts";
import { type Admission, JOINS, type OpenSession, serverHandshake } from "./handshake.ts";
import { Hub } from "./hub.ts";
import { isLocalAddress } from "./lane_control.ts";
import { atMost } from "./patience.ts";
import { type Refusal, Refusals } from "./refusals.ts";
import { LaneWatch, sayRefusal, type Stranger, Strangers } from "./strangers.ts";

/** A session that a connection may join. */
export interface JoinableSession extends OpenSession {
  /** Null once it is over. */
  readonly hub: Hub | null;
}

export interface ReceptionOptions {
  readonly identity: Identity;
  /** Time for a whole handshake. */
  readonly handshakeMs: number;
  /** Lets a client from this address in. Throws why it may not. */
  readonly admit: (caller: Caller, address: string) => Promise<Admission>;
  /** Whether this server knows a key, whatever it may do: its refusals are told by its name. */
  readonly isKnown: (identity: Uint8Array) => boolean;
  /** The session that a connection from this address may join. */
  readonly sessionOf: (session: number, address: string) => JoinableSession | null;
  /** Throws once nobody is taken in any more. */
  readonly check: () => void;
  readonly onSession: (client: NewSession) => void;
  /** How often refusals of one address are told. */
  readonly refusalsToldMs: number;
  readonly onRefused: (refusal: Refusal) => void;
}

/** A client that was let in. */
export interface NewSession {
  readonly hub: Hub;
  readonly caller: Caller;
  readonly admission: Admission;
  readonly address: string;
}

/** Which way a connection came. */
interface Entrance {
  readonly joinsOnly: boolean;
}

/** What a connection has proved so far. */
interface Proof {
  identity: Uint8Array | null;
}

export class Reception implements AsyncDisposable {
  readonly #options: ReceptionOptions;
  readonly #strangers = new Strangers();
  readonly #rates = new ArrivalRates();
  readonly #refusals: Refusals;
  /** Those at the door. */
  readonly #receptions = new Set<Promise<void>>();

  constructor(options: ReceptionOptions) {
    this.#options = options;
    const { refusalsToldMs: everyMs, onRefused: onRefusal } = options;
    this.#refusals = new Refusals({ everyMs, onRefusal });
  }

  /** Whether a peer may shake hands at all: asked of each connection, before anything is done for it. */
  readonly screen = (remoteAddress: string): boolean => {
    if (this.#rates.arrive(remoteAddress, performance.now())) return true;
    this.#refusals.add(TOO_OFTEN, remoteAddress);
    return false;
  };

  /** Takes a connection in, or shows it out: one that came by a further port unless it joins a session. */
  takeIn(
    connection: Connection,
    { joinsOnly = false }: { readonly joinsOnly?: boolean } = {},
  ): void {
    // A further port's own screen is a list of addresses: how often they come is counted for all here.
    if (joinsOnly && !this.screen(connection.remoteAddress)) return connection.close("busy", "");
    const reception = this.#receive(connection, { joinsOnly }).then(() => {
      this.#receptions.delete(reception);
    });
    this.#receptions.add(reception);
  }

  /** Never rejects. */
  async #receive(connection: Connection, how: Entrance): Promise<void> {
    const proof: Proof = { identity: null };
    try {
      await this.#takeIn(connection, { ...how, proof });
    } catch (thrown) {
      const { code, message } = toSftpxError(thrown);
      connection.close(code, TOLD.has(code) ? message : "");
      const { identity: proved } = proof;
      const isKnown = proved !== null && this.#options.isKnown(proved);
      const identity = isKnown ? identityName(proved) : null;
      this.#refusals.add({ code, message, identity }, connection.remoteAddress);
    }
  }

  /** Waits for those at the door, whose connections are closed, and tells what is not told yet. */
  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#receptions.size > 0) await Promise.all(this.#receptions);
    this.#refusals[Symbol.dispose]();
  }

  /** The handshake of one connection, within its time; a refusal is told to the peer. */
  async #takeIn(
    connection: Connection,
    { joinsOnly, proof }: Entrance & { readonly proof: Proof },
  ): Promise<void> {
    const isClaim = connection.protocol === "sftpx-claim/1";
    using stranger = this.#strangers.enter(connection, performance.now());
    using lanes = new LaneWatch(connection);
    if (isClaim && joinsOnly) throw joinsAlone();
    if (isClaim) return await this.#claim(connection);
    const late = new SftpxError(
      "refused",
      "Cannot take the client in: its handshake took too long",
    );
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      connection.close("refused", late.message);
    }, this.#options.handshakeMs);
    let control: ControlChannel | null = null;
    try {
      control = new ControlChannel(await connection.acceptControl());
      await this.#greet(connection, { control, stranger, lanes, proof, joinsOnly });
    } catch (thrown) {
      const closed = isLate ? late : stranger.shownOut ?? lanes.tooEarly;
      const error = closed ?? toSftpxError(thrown);
      if (error.code === "lost" && await leftInOrder(connection)) return;
      // At once, and not once it has heard why: it may come again meanwhile.
      if (FAILURES.has(error.code)) this.#rates.fail(connection.remoteAddress, performance.now());
      const isToTell = closed === null && error.code !== "lost";
      if (control !== null && isToTell) await sayRefusal(control, connection, error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #greet(
    connection: Connection,
    { control, stranger, lanes, proof, joinsOnly }: Entrance & {
      readonly control: ControlChannel;
      readonly stranger: Stranger;
      readonly lanes: LaneWatch;
      readonly proof: Proof;
    },
  ): Promise<void> {
    const { identity, sessionOf } = this.#options;
    const handshaken = await serverHandshake(control, {
      identity,
      agent: AGENT,
      admit: (identity, ticket) => {
        if (joinsOnly) throw joinsAlone();
        proof.identity = identity;
        return this.#options.admit({ identity, ticket }, connection.remoteAddress);
      },
      sessionOf: (session) => sessionOf(session, connection.remoteAddress),
      // Its client has a connection already, and sessions that are to begin have none.
      onHello: ({ capabilities }) => capabilities.includes(JOINS) && stranger.yield(),
      isLocal: isLocalAddress(connection.remoteAddress),
    });
    if (handshaken.kind === "late") {
      // Whoever belongs here is neither told of as one that was turned away, nor made to wait for it.
      await sayRefusal(control, connection, handshaken.refusal);
      return connection.close("refused", handshaken.refusal.message);
    }
    this.#options.check();
    const firstLane = lanes.pass();
    connection.proved?.();
    if (handshaken.kind === "join") {
      this.#rates.join(connection.remoteAddress, performance.now());
      const hub = sessionOf(handshaken.session, connection.remoteAddress)?.hub ?? null;
      if (hub === null) connection.close("none", ""); // It ended in between.
      else hub.addConnection(connection, { number: handshaken.connection, firstLane });
      return;
    }
    const { clientIdentity, ticket, admission } = handshaken;
    const caller = { identity: clientIdentity, ticket };
    const hub = new Hub(control, connection, { firstLane });
    this.#options.onSession({ hub, caller, admission, address: connection.remoteAddress });
  }

  /** First contact: names this identity, reads nothing, and waits a little for the peer to go. */
  async #claim(connection: Connection): Promise<void> {
    const { identity, handshakeMs } = this.#options;
    claimIdentity(connection, identity.publicKey).catch(() => {}); // It went without it.
    await atMost(connection.closed, Math.min(handshakeMs, LIMITS.claimMs));
    connection.close("none", "");
  }
}

/**
 * Whether a connection ended with nobody turned away: its client raced it against another one and takes
 * that, or has no use for a further one any more, or this server stops.
 */
async function leftInOrder(connection: Connection): Promise<boolean> {
  let isInOrder = false;
  const ended = connection.closed.then(({ code }) => isInOrder = code === "none");
  await atMost(ended, LIMITS.refusalMs);
  return isInOrder;
}

function joinsAlone(): SftpxError {
  const found = "this port is for further connections of a session";
  return new SftpxError("refused", `Cannot take the client in: ${found}`);
}

/** An address whose connections are too many a second. */
const TOO_OFTEN = new SftpxError(
  "busy",
  "Cannot take the client in: too many connections came from its address",
);

/** What makes an address wait: a try that failed, or time wasted at the door. */
const FAILURES: ReadonlySet<string> = new Set([
  "refused",
  "unauthorized",
  "protocol",
  "version",
  "limit",
]);

/** Codes whose message is the peer's to know. */
const TOLD: ReadonlySet<string> = new Set([
  "refused",
  "unauthorized",
  "limit",
  "busy",
  "protocol",
  "version",
]);
