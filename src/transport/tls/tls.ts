// The transport over TLS 1.3 on TCP, with the same identities, pins and protocols as over QUIC: dials and
// listens. A small multiplexer of our own (mux.ts) makes a control stream and lanes of one connection;
// several of these are a session's further lanes. Deno's TLS and `node:tls` lie below it.

import { LIMITS } from "../../base/limits.ts";
import { escapeText } from "../../base/text.ts";
import { type Address, dialHost, formatAddress, refuse } from "../addresses.ts";
import { DENO_TLS } from "../deno_tls.ts";
import { type HandshakeLimits, handshakeLimits } from "../handshakes.ts";
import { translateListen } from "../quic_errors.ts";
import type {
  Connection,
  ConnectOptions,
  Listener,
  ListenOptions,
  Transport,
  Wanted,
} from "../transport.ts";
import type { ChannelStack } from "./channel.ts";
import { STACK, TlsConnection } from "./connection.ts";
import { HangUps } from "./hang_ups.ts";
import { TlsListener } from "./listener.ts";
import { dialError, hungUp, noProtocol } from "./tls_errors.ts";
import { WindowBudget } from "./window_budget.ts";

export interface TlsOptions extends Partial<HandshakeLimits> {
  /** Whose TLS; the runtime's best where absent. */
  readonly channels?: ChannelStack;
  /** What all windows may grow by; the process's own where absent. */
  readonly budget?: WindowBudget;
  /** How long a port may hang up at each attempt that was never heard. */
  readonly hangUpMs?: number;
  /** How long an answer is waited for by a caller with no longer patience. */
  readonly answerMs?: number;
}

/** `node:tls`, which a runtime that has another need not evaluate. */
const NODE_TLS: ChannelStack = {
  addsToRuntimeRoots: false,
  connect: async (to) => await (await import("./node_channel.ts")).NODE_TLS.connect(to),
  listen: async (at) => await (await import("./node_channel.ts")).NODE_TLS.listen(at),
};

/** What all windows of this process may grow by. */
const BUDGET = new WindowBudget(LIMITS.muxWindowsBytes);

/** The transport over TLS on TCP. */
export function tlsTransport(options: TlsOptions = {}): Transport {
  const settings: Settings = {
    channels: options.channels ?? (globalThis.Deno === undefined ? NODE_TLS : DENO_TLS),
    budget: options.budget ?? BUDGET,
    hangUps: new HangUps(options.hangUpMs ?? LIMITS.connectionIdleMs),
    answerMs: options.answerMs ?? LIMITS.connectionIdleMs,
    limits: handshakeLimits(options),
  };
  return {
    name: STACK,
    addsToRuntimeRoots: settings.channels.addsToRuntimeRoots,
    unavailable,
    connect: (to) => connect(to, settings),
    listen: (at) => listen(at, settings),
  };
}

interface Settings {
  readonly channels: ChannelStack;
  readonly budget: WindowBudget;
  readonly hangUps: HangUps;
  readonly answerMs: number;
  readonly limits: HandshakeLimits;
}

function unavailable({ congestion = "auto" }: Wanted = {}): string | null {
  return congestion === "auto" ? null : "the system controls how TCP meets congestion";
}

async function connect(options: ConnectOptions, settings: Settings): Promise<Connection> {
  refuse(unavailable(options), { action: "connect to", at: options });
  return await dialHost(options, (address, lost) => dial(address, lost, { options, settings }));
}

/** One attempt at one address. */
async function dial(
  address: Address,
  signal: AbortSignal,
  { options, settings }: { readonly options: ConnectOptions; readonly settings: Settings },
): Promise<Connection> {
  const { anchorPem, protocol = "sftpx/1", patienceMs = 0 } = options;
  const shown = formatAddress(address.hostname, address.port);
  // As long as a silent connection lasts, or its caller waits: a system gives a port up after minutes.
  const mostMs = Math.max(settings.answerMs, patienceMs);
  // Not `AbortSignal.timeout`, which cannot be called off and outlives its dial.
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(), mostMs);
  const inTime = AbortSignal.any([signal, timeout.signal]);
  let connection: TlsConnection | null = null;
  const onAbort = () => connection?.close("none", "");
  inTime.addEventListener("abort", onAbort);
  let agreed;
  try {
    const channel = await settings.channels.connect({
      address,
      anchorPem,
      protocol,
      signal: inTime,
    });
    if (channel.rttMs !== null) options.onAnswer?.(channel.rttMs);
    connection = new TlsConnection(channel, {
      ...connectionOptions(options, settings),
      isServer: false,
    });
    if (inTime.aborted) onAbort();
    agreed = await connection.shake();
  } catch (thrown) {
    const error = dialError(thrown, { shown, timedOut: inTime.aborted && !signal.aborted });
    const isOver = error.code === "busy" && settings.hangUps.isOver(shown, performance.now());
    throw isOver ? hungUp(shown, thrown) : error;
  } finally {
    clearTimeout(timer);
    inTime.removeEventListener("abort", onAbort);
  }
  if (!agreed) throw noProtocol(shown);
  settings.hangUps.heard(shown);
  return connection;
}

async function listen(options: ListenOptions, settings: Settings): Promise<Listener> {
  const { hostname, port, screen, signal } = options;
  const shown = escapeText(formatAddress(hostname, port));
  refuse(unavailable(options), { action: "listen on", at: options });
  signal?.throwIfAborted();
  let channels;
  try {
    channels = await settings.channels.listen(options);
  } catch (thrown) {
    throw translateListen(thrown, shown, "TCP");
  }
  const listener = new TlsListener(channels, {
    limits: settings.limits,
    connection: connectionOptions(options, settings),
    screen,
    signal,
  });
  if (signal?.aborted) {
    listener.close();
    signal.throwIfAborted();
  }
  return listener;
}

function connectionOptions({ windowBytes }: Wanted, { budget }: Settings) {
  return { budget, mostWindowBytes: windowBytes ?? LIMITS.muxWindowBytes };
}
