// A transport inside one process, for tests: the same interface and the same manners as QUIC (a
// read detaches its buffer, a lane shows once it carries bytes, a stream given up ends cleanly), with
// bounded buffers and faults on demand. Knows no TLS: it never checks an anchor.

import { SftpxError } from "../base/errors.ts";
import { formatAddress } from "./addresses.ts";
import { closeOnAbort } from "./close_on_abort.ts";
import { type MemoryConnection, MemoryLink } from "./memory_link.ts";
import { otherProtocol, portTaken, turnedAway } from "./quic_errors.ts";
import { Queue } from "./queue.ts";
import {
  type Connection,
  type ConnectOptions,
  type HostPort,
  type Listener,
  type ListenOptions,
  PROTOCOLS,
  type Screen,
  type Transport,
} from "./transport.ts";

export interface MemoryOptions {
  /** Where both ends seem to be (default 127.0.0.1). */
  readonly host?: string;
  /** Bytes written and not yet read, a stream. */
  readonly inFlightBytes?: number;
  /** Most bytes one read answers: small values cut records at awkward places. */
  readonly readBytes?: number;
  /** Bytes after which a connection is cut, both directions counted; null for never. */
  readonly cutAfterBytes?: number | null;
  /**
   * Awaited before bytes reach the reader: a test's own clock delays or reorders with it. Connections
   * are numbered from 0 in the order they were made.
   */
  readonly deliver?: (bytes: number, connection: number) => Promise<void> | void;
}

export interface MemoryTransport extends Transport {
  /** Loses one connection by its number, or every open one, in silence, as a pulled cable does. */
  cut(connection?: number): void;
}

const FIRST_PORT = 50_000;

/** A network of its own: only its own listeners can be reached. */
export function memoryTransport(options: MemoryOptions = {}): MemoryTransport {
  const listeners = new Map<number, MemoryListener>();
  const links = new Map<number, MemoryLink>();
  let nextPort = FIRST_PORT;
  let nextLink = 0;
  return {
    name: "memory",
    addsToRuntimeRoots: false,
    unavailable: () => null,
    // deno-lint-ignore require-await -- every failure is a rejection
    connect: async ({ hostname, port, protocol = "sftpx/1", signal }: ConnectOptions) => {
      signal?.throwIfAborted();
      const listener = listeners.get(port);
      if (listener === undefined) {
        const shown = formatAddress(hostname, port);
        throw new SftpxError("unreachable", `Cannot connect to "${shown}": no answer`);
      }
      if (!PROTOCOLS.includes(protocol)) throw otherProtocol(formatAddress(hostname, port));
      const number = nextLink++;
      const deliver = (bytes: number) => options.deliver?.(bytes, number);
      const link = new MemoryLink({ ...options, deliver, protocol }, nextPort++, port);
      links.set(number, link);
      link.closed.then(() => links.delete(number));
      if (!listener.screen(link.server.remoteAddress)) {
        link.server.close("busy", "");
        throw turnedAway(formatAddress(hostname, port));
      }
      listener.deliver(link.server);
      return link.client;
    },
    // deno-lint-ignore require-await -- every failure is a rejection
    listen: async ({ hostname, port, screen = () => true, signal }: ListenOptions) => {
      signal?.throwIfAborted();
      const bound = port === 0 ? nextPort++ : port;
      if (listeners.has(bound)) {
        const shown = formatAddress(hostname, bound);
        throw new SftpxError("io", `Cannot listen on "${shown}": ${portTaken(shown)}`);
      }
      const listener = new MemoryListener({ hostname, port: bound }, {
        screen,
        signal,
        onClosed: () => listeners.delete(bound),
      });
      listeners.set(bound, listener);
      return listener;
    },
    cut: (connection) => {
      for (const [number, link] of [...links]) {
        if (connection === undefined || connection === number) link.end(null);
      }
    },
  };
}

class MemoryListener implements Listener {
  readonly address: HostPort;
  readonly screen: Screen;
  readonly #connections = new Queue<MemoryConnection>();
  readonly #onClosed: () => void;

  constructor(
    address: HostPort,
    options: {
      readonly screen: Screen;
      readonly signal: AbortSignal | undefined;
      readonly onClosed: () => void;
    },
  ) {
    this.address = address;
    this.screen = options.screen;
    const forget = closeOnAbort(this, options.signal);
    this.#onClosed = () => {
      forget();
      options.onClosed();
    };
  }

  deliver(connection: MemoryConnection): void {
    this.#connections.push(connection);
  }

  accept(): Promise<Connection | null> {
    return this.#connections.take();
  }

  close(): void {
    this.#onClosed();
    for (const left of this.#connections.end()) left.close("none", "the server stopped listening");
  }
}
