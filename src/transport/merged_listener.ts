// A server's two doors as one: QUIC and TLS over TCP at the same address and port, so that one address is
// all a ticket has to name. One of them is enough to listen; what the other one misses is told.

import { type SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Connection, HostPort, Listener, ListenOptions, Transport } from "./transport.ts";

/** Listens on both: over UDP first, then over TCP on the same number. Throws where UDP cannot. */
export async function listenOnBoth(
  { quic, tcp }: { readonly quic: Transport; readonly tcp: Transport },
  options: ListenOptions,
): Promise<Listener> {
  // How TCP meets congestion is the system's to say.
  const { congestion: _, ...onTcp } = options;
  for (let tries = 1;; tries++) {
    const udp = await quic.listen(options);
    const { port } = udp.address;
    try {
      return new MergedListener([udp, await tcp.listen({ ...onTcp, port })]);
    } catch (thrown) {
      if (options.signal?.aborted) {
        udp.close();
        throw thrown;
      }
      const error = toSftpxError(thrown);
      // A number that was picked for UDP may be another program's on TCP.
      const mayTryAgain = options.port === 0 && error.code === "io" && tries < LIMITS.portsTried;
      if (!mayTryAgain) {
        options.onNotice?.(onlyQuic(error));
        return udp;
      }
      udp.close();
    }
  }
}

function onlyQuic({ message }: SftpxError): string {
  return `${message}; clients reach this server over QUIC only`;
}

const STOPPED = "the server stopped listening";

/** Several listeners as one. */
export class MergedListener implements Listener {
  readonly address: HostPort;
  readonly #listeners: readonly Listener[];
  /** What came in and nobody has taken: one of each listener at most, the others wait at their doors. */
  readonly #ready: Arrival[] = [];
  readonly #takers: ((connection: Connection | null) => void)[] = [];
  /** Those that may still give one. */
  #open: number;
  #closed = false;

  /** They listen at the same address. */
  constructor(listeners: readonly [Listener, ...Listener[]]) {
    this.address = listeners[0].address;
    this.#listeners = listeners;
    this.#open = listeners.length;
    for (const listener of listeners) this.#takeFrom(listener);
  }

  accept(): Promise<Connection | null> {
    const ready = this.#ready.shift();
    if (ready !== undefined) {
      ready.taken();
      return Promise.resolve(ready.connection);
    }
    if (this.#open === 0) return Promise.resolve(null);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const listener of this.#listeners) listener.close();
    for (const { connection, taken } of this.#ready.splice(0)) {
      connection.close("none", STOPPED);
      taken();
    }
  }

  /**
   * Takes from one of them for as long as it gives; one that ends leaves the other one open. Each has its
   * own loop: a promise of an idle one that all were raced against would keep what the other one gave (I8).
   */
  async #takeFrom(listener: Listener): Promise<void> {
    for (;;) {
      const connection = await listener.accept().catch(() => null);
      if (connection === null) break;
      if (this.#closed) connection.close("none", STOPPED);
      else await this.#hand(connection);
    }
    this.#open--;
    if (this.#open > 0) return;
    for (const taker of this.#takers.splice(0)) taker(null);
  }

  /** Settles when somebody has it. */
  #hand(connection: Connection): Promise<void> {
    const taker = this.#takers.shift();
    if (taker === undefined) {
      return new Promise((taken) => this.#ready.push({ connection, taken }));
    }
    taker(connection);
    return Promise.resolve();
  }
}

interface Arrival {
  readonly connection: Connection;
  readonly taken: () => void;
}
