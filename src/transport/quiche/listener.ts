// The server's end of quiche: hands strangers' packets to the door, begins the handshakes it allows, and
// hands over the connections that succeeded. The endpoint beneath it moves packets and ends when its last
// connection has.

import { LIMITS } from "../../base/limits.ts";
import type { UdpPath } from "../../runtime/udp.ts";
import { closeOnAbort } from "../close_on_abort.ts";
import { type HandshakeLimits, handshakeLimits, Handshakes, type Shaking } from "../handshakes.ts";
import type { Connection, HostPort, Listener, Screen } from "../transport.ts";
import { type Admission, Door, type DoorLimits } from "./door.ts";

export interface QuicheShakeLimits extends HandshakeLimits, DoorLimits {}

/** A connection of the endpoint's, from before its handshake on. */
export interface ShakingConnection extends Shaking {
  /** Settles, and never rejects, when the handshake is complete or the connection has ended. */
  readonly handshaken: Promise<void>;
}

/** What a listener needs of the endpoint it stands on. */
export interface Premises {
  readonly local: HostPort;
  /** Begins a connection with the datagram that asked for it; null where quiche wants none of it. */
  begin(
    admission: Admission,
    datagram: Uint8Array,
    path: UdpPath,
  ): ShakingConnection | null;
  /** Sends a datagram of no connection, if the socket takes it. */
  answer(datagram: Uint8Array, path: UdpPath): void;
  /** Nobody new is wanted: it ends with its last connection, or now. */
  vacate(): void;
  /** When nothing is left of it that is ending; at once where it goes on for its connections. */
  readonly closed: Promise<void>;
}

interface ListenerOptions {
  readonly limits: QuicheShakeLimits;
  /** Length of the endpoint's connection ids. */
  readonly idBytes: number;
  readonly screen?: Screen | undefined;
  readonly signal?: AbortSignal | undefined;
}

export class QuicheListener implements Listener {
  readonly #premises: Premises;
  readonly #handshakes: Handshakes<ShakingConnection>;
  readonly #door: Door;
  readonly #forget: () => void;
  #gone: Promise<void> | null = null;

  constructor(premises: Premises, { limits, idBytes, screen, signal }: ListenerOptions) {
    this.#premises = premises;
    this.#handshakes = new Handshakes(limits, screen);
    const nowMs = performance.now();
    this.#door = new Door({ limits, household: this.#handshakes, idBytes, nowMs });
    this.#forget = closeOnAbort(this, signal);
  }

  get address(): HostPort {
    return this.#premises.local;
  }

  /** The null of a listener that closed comes when its socket is given back, if nobody uses it. */
  async accept(): Promise<Connection | null> {
    const connection = await this.#handshakes.accept();
    if (connection === null) await this.#gone;
    return connection;
  }

  close(): void {
    if (this.#handshakes.closed) return;
    this.#forget();
    this.#gone = this.#handshakes.close().then(() => this.#premises.closed);
    this.#premises.vacate();
  }

  /** A datagram that belongs to no connection. Never throws. */
  onStranger(datagram: Uint8Array, path: UdpPath): void {
    if (this.#handshakes.closed) return;
    const verdict = this.#door.judge(datagram, { remote: path.remote, nowMs: performance.now() });
    switch (verdict.kind) {
      case "drop":
        return;
      case "answer":
        return this.#premises.answer(verdict.packet, path);
      case "accept": {
        const connection = this.#premises.begin(verdict, datagram, path);
        if (connection !== null) this.#handshakes.shake(connection, connection.handshaken);
      }
    }
  }
}

/** The bounds of a server in earnest; tests have narrower ones. */
export function shakeLimits(more: Partial<QuicheShakeLimits> = {}): QuicheShakeLimits {
  return {
    ...handshakeLimits(),
    retryFromHalfOpen: LIMITS.retryFromHalfOpen,
    retryMs: LIMITS.retryMs,
    answers: { burst: LIMITS.strayAnswersAtOnce, perSecond: LIMITS.strayAnswersPerSecond },
    ...more,
  };
}
