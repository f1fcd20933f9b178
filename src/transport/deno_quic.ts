// Deno's own QUIC (quinn inside): the only file that touches it. Pins the server by its anchor,
// speaks ALPN `sftpx/1`, gives the client one bidirectional stream and either end lanes. It
// translates every foreign error and never lets one peer's handshake hold up another's.

import { ERROR_TABLE, errorCodeFromQuic, SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { escapeText } from "../base/text.ts";
import { type Address, dialFirst, formatAddress, resolveAddresses } from "./addresses.ts";
import {
  foreignText,
  isConnectionLost,
  lost,
  translateDial,
  translateListen,
} from "./quic_errors.ts";
import type {
  CloseInfo,
  Congestion,
  Connection,
  ConnectionStats,
  ConnectOptions,
  ControlStream,
  Listener,
  ListenOptions,
  ReceiveStream,
  SendStream,
  Transport,
} from "./transport.ts";
import { controlStream, WebReceiveStream, WebSendStream } from "./web_streams.ts";

const ALPN = "sftpx/1";
const SERVER_NAME = "sftpx";
/** A close packet carries the reason; a longer one would be cut by the stack anyway. */
const REASON_CHARS = 256;

export interface DenoQuicOptions {
  /** Silence after which a connection is lost. */
  readonly idleMs?: number;
  /** Keep-alive of the client; a server sends none, so that a silent peer ends by itself. */
  readonly keepAliveMs?: number;
  /** Longest handshake of a peer. */
  readonly handshakeMs?: number;
  /** Handshakes under way and connections not yet taken; more are dropped unanswered. */
  readonly halfOpenPeers?: number;
}

/** The transport over Deno's QUIC. */
export function denoQuicTransport(options: DenoQuicOptions = {}): Transport {
  const settings: Settings = {
    idleMs: options.idleMs ?? LIMITS.connectionIdleMs,
    keepAliveMs: options.keepAliveMs ?? LIMITS.keepAliveMs,
    handshakeMs: options.handshakeMs ?? LIMITS.handshakeMs,
    halfOpenPeers: options.halfOpenPeers ?? LIMITS.halfOpenPeers,
  };
  return {
    name: "deno-quic",
    unavailable,
    connect: (to) => connect(to, settings),
    listen: (at) => listen(at, settings),
  };
}

type Settings = Required<DenoQuicOptions>;

function unavailable(): string | null {
  const deno: Partial<typeof Deno> | undefined = globalThis.Deno;
  if (deno === undefined) return "this runtime is not Deno";
  if (typeof deno.connectQuic !== "function") return "QUIC is switched off: add --unstable-net";
  return null;
}

async function connect(options: ConnectOptions, settings: Settings): Promise<Connection> {
  const { hostname, port, signal } = options;
  const shown = escapeText(formatAddress(hostname, port));
  const obstacle = unavailable();
  if (obstacle !== null) {
    throw new SftpxError("unsupported", `Cannot connect to "${shown}": ${obstacle}`);
  }
  const limits = signal === undefined ? {} : { signal };
  try {
    const addresses = await resolveAddresses(hostname, port, limits);
    return await dialFirst(
      addresses,
      (address, lost) => dial(address, lost, { options, settings }),
      limits,
    );
  } catch (thrown) {
    if (signal?.aborted !== true || !isTimeout(signal.reason)) throw thrown;
    throw new SftpxError("unreachable", `Cannot connect to "${shown}": no answer in time`, {
      cause: thrown,
    });
  }
}

/** One attempt at one address, over an endpoint (a UDP socket) of its own. */
async function dial(
  address: Address,
  signal: AbortSignal,
  { options, settings }: { readonly options: ConnectOptions; readonly settings: Settings },
): Promise<Connection> {
  const shown = formatAddress(address.hostname, address.port);
  let endpoint: Deno.QuicEndpoint | null = null;
  // There is no other way to stop a handshake; the promise below then rejects.
  const onAbort = () => endpoint?.close();
  signal.addEventListener("abort", onAbort);
  try {
    // A socket on 0.0.0.0 cannot reach ::1, and one on :: needs IPv6 in the kernel.
    endpoint = new Deno.QuicEndpoint({ hostname: address.family === 4 ? "0.0.0.0" : "::" });
    const own = endpoint;
    const conn = await Deno.connectQuic<false>({
      hostname: address.hostname,
      port: address.port,
      serverName: SERVER_NAME,
      alpnProtocols: [ALPN],
      caCerts: [options.anchorPem],
      endpoint: own,
      keepAliveInterval: settings.keepAliveMs,
      ...transportOptions(options.congestion, settings),
      // A server has nothing to say on a stream both ways of its own.
      maxConcurrentBidirectionalStreams: 0,
    });
    return new QuicConnection(conn, () => own.close());
  } catch (thrown) {
    endpoint?.close();
    throw translateDial(thrown, shown);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

// deno-lint-ignore require-await -- every failure is a rejection
async function listen(options: ListenOptions, settings: Settings): Promise<Listener> {
  const { hostname, port, signal } = options;
  const shown = escapeText(formatAddress(hostname, port));
  const obstacle = unavailable();
  if (obstacle !== null) {
    throw new SftpxError("unsupported", `Cannot listen on "${shown}": ${obstacle}`);
  }
  signal?.throwIfAborted();
  let endpoint: Deno.QuicEndpoint | null = null;
  try {
    endpoint = new Deno.QuicEndpoint({ hostname, port });
    const incoming = endpoint.listen({
      cert: options.certificatePem,
      key: options.keyPem,
      alpnProtocols: [ALPN],
      ...transportOptions(options.congestion, settings),
      // The receive window of a connection is unlimited in this stack: streams are what bounds it.
      maxConcurrentBidirectionalStreams: 1,
    });
    return new QuicListener(endpoint, incoming, { settings, signal });
  } catch (thrown) {
    endpoint?.close();
    throw translateListen(thrown, shown);
  }
}

function transportOptions(
  congestion: Congestion | undefined,
  settings: Settings,
): Deno.QuicTransportOptions {
  const controllers = { auto: "default", cubic: "throughput", bbr: "low-latency" } as const;
  return {
    maxIdleTimeout: settings.idleMs,
    maxConcurrentUnidirectionalStreams: LIMITS.lanesPerConnection,
    congestionControl: controllers[congestion ?? "auto"],
  };
}

/** Shakes hands with many peers at once and hands over those that succeeded. */
class QuicListener implements Listener {
  readonly address: { readonly hostname: string; readonly port: number };
  readonly #endpoint: Deno.QuicEndpoint;
  readonly #listener: Deno.QuicListener;
  readonly #settings: Settings;
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
    options: { readonly settings: Settings; readonly signal: AbortSignal | undefined },
  ) {
    this.#endpoint = endpoint;
    this.#listener = listener;
    this.#settings = options.settings;
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
    this.#listener.stop();
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
      if (this.#closed || this.#shaking.size + this.#ready.length >= this.#settings.halfOpenPeers) {
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
      this.#settings.handshakeMs,
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

class QuicConnection implements Connection {
  readonly remoteAddress: string;
  readonly closed: Promise<CloseInfo>;
  readonly #conn: Deno.QuicConn;
  #lanes: ReadableStreamDefaultReader<ReadableStream<Uint8Array<ArrayBuffer>>> | null = null;
  #controlTaken = false;
  #closing: CloseInfo | null = null;
  #ended: CloseInfo | null = null;

  constructor(conn: Deno.QuicConn, onEnded: () => void) {
    this.#conn = conn;
    this.remoteAddress = formatAddress(conn.remoteAddr.hostname, conn.remoteAddr.port);
    this.closed = conn.closed.then(
      // A close of our own is reported as code 0 without a reason.
      (info) => this.#closing ?? remoteClose(info),
      (thrown) => this.#closing ?? { code: null, reason: foreignText(thrown), remote: false },
    ).then((info) => {
      this.#ended = info;
      onEnded();
      return info;
    });
  }

  get ended(): boolean {
    return this.#ended !== null;
  }

  async openControl(): Promise<ControlStream> {
    this.#takeControl();
    try {
      return this.#control(await this.#conn.createBidirectionalStream());
    } catch (thrown) {
      throw await this.#explain(thrown);
    }
  }

  async acceptControl(): Promise<ControlStream> {
    this.#takeControl();
    const reader = this.#conn.incomingBidirectionalStreams.getReader();
    try {
      const { value, done } = await reader.read();
      if (!done) return this.#control(value);
    } catch {
      // The connection ended; `closed` says why.
    } finally {
      reader.releaseLock();
    }
    throw lost(this.remoteAddress, await this.closed);
  }

  async openLane(): Promise<SendStream> {
    try {
      const stream = await this.#conn.createUnidirectionalStream({ waitUntilAvailable: true });
      return new WebSendStream(stream, this.#explain);
    } catch (thrown) {
      throw await this.#explain(thrown);
    }
  }

  async acceptLane(): Promise<ReceiveStream | null> {
    this.#lanes ??= this.#conn.incomingUnidirectionalStreams.getReader();
    try {
      const { value, done } = await this.#lanes.read();
      return done ? null : new WebReceiveStream(value, this.#explain);
    } catch {
      return null;
    }
  }

  stats(): ConnectionStats {
    return { rttMs: null, lossRatio: null, windowBytes: null };
  }

  close(code: CloseInfo["code"] & string, reason: string): void {
    if (this.#ended !== null || this.#closing !== null) return;
    this.#closing = { code, reason, remote: false };
    const closeCode = code === "none" ? 0 : ERROR_TABLE[code].quic;
    this.#conn.close({ closeCode, reason: reason.slice(0, REASON_CHARS) });
  }

  #takeControl(): void {
    if (this.#controlTaken) throw new TypeError("Cannot open the control stream twice");
    this.#controlTaken = true;
  }

  #control(stream: Deno.QuicBidirectionalStream): ControlStream {
    return controlStream(
      new WebSendStream(stream.writable, this.#explain),
      new WebReceiveStream(stream.readable, this.#explain),
    );
  }

  /** A stream fails a moment before its connection says why: wait for that where it is certain. */
  readonly #explain = async (thrown: unknown): Promise<Error> => {
    const ended = this.#ended ?? this.#closing ??
      (isConnectionLost(thrown) ? await this.closed : null);
    if (ended !== null) return lost(this.remoteAddress, ended, thrown);
    // A detached buffer, a write after close: the caller's mistake.
    if (thrown instanceof TypeError) return thrown;
    const found = `the stream is gone (${foreignText(thrown)})`;
    return new SftpxError("lost", `Cannot go on with "${this.remoteAddress}": ${found}`, {
      cause: thrown,
    });
  };
}

function remoteClose(info: Deno.QuicCloseInfo): CloseInfo {
  const code = info.closeCode === 0 ? "none" : errorCodeFromQuic(info.closeCode) ?? "failed";
  return { code, reason: info.reason, remote: true };
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === "TimeoutError";
}
