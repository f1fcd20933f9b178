// Handshakes under way at a server, whichever stack they are of, and the connections that nobody took
// yet. Bounds what peers that have proved nothing may take: how often they come, how many there are, from
// one address and in all, and for how long; one peer's handshake never holds up another's.

import { sourceOf } from "../base/address.ts";
import { LIMITS } from "../base/limits.ts";
import { Places } from "../base/places.ts";
import { type Rate, TokenBucket } from "../base/token_bucket.ts";
import type { Connection, Screen } from "./transport.ts";

/** What peers may take before anybody took their connection. */
export interface HandshakeLimits {
  /** Longest handshake of a peer. */
  readonly handshakeMs: number;
  /** Handshakes under way; of more the oldest is given up. */
  readonly halfOpenPeers: number;
  readonly halfOpenPerAddress: number;
  /** Handshakes begun, from anywhere; more are left unanswered, and their peers try again. */
  readonly arrivals: Rate;
}

/** The bounds of a server in earnest; tests have narrower ones. */
export function handshakeLimits(more: Partial<HandshakeLimits> = {}): HandshakeLimits {
  return {
    handshakeMs: more.handshakeMs ?? LIMITS.handshakeMs,
    halfOpenPeers: more.halfOpenPeers ?? LIMITS.halfOpenPeers,
    halfOpenPerAddress: more.halfOpenPerAddress ?? LIMITS.halfOpenPerAddress,
    arrivals: more.arrivals ?? {
      burst: LIMITS.arrivalsAtOnce,
      perSecond: LIMITS.arrivalsPerSecond,
    },
  };
}

/** A connection from before its handshake on. */
export interface Shaking extends Connection {
  readonly ended: boolean;
}

export class Handshakes<C extends Shaking> {
  readonly #limits: HandshakeLimits;
  readonly #screen: Screen;
  readonly #arrivals: TokenBucket;
  /** Handshakes under way, and how to stop waiting for one. */
  readonly #shaking = new Map<C, () => void>();
  readonly #halfOpen: Places<C>;
  /** Connections that nobody has taken yet. */
  readonly #ready: C[] = [];
  readonly #waiting: ((connection: C | null) => void)[] = [];
  #closed = false;

  constructor(limits: HandshakeLimits, screen: Screen = () => true) {
    this.#limits = limits;
    this.#screen = screen;
    this.#arrivals = new TokenBucket(limits.arrivals, performance.now());
    const { halfOpenPeers: most, halfOpenPerAddress: mostPerSource } = limits;
    this.#halfOpen = new Places({ most, mostPerSource, graceMs: 0 });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Handshakes under way. */
  get halfOpen(): number {
    return this.#halfOpen.count;
  }

  /** Somebody takes what comes, and keeps up with it. */
  get hasRoom(): boolean {
    return !this.#closed && this.#ready.length < this.#limits.halfOpenPeers;
  }

  /** Whether one more may begin, whoever it is. */
  mayBegin(nowMs: number): boolean {
    if (!this.hasRoom) return false;
    return this.#arrivals.has(nowMs);
  }

  /** One begins, and counts: when anything is computed for it, and before the next one is judged. */
  begin(nowMs: number): void {
    this.#arrivals.spend(1, nowMs);
  }

  /** Whether a peer of this address may; asked once for each. */
  mayEnter(remoteAddress: string): boolean {
    return this.#screen(remoteAddress);
  }

  /**
   * Takes a place for a handshake, waits until it is over, and hands its connection over if it succeeded.
   * Of too many, the one that stands there longest gives way. Never throws: a peer that fails its
   * handshake is nobody's business (one ALPN short, say).
   */
  async shake(connection: C, handshaken: Promise<void>): Promise<void> {
    const at = { source: sourceOf(connection.remoteAddress), nowMs: performance.now() };
    const entered = this.#halfOpen.enter(connection, at);
    entered?.out?.close("busy", "");
    if (entered === null) return connection.close("busy", "");
    const stopped = Promise.withResolvers<void>();
    const timer = setTimeout(
      () => connection.close("unreachable", "the handshake took too long"),
      this.#limits.handshakeMs,
    );
    this.#shaking.set(connection, () => {
      clearTimeout(timer);
      stopped.resolve();
    });
    await Promise.race([handshaken, connection.closed, stopped.promise]);
    clearTimeout(timer);
    this.#shaking.delete(connection);
    this.#halfOpen.leave(connection);
    if (!this.#closed && !connection.ended) this.#deliver(connection);
  }

  /** Next connection, or null once closed. */
  accept(): Promise<C | null> {
    const ready = this.#ready.shift();
    if (ready !== undefined) return Promise.resolve(ready);
    if (this.#closed) return Promise.resolve(null);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Ends every connection that nobody has taken; settles when they have ended. Once. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const stopWaiting of this.#shaking.values()) stopWaiting();
    const untaken = [...this.#shaking.keys(), ...this.#ready.splice(0)];
    for (const connection of untaken) connection.close("none", "the server stopped listening");
    for (const resolve of this.#waiting.splice(0)) resolve(null);
    await Promise.all(untaken.map(({ closed }) => closed));
  }

  #deliver(connection: C): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting(connection);
    else this.#ready.push(connection);
  }
}
