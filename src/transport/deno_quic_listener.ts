// The server's end of Deno's QUIC. Shakes hands with many peers at once and hands over those that
// succeeded; one peer's handshake never holds up another's. Bounds what peers that have proved nothing
// may take, and leaves the rest unanswered.

import type { Connection, HostPort, Listener } from "./transport.ts";
import { QuicConnection } from "./deno_quic_connection.ts";

/** What peers may take before anybody took their connection. */
export interface ShakeLimits {
  /** Longest handshake of a peer. */
  readonly handshakeMs: number;
  /** Handshakes under way and connections not yet taken; more are dropped unanswered. */
  readonly halfOpenPeers: number;
}

export class QuicListener implements Listener {
  readonly address: HostPort;
  readonly #endpoint: Deno.QuicEndpoint;
  readonly #listener: Deno.QuicListener;
  readonly #limits: ShakeLimits;
  /** Handshakes under way, and how to stop waiting for one. */
  readonly #shaking = new Map<QuicConnection, () => void>();
  /** Connections that nobody has taken yet. */
  readonly #ready: QuicConnection[] = [];
  readonly #waiting: ((connection: Connection | null) => void)[] = [];
  /** Connections that have not ended: the endpoint must outlive them. */
  #live = 0;
  #closed = false;
  readonly #forget: () => void;

  constructor(
    endpoint: Deno.QuicEndpoint,
    listener: Deno.QuicListener,
    options: { readonly limits: ShakeLimits; readonly signal: AbortSignal | undefined },
  ) {
    this.#endpoint = endpoint;
    this.#listener = listener;
    this.#limits = options.limits;
    this.address = { hostname: endpoint.addr.hostname, port: endpoint.addr.port };
    const onAbort = () => this.close();
    options.signal?.addEventListener("abort", onAbort);
    this.#forget = () => options.signal?.removeEventListener("abort", onAbort);
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
      try {
        incoming = await this.#listener.incoming();
      } catch {
        // Only a closed endpoint ends it.
        return this.close();
      }
      // Not even a refusal is sent: an answer to a forged address would be amplification.
      if (this.#closed || this.#shaking.size + this.#ready.length >= this.#limits.halfOpenPeers) {
        incoming.ignore();
      } else {
        this.#shake(incoming);
      }
    }
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
    const stopped = Promise.withResolvers<void>();
    let timer = setTimeout(
      () => connection.close("unreachable", "the handshake took too long"),
      this.#limits.handshakeMs,
    );
    this.#shaking.set(connection, () => {
      clearTimeout(timer);
      stopped.resolve();
    });
    await Promise.race([conn.handshake, connection.closed, stopped.promise]);
    clearTimeout(timer);
    // A failed handshake settles as a complete one does; `closed` follows within the turn.
    timer = setTimeout(stopped.resolve, 0);
    await Promise.race([connection.closed, stopped.promise]);
    clearTimeout(timer);
    this.#shaking.delete(connection);
    if (!this.#closed && !connection.ended) this.#deliver(connection);
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
