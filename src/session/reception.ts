// Where connections come in: each proves within its time whose it is, opens a session or joins one, or
// is shown out. A stranger learns why, and nothing of what goes wrong in here.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Connection } from "../transport/transport.ts";
import type { Identity } from "../trust/identity.ts";
import type { Caller } from "./admissions.ts";
import { AGENT } from "./agent.ts";
import { claimIdentity } from "./claim.ts";
import { ControlChannel } from "./control_channel.ts";
import { type Admission, type OpenSession, serverHandshake } from "./handshake.ts";
import { Hub } from "./hub.ts";
import { atMost } from "./patience.ts";
import { LaneWatch, sayRefusal, Strangers } from "./strangers.ts";

/** A session that a connection may join. */
export interface JoinableSession extends OpenSession {
  readonly hub: Hub;
}

export interface ReceptionOptions {
  readonly identity: Identity;
  /** Time for a whole handshake. */
  readonly handshakeMs: number;
  /** Lets a client in. Throws why it may not. */
  readonly admit: (caller: Caller) => Admission;
  readonly sessionOf: (session: number) => JoinableSession | null;
  /** Throws once nobody is taken in any more. */
  readonly check: () => void;
  readonly onSession: (client: NewSession) => void;
  readonly onRefused: (error: SftpxError, address: string) => void;
}

/** A client that was let in. */
export interface NewSession {
  readonly hub: Hub;
  readonly caller: Caller;
  readonly admission: Admission;
  readonly address: string;
}

export class Reception {
  readonly #options: ReceptionOptions;
  readonly #strangers = new Strangers();

  constructor(options: ReceptionOptions) {
    this.#options = options;
  }

  /** Takes a connection in, or shows it out. Never rejects. */
  async takeIn(connection: Connection): Promise<void> {
    try {
      await this.#takeIn(connection);
    } catch (thrown) {
      const error = toSftpxError(thrown);
      connection.close(error.code, TOLD.has(error.code) ? error.message : "");
      this.#options.onRefused(error, connection.remoteAddress);
    }
  }

  /** The handshake of one connection, within its time; a refusal is told to the peer. */
  async #takeIn(connection: Connection): Promise<void> {
    const isClaim = connection.protocol === "sftpx-claim/1";
    using _place = this.#strangers.enter(connection.remoteAddress, { isClaim });
    using lanes = new LaneWatch(connection);
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
      await this.#greet(connection, { control, lanes });
    } catch (thrown) {
      if (isLate) throw late;
      if (lanes.tooEarly !== null) throw lanes.tooEarly;
      const error = toSftpxError(thrown);
      if (control !== null && error.code !== "lost") await sayRefusal(control, connection, error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #greet(
    connection: Connection,
    { control, lanes }: { readonly control: ControlChannel; readonly lanes: LaneWatch },
  ): Promise<void> {
    const { identity, sessionOf } = this.#options;
    const handshaken = await serverHandshake(control, {
      identity,
      agent: AGENT,
      admit: (identity, ticket) => this.#options.admit({ identity, ticket }),
      sessionOf,
    });
    this.#options.check();
    const firstLane = lanes.pass();
    if (handshaken.kind === "join") {
      const hub = sessionOf(handshaken.session)?.hub;
      if (hub === undefined) connection.close("none", ""); // It ended in between.
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

/** Codes whose message is the peer's to know. */
const TOLD: ReadonlySet<string> = new Set(["refused", "limit", "busy", "protocol", "version"]);
