// `node:tls` as channels, for runtimes that are not Deno: the only file that imports it. A server's TLS
// begins only once somebody wants the peer, on a TCP connection that was looked at before.

import { connect as connectTcp, createServer, type Server, type Socket } from "node:net";
import {
  connect as connectTls,
  createSecureContext,
  type TLSSocket,
  TLSSocket as Tls,
} from "node:tls";
import { TcpSockets } from "../../runtime/tcp_sockets.ts";
import { type HostPort, PROTOCOLS } from "../transport.ts";
import {
  type ByteChannel,
  type ChannelListener,
  type ChannelStack,
  SERVER_NAME,
} from "./channel.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const LEAST_VERSION = "TLSv1.3";
/** Bytes that came and nobody has read, from which on the socket is left alone: two of its reads. */
const MOST_UNREAD_BYTES = 1024 * 1024;
/** Peers that came and nobody has taken: as the system's own line. */
const MOST_WAITING = 128;

export const NODE_TLS: ChannelStack = {
  addsToRuntimeRoots: false,
  async connect({ address, anchorPem, protocol = "sftpx/1", signal }) {
    signal.throwIfAborted();
    const askedMs = performance.now();
    const { hostname: host, port, family } = address;
    const tcp = connectTcp({ host, port, family, noDelay: true });
    await opened(tcp, signal);
    const tookMs = performance.now() - askedMs;
    const rttMs = roundTripOf(tcp, { hostname: host, port }) ?? tookMs;
    const begin = () =>
      connectTls({
        socket: tcp,
        servername: SERVER_NAME,
        ca: [anchorPem],
        ALPNProtocols: [protocol],
        minVersion: LEAST_VERSION,
      });
    return new NodeChannel(tcp, { begin, done: "secureConnect", rttMs });
  },
  listen: async ({ hostname, port, certificatePem, keyPem }) => {
    const secureContext = createSecureContext({
      cert: certificatePem,
      key: keyPem,
      minVersion: LEAST_VERSION,
    });
    const server = createServer({ pauseOnConnect: true, noDelay: true });
    const listener = new NodeChannelListener(server, (tcp) => {
      const begin = () =>
        new Tls(tcp, { isServer: true, secureContext, ALPNProtocols: [...PROTOCOLS] });
      return new NodeChannel(tcp, { begin, done: "secure", rttMs: null });
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: hostname, port }, () => {
        server.off("error", reject);
        resolve();
      });
    });
    return listener;
  },
};

interface Beginning {
  /** Begins TLS on the connection. */
  readonly begin: () => TLSSocket;
  /** The event of a handshake that is complete. */
  readonly done: "secureConnect" | "secure";
  readonly rttMs: number | null;
}

type Reader = {
  readonly into: Bytes;
  readonly resolve: (count: number | null) => void;
  readonly reject: (error: Error) => void;
};

class NodeChannel implements ByteChannel {
  readonly remote: HostPort;
  readonly rttMs: number | null;
  readonly #tcp: Socket;
  readonly #beginning: Beginning;
  #tls: TLSSocket | null = null;
  readonly #unread: Uint8Array[] = [];
  #unreadBytes = 0;
  #reader: Reader | null = null;
  #atEnd = false;
  #error: Error | null = null;
  /** What a socket that ends under them ends too. */
  readonly #waiting = new Set<(error: Error) => void>();

  constructor(tcp: Socket, beginning: Beginning) {
    this.#tcp = tcp;
    this.#beginning = beginning;
    this.rttMs = beginning.rttMs;
    this.remote = { hostname: tcp.remoteAddress ?? "", port: tcp.remotePort ?? 0 };
    tcp.on("error", (error) => this.#fail(error));
    tcp.once("close", () => this.#fail(new Error("the TCP connection was closed before its end")));
  }

  handshake(): Promise<string | null> {
    return this.#unlessOver((resolve, reject) => {
      const tls = this.#beginning.begin();
      this.#tls = tls;
      tls.on("error", (error) => this.#fail(error));
      tls.once("close", () => this.#fail(new Error("the connection was closed before its end")));
      tls.on("data", (bytes: Uint8Array) => this.#came(bytes));
      tls.once("end", () => this.#ended());
      tls.once(this.#beginning.done, () => {
        // A server asks for no certificate; a client's handshake is none with another one than pinned.
        if (this.rttMs !== null && !tls.authorized) return reject(tls.authorizationError);
        resolve(typeof tls.alpnProtocol === "string" ? tls.alpnProtocol : null);
      });
    });
  }

  read(into: Bytes): Promise<number | null> {
    const there = this.#take(into);
    if (there > 0) return Promise.resolve(there);
    if (this.#atEnd) return Promise.resolve(null);
    if (this.#error !== null) return Promise.reject(this.#error);
    return new Promise((resolve, reject) => this.#reader = { into, resolve, reject });
  }

  write(bytes: Bytes): Promise<void> {
    return this.#unlessOver<void>((resolve, reject) => {
      this.#tls?.write(bytes, (error) => error ? reject(error) : resolve());
    });
  }

  end(): Promise<void> {
    return this.#unlessOver<void>((resolve) => {
      this.#tls?.end(() => resolve());
    });
  }

  destroy(): void {
    this.#tls?.destroy();
    this.#tcp.destroy();
    this.#fail(new Error("the connection was closed here"));
  }

  #came(bytes: Uint8Array): void {
    this.#unread.push(bytes);
    this.#unreadBytes += bytes.byteLength;
    if (this.#unreadBytes >= MOST_UNREAD_BYTES) this.#tls?.pause();
    const reader = this.#reader;
    if (reader === null) return;
    this.#reader = null;
    reader.resolve(this.#take(reader.into));
  }

  #take(into: Bytes): number {
    let taken = 0;
    for (let first = this.#unread[0]; first !== undefined && taken < into.byteLength;) {
      const part = first.subarray(0, into.byteLength - taken);
      into.set(part, taken);
      taken += part.byteLength;
      if (part.byteLength < first.byteLength) {
        first = this.#unread[0] = first.subarray(part.byteLength);
      } else {
        this.#unread.shift();
        first = this.#unread[0];
      }
    }
    const wasFull = this.#unreadBytes >= MOST_UNREAD_BYTES;
    this.#unreadBytes -= taken;
    if (wasFull && this.#unreadBytes < MOST_UNREAD_BYTES) this.#tls?.resume();
    return taken;
  }

  #ended(): void {
    this.#atEnd = true;
    this.#reader?.resolve(null);
    this.#reader = null;
  }

  #fail(error: Error): void {
    this.#error ??= error;
    this.#reader?.reject(this.#error);
    this.#reader = null;
    for (const reject of this.#waiting) reject(this.#error);
    this.#waiting.clear();
  }

  #unlessOver<T>(
    begin: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
  ): Promise<T> {
    if (this.#error !== null) return Promise.reject(this.#error);
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      begin((value) => {
        this.#waiting.delete(reject);
        resolve(value);
      }, reject);
    });
  }
}

class NodeChannelListener implements ChannelListener {
  readonly #server: Server;
  #bound: HostPort = { hostname: "", port: 0 };
  readonly #channels: NodeChannel[] = [];
  readonly #takers: ((channel: NodeChannel | null) => void)[] = [];
  readonly #open: (tcp: Socket) => NodeChannel;
  #isClosed = false;

  constructor(server: Server, open: (tcp: Socket) => NodeChannel) {
    this.#server = server;
    this.#open = open;
    server.on("connection", (tcp) => this.#came(tcp));
  }

  get address(): HostPort {
    const address = this.#server.address();
    if (typeof address !== "object" || address === null) return this.#bound;
    this.#bound = { hostname: address.address, port: address.port };
    return this.#bound;
  }

  accept(): Promise<ByteChannel | null> {
    const channel = this.#channels.shift();
    if (channel !== undefined) return Promise.resolve(channel);
    if (this.#isClosed) return Promise.resolve(null);
    return new Promise((resolve) => this.#takers.push(resolve));
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const channel of this.#channels.splice(0)) channel.destroy();
    this.#server.close();
    for (const taker of this.#takers.splice(0)) taker(null);
  }

  #came(tcp: Socket): void {
    if (this.#isClosed || this.#channels.length >= MOST_WAITING) {
      tcp.destroy();
      return;
    }
    const channel = this.#open(tcp);
    const taker = this.#takers.shift();
    if (taker !== undefined) taker(channel);
    else this.#channels.push(channel);
  }
}

/** As the kernel measured it, whatever else this machine does; null where it does not tell. */
function roundTripOf({ localPort }: Socket, remote: HostPort): number | null {
  using sockets = TcpSockets.open();
  return sockets?.pathOf({ localPort: localPort ?? 0, remote }).rttMs ?? null;
}

/** Settles when a TCP connection is open. */
function opened(tcp: Socket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      tcp.destroy();
      reject(signal.reason);
    };
    const settle = (settled: () => void) => {
      signal.removeEventListener("abort", onAbort);
      settled();
    };
    signal.addEventListener("abort", onAbort);
    tcp.once("connect", () => settle(resolve));
    tcp.once("error", (error) => settle(() => reject(error)));
  });
}
