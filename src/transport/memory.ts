// A transport inside one process, for tests: the same interface and the same manners as QUIC (a
// read detaches its buffer, a lane shows once it carries bytes, a stream given up ends cleanly), with
// bounded buffers and faults on demand. Knows no TLS: it never checks an anchor.

import { SftpxError } from "../base/errors.ts";
import { formatAddress } from "./addresses.ts";
import { closeOnAbort } from "./close_on_abort.ts";
import { lost, otherProtocol, portTaken, turnedAway } from "./quic_errors.ts";
import { MemoryPipe } from "./memory_pipe.ts";
import { Queue } from "./queue.ts";
import {
  type CloseInfo,
  type Connection,
  type ConnectionStats,
  type ConnectOptions,
  type ControlStream,
  type HostPort,
  type Listener,
  type ListenOptions,
  type Protocol,
  PROTOCOLS,
  type ReceiveStream,
  type Screen,
  type SendStream,
  type Transport,
} from "./transport.ts";
import { controlStream } from "./web_streams.ts";

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
  const links = new Map<number, Link>();
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
      const link = new Link({ ...options, deliver, protocol }, nextPort++, port);
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

/** What a link's own bytes are told to. */
type LinkOptions = Omit<MemoryOptions, "deliver"> & {
  readonly deliver: (bytes: number) => Promise<void> | void;
  readonly protocol: Protocol;
};

/** Both ends of one connection, and what ended it. */
class Link {
  readonly client: MemoryConnection;
  readonly server: MemoryConnection;
  readonly closed: Promise<void>;
  #settleClosed: () => void = () => {};
  #carriedBytes = 0;
  #ended = false;
  readonly #options: LinkOptions;

  constructor(options: LinkOptions, clientPort: number, serverPort: number) {
    this.#options = options;
    const { host = "127.0.0.1" } = options;
    this.client = new MemoryConnection(this, formatAddress(host, serverPort));
    this.server = new MemoryConnection(this, formatAddress(host, clientPort));
    this.closed = new Promise((resolve) => this.#settleClosed = resolve);
  }

  get protocol(): Protocol {
    return this.#options.protocol;
  }

  peerOf(connection: MemoryConnection): MemoryConnection {
    return connection === this.client ? this.server : this.client;
  }

  pipe(onFirstBytes: () => void): MemoryPipe {
    const { inFlightBytes = 1 << 20, readBytes = Infinity, deliver } = this.#options;
    return new MemoryPipe({
      inFlightBytes,
      readBytes,
      onFirstBytes,
      deliver: async (bytes) => {
        await deliver(bytes);
        this.#carry(bytes);
      },
    });
  }

  /** `by` is the end that closed; null for a cut. */
  end(by: { end: MemoryConnection; info: CloseInfo } | null): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const end of [this.client, this.server]) {
      if (by === null) end.finish({ code: null, reason: "cut", remote: false });
      else end.finish({ ...by.info, remote: end !== by.end });
    }
    this.#settleClosed();
  }

  #carry(bytes: number): void {
    this.#carriedBytes += bytes;
    const limit = this.#options.cutAfterBytes ?? null;
    if (limit !== null && this.#carriedBytes > limit) this.end(null);
  }
}

class MemoryConnection implements Connection {
  readonly stack = "memory";
  readonly remoteAddress: string;
  readonly protocol: Protocol;
  readonly closed: Promise<CloseInfo>;
  readonly #link: Link;
  readonly #lanes = new Queue<ReceiveStream>();
  readonly #controls = new Queue<ControlStream>();
  readonly #pipes = new Set<MemoryPipe>();
  #settleClosed: (info: CloseInfo) => void = () => {};
  #ended: CloseInfo | null = null;
  #controlTaken = false;

  constructor(link: Link, remoteAddress: string) {
    this.#link = link;
    this.remoteAddress = remoteAddress;
    this.protocol = link.protocol;
    this.closed = new Promise((resolve) => this.#settleClosed = resolve);
  }

  // deno-lint-ignore require-await -- every failure is a rejection
  async openControl(): Promise<ControlStream> {
    this.#takeControl();
    this.#throwIfEnded();
    const peer = this.#link.peerOf(this);
    const toPeer = this.#pipe(() =>
      peer.#controls.push(controlStream(peer.#end(toUs), peer.#end(toPeer)))
    );
    const toUs = this.#pipe(() => {});
    return controlStream(this.#end(toPeer), this.#end(toUs));
  }

  async acceptControl(): Promise<ControlStream> {
    this.#takeControl();
    const control = await this.#controls.take();
    if (control === null) throw lost(this.remoteAddress, await this.closed);
    return control;
  }

  // deno-lint-ignore require-await -- every failure is a rejection
  async openLane(): Promise<SendStream> {
    this.#throwIfEnded();
    const peer = this.#link.peerOf(this);
    const pipe = this.#pipe(() => peer.#lanes.push(peer.#end(pipe)));
    return this.#end(pipe);
  }

  acceptLane(): Promise<ReceiveStream | null> {
    return this.#lanes.take();
  }

  stats(): ConnectionStats {
    return { rttMs: null, lossRatio: null, windowBytes: null };
  }

  close(code: CloseInfo["code"] & string, reason: string): void {
    this.#link.end({ end: this, info: { code, reason, remote: false } });
  }

  /** The link's word that it is over. */
  finish(info: CloseInfo): void {
    this.#ended = info;
    for (const pipe of this.#pipes) pipe.fail();
    this.#pipes.clear();
    this.#lanes.end();
    this.#controls.end();
    this.#settleClosed(info);
  }

  #takeControl(): void {
    if (this.#controlTaken) throw new TypeError("Cannot open the control stream twice");
    this.#controlTaken = true;
  }

  #throwIfEnded(): void {
    if (this.#ended !== null) throw lost(this.remoteAddress, this.#ended);
  }

  #pipe(onFirstBytes: () => void): MemoryPipe {
    const pipe = this.#link.pipe(onFirstBytes);
    this.#pipes.add(pipe);
    return pipe;
  }

  /** One end of a pipe as this connection's owner sees it: its failures name this connection. */
  #end(pipe: MemoryPipe): SendStream & ReceiveStream {
    const explain = (thrown: unknown): unknown => {
      if (thrown instanceof TypeError) return thrown;
      const info = this.#ended;
      if (info !== null) return lost(this.remoteAddress, info);
      const text = `Cannot go on with "${this.remoteAddress}": the stream is gone`;
      return new SftpxError("lost", text);
    };
    const rethrow = (thrown: unknown): never => {
      throw explain(thrown);
    };
    return {
      write: (bytes) => pipe.write(bytes).catch(rethrow),
      close: () => pipe.close().catch(rethrow),
      abort: () => void pipe.close().catch(() => {}),
      read: (into) => pipe.read(into).catch(rethrow),
      cancel: () => pipe.fail(),
    };
  }
}
