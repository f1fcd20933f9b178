// The server's end of TLS over TCP: takes peers from the system's line within the bounds of `Handshakes`,
// shakes hands with many at once, and hands over those that succeeded. Who may not begin yet waits in
// that line, where it costs nothing.

import { closeOnAbort } from "../close_on_abort.ts";
import { type HandshakeLimits, Handshakes } from "../handshakes.ts";
import type { Connection, HostPort, Listener, Screen } from "../transport.ts";
import type { ByteChannel, ChannelListener } from "./channel.ts";
import { TlsConnection, type TlsConnectionOptions } from "./connection.ts";

export interface TlsListenerOptions {
  readonly limits: HandshakeLimits;
  readonly connection: Omit<TlsConnectionOptions, "isServer">;
  /** Asked before a peer's handshake goes on. */
  readonly screen?: Screen | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Between two looks whether one more handshake may begin. */
const LOOK_MS = 5;

export class TlsListener implements Listener {
  readonly #channels: ChannelListener;
  readonly #handshakes: Handshakes<TlsConnection>;
  readonly #options: TlsListenerOptions;
  readonly #forget: () => void;
  #stopWaiting = () => {};
  readonly #gone: Promise<void>;

  constructor(channels: ChannelListener, options: TlsListenerOptions) {
    this.#channels = channels;
    this.#options = options;
    const { limits, screen, signal } = options;
    this.#handshakes = new Handshakes(limits, screen);
    this.#forget = closeOnAbort(this, signal);
    this.#gone = this.#run();
  }

  get address(): HostPort {
    return this.#channels.address;
  }

  /** The null of a listener that closed comes when its port is given back. */
  async accept(): Promise<Connection | null> {
    const connection = await this.#handshakes.accept();
    if (connection === null) await this.#gone;
    return connection;
  }

  close(): void {
    if (this.#handshakes.closed) return;
    this.#forget();
    this.#handshakes.close();
    this.#channels.close();
    this.#stopWaiting();
  }

  async #run(): Promise<void> {
    while (!this.#handshakes.closed) {
      if (!this.#handshakes.mayBegin(performance.now())) {
        await this.#wait();
        continue;
      }
      const channel = await this.#channels.accept();
      if (channel === null) break;
      this.#begin(channel);
    }
  }

  #begin(channel: ByteChannel): void {
    const connection = new TlsConnection(channel, { ...this.#options.connection, isServer: true });
    // Whoever it is: to turn one away costs something, too.
    this.#handshakes.begin(performance.now());
    if (this.#handshakes.closed || !this.#handshakes.mayEnter(connection.remoteAddress)) {
      return connection.close("busy", "");
    }
    this.#handshakes.shake(connection, connection.shake().then(() => {}, () => {}));
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, LOOK_MS);
      this.#stopWaiting = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
