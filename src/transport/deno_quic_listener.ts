// The server's end of Deno's QUIC. Shakes hands with many peers at once and hands over those that
// succeeded, within the bounds of `Handshakes`; besides those it spaces handshakes out, and shortens the
// line of peers that the runtime keeps and nobody can see.

import { closeOnAbort } from "./close_on_abort.ts";
import { type HandshakeLimits, Handshakes } from "./handshakes.ts";
import type { Congestion, Connection, HostPort, Listener, Screen } from "./transport.ts";
import { QuicConnection } from "./deno_quic_connection.ts";

/** What peers may take before anybody took their connection. */
export interface ShakeLimits extends HandshakeLimits {
  /** Between two handshakes begun. */
  readonly apartMs: number;
  /** Longest line of those who want to begin one: beyond it those who stand there get no answer. */
  readonly lineMs: number;
}

interface ListenerOptions {
  readonly limits: ShakeLimits;
  /** What the connections' sending is controlled by, as the endpoint was told. */
  readonly congestion?: Exclude<Congestion, "auto">;
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
  readonly #handshakes: Handshakes<QuicConnection>;
  readonly #congestion: Exclude<Congestion, "auto">;
  /** Connections that have not ended: the endpoint must outlive them. */
  #live = 0;
  #stopBreath = () => {};
  /** Since when somebody has always been waiting to be answered. */
  #line: { readonly sinceMs: number } | null = null;
  readonly #forget: () => void;

  constructor(
    endpoint: Deno.QuicEndpoint,
    listener: Deno.QuicListener,
    { limits, congestion = "cubic", screen, signal }: ListenerOptions,
  ) {
    this.#congestion = congestion;
    this.#endpoint = endpoint;
    this.#listener = listener;
    this.#limits = limits;
    this.#handshakes = new Handshakes(limits, screen);
    this.address = { hostname: endpoint.addr.hostname, port: endpoint.addr.port };
    this.#forget = closeOnAbort(this, signal);
    this.#run();
  }

  accept(): Promise<Connection | null> {
    return this.#handshakes.accept();
  }

  close(): void {
    if (this.#handshakes.closed) return;
    this.#forget();
    this.#stopBreath();
    // Not `stop()`: with a peer in the queue whose next packet comes after it, the runtime aborts
    // (quinn-proto 0.11.16). Newcomers are left unanswered in `#run` until the endpoint closes.
    this.#handshakes.close();
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
    if (!this.#handshakes.hasRoom) return true;
    const nowMs = performance.now();
    if (this.#isLineOld(nowMs)) return true;
    return !this.#handshakes.mayBegin(nowMs);
  }

  /** Never throws. */
  async #shake(incoming: Deno.QuicIncoming): Promise<void> {
    // Before its address is known: `accept` costs what a handshake does, also of one turned away.
    this.#handshakes.begin(performance.now());
    let conn;
    try {
      // `zeroRtt` hands over the connection before its handshake, so that a peer that stalls can be
      // closed. Nothing is sent or read before the handshake is complete: no replay, no early data.
      conn = incoming.accept<true>({ zeroRtt: true });
    } catch {
      return;
    }
    this.#live++;
    const onEnded = () => {
      this.#live--;
      this.#closeEndpoint();
    };
    const connection = new QuicConnection(conn, { congestion: this.#congestion, onEnded });
    const handshaken = settled(conn, connection);
    if (!this.#handshakes.mayEnter(connection.remoteAddress)) return connection.close("busy", "");
    await this.#handshakes.shake(connection, handshaken);
  }

  /** Closing the endpoint ends `incoming()`, but takes every connection with it: the last one out. */
  #closeEndpoint(): void {
    if (this.#handshakes.closed && this.#live === 0) this.#endpoint.close();
  }
}

/** A handshake that fails commonly settles as a complete one does; `closed` tells them apart. */
async function settled(conn: Deno.QuicConn, connection: QuicConnection): Promise<void> {
  await conn.handshake.catch(() => {});
  // It follows a failure within the turn.
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, 0);
  await Promise.race([connection.closed, promise]);
  clearTimeout(timer);
}
