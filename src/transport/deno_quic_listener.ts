// The server's end of Deno's QUIC. Shakes hands with many peers at once and hands over those that
// succeeded; one peer's handshake never holds up another's. Bounds what peers that have proved nothing
// may take: how often they come, how many there are, from one address and in all, and for how long.

import { sourceOf } from "../base/address.ts";
import { Places } from "../base/places.ts";
import { type Rate, TokenBucket } from "../base/token_bucket.ts";
import type { Connection, HostPort, Listener, Screen } from "./transport.ts";
import { QuicConnection } from "./deno_quic_connection.ts";

/** What peers may take before anybody took their connection. */
export interface ShakeLimits {
  /** Longest handshake of a peer. */
  readonly handshakeMs: number;
  /** Handshakes under way; of more the oldest is given up. */
  readonly halfOpenPeers: number;
  readonly halfOpenPerAddress: number;
  /** Between two handshakes begun. */
  readonly apartMs: number;
  /** Longest line of those who want to begin one: beyond it those who stand there get no answer. */
  readonly lineMs: number;
  /** Handshakes begun, from anywhere; more are left unanswered, and their peers try again. */
  readonly arrivals: Rate;
}

interface ListenerOptions {
  readonly limits: ShakeLimits;
  /** Asked before a peer's handshake goes on. */
  readonly screen?: Screen | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Who comes within that time was there before it was asked. */
const AT_ONCE_MS = 1;
/** A line is shortened for so long, whoever comes meanwhile: some hundreds go unanswered. */
const SHORTEN_MS = 20;

export class QuicListener implements Listener {
  readonly address: HostPort;
  readonly #endpoint: Deno.QuicEndpoint;
  readonly #listener: Deno.QuicListener;
  readonly #limits: ShakeLimits;
  readonly #screen: Screen;
  readonly #arrivals: TokenBucket;
  /** Handshakes under way, and how to stop waiting for one. */
  readonly #shaking = new Map<QuicConnection, () => void>();
  readonly #halfOpen: Places<QuicConnection>;
  /** Connections that nobody has taken yet. */
  readonly #ready: QuicConnection[] = [];
  readonly #waiting: ((connection: Connection | null) => void)[] = [];
  /** Connections that have not ended: the endpoint must outlive them. */
  #live = 0;
  #stopBreath = () => {};
  /** Since when somebody has always been waiting to be answered. */
  #line: { readonly sinceMs: number } | null = null;
  #closed = false;
  readonly #forget: () => void;

  constructor(
    endpoint: Deno.QuicEndpoint,
    listener: Deno.QuicListener,
    { limits, screen = () => true, signal }: ListenerOptions,
  ) {
    this.#endpoint = endpoint;
    this.#listener = listener;
    this.#limits = limits;
    this.#screen = screen;
    this.#arrivals = new TokenBucket(limits.arrivals, performance.now());
    const { halfOpenPeers: most, halfOpenPerAddress: mostPerSource } = limits;
    this.#halfOpen = new Places({ most, mostPerSource, graceMs: 0 });
    this.address = { hostname: endpoint.addr.hostname, port: endpoint.addr.port };
    const onAbort = () => this.close();
    signal?.addEventListener("abort", onAbort);
    this.#forget = () => signal?.removeEventListener("abort", onAbort);
    this.#run();
  }

  accept(): Promise<Connection | null> {
    const ready = this.#ready.shift();
    if (ready !== undefined) return Promise.resolve(ready);
    if (this.#closed) return Promise.resolve(null);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#forget();
    this.#stopBreath();
    // Not `stop()`: with a peer in the queue whose next packet comes after it, the runtime aborts
    // (quinn-proto 0.11.16). Newcomers are left unanswered in `#run` until the endpoint closes.
    for (const stopWaiting of this.#shaking.values()) stopWaiting();
    for (const connection of [...this.#shaking.keys(), ...this.#ready.splice(0)]) {
      connection.close("none", "the server stopped listening");
    }
    for (const resolve of this.#waiting.splice(0)) resolve(null);
    this.#closeEndpoint();
  }

  async #run(): Promise<void> {
    while (true) {
      let incoming;
      const askedMs = performance.now();
      try {
        incoming = await this.#listener.incoming();
      } catch {
        // Only a closed endpoint ends it.
        return this.close();
      }
      if (performance.now() - askedMs > AT_ONCE_MS) this.#line = null;
      // Not even a refusal is sent: whoever is real repeats its first packet, and an answer to a
      // forged address goes to somebody else. It is also the cheapest there is.
      if (this.#isFull()) {
        incoming.ignore();
      } else {
        this.#shake(incoming);
        await this.#breathe();
      }
    }
  }

  /**
   * Whether those who come now have stood in line for long. On a machine that is busy, or in a flood,
   * the line would grow until nobody in it still waits for an answer: so it is shortened.
   */
  #isLineOld(nowMs: number): boolean {
    const { lineMs } = this.#limits;
    this.#line ??= { sinceMs: nowMs };
    const oldMs = nowMs - this.#line.sinceMs;
    if (oldMs > lineMs + SHORTEN_MS) this.#line = { sinceMs: nowMs };
    return oldMs > lineMs && oldMs <= lineMs + SHORTEN_MS;
  }

  /**
   * Handshakes are computed where all packets are read: one after the other without a pause, they would
   * let the socket's buffer run over, and every transfer slow down for what it lost.
   */
  #breathe(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, this.#limits.apartMs);
      this.#stopBreath = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Whose the first packet is, only `accept` tells: what comes before it is the same for all. */
  #isFull(): boolean {
    if (this.#closed || this.#ready.length >= this.#limits.halfOpenPeers) return true;
    const nowMs = performance.now();
    if (this.#isLineOld(nowMs)) return true;
    if (!this.#arrivals.has(nowMs)) return true;
    this.#arrivals.spend(1, nowMs);
    return false;
  }

  /** Never throws: a peer that fails its handshake is nobody's business (one ALPN short, say). */
  async #shake(incoming: Deno.QuicIncoming): Promise<void> {
    let conn;
    try {
      // `zeroRtt` hands over the connection before its handshake, so that a peer that stalls can be
      // closed. Nothing is sent or read before the handshake is complete: no replay, no early data.
      conn = incoming.accept<true>({ zeroRtt: true });
    } catch {
      return;
    }
    this.#live++;
    const connection = new QuicConnection(conn, () => {
      this.#live--;
      this.#closeEndpoint();
    });
    // One that fails commonly settles as a complete one does; `closed` tells them apart.
    const shaken = conn.handshake.catch(() => {});
    if (!this.#letIn(connection)) return connection.close("busy", "");
    const stopped = Promise.withResolvers<void>();
    let timer = setTimeout(
      () => connection.close("unreachable", "the handshake took too long"),
      this.#limits.handshakeMs,
    );
    this.#shaking.set(connection, () => {
      clearTimeout(timer);
      stopped.resolve();
    });
    await Promise.race([shaken, connection.closed, stopped.promise]);
    clearTimeout(timer);
    // `closed` follows a failure within the turn.
    timer = setTimeout(stopped.resolve, 0);
    await Promise.race([connection.closed, stopped.promise]);
    clearTimeout(timer);
    this.#shaking.delete(connection);
    this.#halfOpen.leave(connection);
    if (!this.#closed && !connection.ended) this.#deliver(connection);
  }

  /** Takes a place for its handshake; of too many, the one that stands there longest gives way. */
  #letIn(connection: QuicConnection): boolean {
    const { remoteAddress } = connection;
    if (!this.#screen(remoteAddress)) return false;
    const at = { source: sourceOf(remoteAddress), nowMs: performance.now() };
    const entered = this.#halfOpen.enter(connection, at);
    entered?.out?.close("busy", "");
    return entered !== null;
  }

  #deliver(connection: QuicConnection): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting(connection);
    else this.#ready.push(connection);
  }

  /** Closing the endpoint ends `incoming()`, but takes every connection with it: the last one out. */
  #closeEndpoint(): void {
    if (this.#closed && this.#live === 0) this.#endpoint.close();
  }
}
