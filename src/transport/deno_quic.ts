// The transport over Deno's own QUIC (quinn inside), which the `deno_quic` files alone touch: dials and
// listens. Pins the server by its anchor, agrees on a protocol by ALPN, gives the client one bidirectional
// stream and either end lanes. Translates every foreign error.

import { LIMITS } from "../base/limits.ts";
import { escapeText } from "../base/text.ts";
import { widenReceiveBuffer } from "../runtime/receive_buffer.ts";
import { type Address, dialHost, formatAddress, isLoopback, refuse } from "./addresses.ts";
import { QuicConnection } from "./deno_quic_connection.ts";
import { QuicListener, type ShakeLimits } from "./deno_quic_listener.ts";
import { handshakeLimits } from "./handshakes.ts";
import { translateDial, translateListen } from "./quic_errors.ts";
import {
  type Congestion,
  type Connection,
  type ConnectOptions,
  type Listener,
  type ListenOptions,
  PROTOCOLS,
  type Transport,
  type Wanted,
} from "./transport.ts";

const SERVER_NAME = "sftpx";

type Controller = Exclude<Congestion, "auto">;

export interface DenoQuicOptions extends Partial<ShakeLimits> {
  /** Silence after which a connection is lost. */
  readonly idleMs?: number;
  /** Keep-alive of the client; a server sends none, so that a silent peer ends by itself. */
  readonly keepAliveMs?: number;
}

/** The transport over Deno's QUIC. */
export function denoQuicTransport(options: DenoQuicOptions = {}): Transport {
  const settings: Settings = {
    idleMs: options.idleMs ?? LIMITS.connectionIdleMs,
    keepAliveMs: options.keepAliveMs ?? LIMITS.keepAliveMs,
    ...handshakeLimits(options),
    apartMs: LIMITS.arrivalsApartMs,
    lineMs: LIMITS.arrivalsLineMs,
  };
  return {
    name: "deno-quic",
    addsToRuntimeRoots: true,
    unavailable,
    connect: (to) => connect(to, settings),
    listen: (at) => listen(at, settings),
  };
}

type Settings = Required<DenoQuicOptions>;

function unavailable({ congestion, windowBytes }: Wanted = {}): string | null {
  const deno: Partial<typeof Deno> | undefined = globalThis.Deno;
  if (deno === undefined) return "this runtime is not Deno";
  if (typeof deno.connectQuic !== "function") return "QUIC is switched off: add --unstable-net";
  if (congestion === "reno") return "it has no reno, as --quic npm has";
  if (windowBytes !== undefined) return "its windows cannot be set, as those of --quic npm can";
  return null;
}

async function connect(options: ConnectOptions, settings: Settings): Promise<Connection> {
  refuse(unavailable(options), { action: "connect to", at: options });
  return await dialHost(options, (address, lost) => dial(address, lost, { options, settings }));
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
    widenReceiveBuffer(own.addr.port);
    const congestion = controllerOf(options.congestion, address.hostname);
    const conn = await Deno.connectQuic<false>({
      hostname: address.hostname,
      port: address.port,
      serverName: SERVER_NAME,
      alpnProtocols: [options.protocol ?? "sftpx/1"],
      caCerts: [options.anchorPem],
      endpoint: own,
      keepAliveInterval: settings.keepAliveMs,
      ...transportOptions(congestion, settings),
      // Until the server names its own, the shorter of the two, it is how long an answer is waited for.
      maxIdleTimeout: Math.max(settings.idleMs, options.patienceMs ?? 0),
      // A server has nothing to say on a stream both ways of its own.
      maxConcurrentBidirectionalStreams: 0,
    });
    return new QuicConnection(conn, { congestion, onEnded: () => own.close() });
  } catch (thrown) {
    endpoint?.close();
    throw translateDial(thrown, shown);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

// deno-lint-ignore require-await -- every failure is a rejection
async function listen(options: ListenOptions, settings: Settings): Promise<Listener> {
  const { hostname, port, screen, signal } = options;
  const shown = escapeText(formatAddress(hostname, port));
  refuse(unavailable(options), { action: "listen on", at: options });
  signal?.throwIfAborted();
  let endpoint: Deno.QuicEndpoint | null = null;
  try {
    endpoint = new Deno.QuicEndpoint({ hostname, port });
    widenReceiveBuffer(endpoint.addr.port);
    // Who comes is not known before it is chosen.
    const congestion = controllerOf(options.congestion, hostname);
    const incoming = endpoint.listen({
      cert: options.certificatePem,
      key: options.keyPem,
      alpnProtocols: [...PROTOCOLS],
      ...transportOptions(congestion, settings),
      // The receive window of a connection is unlimited in this stack: streams are what bounds it.
      maxConcurrentBidirectionalStreams: 1,
    });
    const more = { limits: settings, congestion, screen, signal };
    return new QuicListener(endpoint, incoming, more);
  } catch (thrown) {
    endpoint?.close();
    throw translateListen(thrown, shown);
  }
}

/**
 * What controls the sending where nobody says: BBR, which one lost packet of a thousand does not slow
 * down tenfold as it does CUBIC; CUBIC within the machine, where it takes half of BBR's processor time.
 */
function controllerOf(congestion: Congestion | undefined, hostname: string): Controller {
  if (congestion !== undefined && congestion !== "auto") return congestion;
  return isLoopback(hostname) ? "cubic" : "bbr";
}

function transportOptions(
  congestion: Controller,
  settings: Settings,
): Deno.QuicTransportOptions {
  const controllers = {
    cubic: "throughput",
    bbr: "low-latency",
    // Refused as unavailable.
    reno: "default",
  } as const;
  return {
    maxIdleTimeout: settings.idleMs,
    maxConcurrentUnidirectionalStreams: LIMITS.lanesPerConnection,
    congestionControl: controllers[congestion],
  };
}
