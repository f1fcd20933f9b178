// The transport over quiche, an addon from npm, which runs wherever addons do: dials and listens. The
// packets are moved by our own driver (`endpoint.ts`); sockets are the runtime room's. Pins the server by
// its anchor and trusts nothing else; no session is resumed and nothing is said before the handshake.

import { SftpxError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import { escapeText } from "../../base/text.ts";
import { openUdp } from "../../runtime/udp.ts";
import { type Address, dialHost, formatAddress, resolveAddresses } from "../addresses.ts";
import { translateDial, translateListen } from "../quic_errors.ts";
import type {
  Connection,
  ConnectOptions,
  Listener,
  ListenOptions,
  Transport,
} from "../transport.ts";
import { loadQuiche, type NativeConfig, type Quiche } from "./binding.ts";
import { OWN_ID_BYTES } from "./connection_ids.ts";
import { Endpoint, type OpenSocket } from "./endpoint.ts";
import { dialError } from "./ends.ts";
import { type Premises, QuicheListener, type QuicheShakeLimits, shakeLimits } from "./listener.ts";
import {
  clientConfig,
  type ConnectionSettings,
  packetBytesByHost,
  serverConfig,
  setWindows,
  type WindowLedger,
  windowLedger,
  type WindowOffer,
} from "./settings.ts";

export interface QuicheOptions extends Partial<QuicheShakeLimits> {
  /** Silence after which a connection is lost. */
  readonly idleMs?: number;
  /** Keep-alive of the client; a server sends none, so that a silent peer ends by itself. */
  readonly keepAliveMs?: number;
  /** Bytes of one packet; by the peer's address where absent. */
  readonly packetBytes?: number;
  /** Sockets of another kind than the runtime's, for tests. */
  readonly openSocket?: OpenSocket;
  /** What all connections may promise; the process's own where absent. */
  readonly ledger?: WindowLedger;
}

const SERVER_NAME = "sftpx";

/** Loads the addon and answers the transport, usable or not; never rejects. */
export async function loadQuicheTransport(options: QuicheOptions = {}): Promise<Transport> {
  return quicheTransport(await loadQuiche(), options);
}

/** The transport over a binding, or one that says why there is none. */
export function quicheTransport(loaded: Quiche | string, options: QuicheOptions = {}): Transport {
  const usable = (): Quiche => {
    if (typeof loaded !== "string") return loaded;
    throw new SftpxError("unsupported", `Cannot use quiche: ${loaded}`);
  };
  return {
    name: "quiche",
    addsToRuntimeRoots: false,
    unavailable: () => typeof loaded === "string" ? loaded : null,
    // deno-lint-ignore require-await -- every failure is a rejection
    connect: async (to) => connect(to, stackOf(usable(), options)),
    // deno-lint-ignore require-await -- every failure is a rejection
    listen: async (at) => listen(at, stackOf(usable(), options)),
  };
}

interface Stack {
  readonly quiche: Quiche;
  readonly openSocket: OpenSocket;
  readonly idleMs: number;
  readonly keepAliveMs: number;
  readonly ledger: WindowLedger;
  readonly packetBytesTo: (host: string) => number;
  readonly limits: QuicheShakeLimits;
}

function stackOf(quiche: Quiche, options: QuicheOptions): Stack {
  const { idleMs, keepAliveMs, packetBytes, openSocket, ledger, ...limits } = options;
  return {
    quiche,
    openSocket: openSocket ?? openUdp,
    idleMs: idleMs ?? LIMITS.connectionIdleMs,
    keepAliveMs: keepAliveMs ?? LIMITS.keepAliveMs,
    ledger: ledger ?? windowLedger(),
    packetBytesTo: packetBytes === undefined ? packetBytesByHost() : () => packetBytes,
    limits: shakeLimits(limits),
  };
}

async function connect(options: ConnectOptions, stack: Stack): Promise<Connection> {
  const attempts: Promise<Connection>[] = [];
  try {
    return await dialHost(options, (address, lost) => {
      const attempt = dial(address, lost, { options, stack });
      attempts.push(attempt);
      return attempt;
    });
  } catch (thrown) {
    // What was begun is put away first: a socket closes no sooner than its last word is said.
    await Promise.allSettled(attempts);
    throw thrown;
  }
}

/** One attempt at one address, over a socket of its own. */
async function dial(
  address: Address,
  signal: AbortSignal,
  { options, stack }: { readonly options: ConnectOptions; readonly stack: Stack },
): Promise<Connection> {
  const shown = formatAddress(address.hostname, address.port);
  const { anchorPem, protocol = "sftpx/1" } = options;
  const offer = stack.ledger.offer(options.windowBytes ?? LIMITS.windowBytes);
  let connection;
  try {
    const settings = {
      ...settingsOf(options, { stack, offer, host: address.hostname }),
      // Until the server names its own, the shorter of the two, it is how long an answer is waited for.
      idleMs: Math.max(stack.idleMs, options.patienceMs ?? 0),
    };
    const config = clientConfig(stack.quiche, { anchorPem, protocol }, settings);
    const endpoint = await Endpoint.open({
      quiche: stack.quiche,
      openSocket: stack.openSocket,
      // A socket on 0.0.0.0 cannot reach ::1, and one on :: needs IPv6 in the kernel.
      hostname: address.family === 4 ? "0.0.0.0" : "::",
      port: 0,
      endsWithLast: true,
    });
    try {
      connection = endpoint.connect({
        serverName: SERVER_NAME,
        config,
        remote: { host: address.hostname, port: address.port },
        keepAliveMs: stack.keepAliveMs,
      });
    } catch (thrown) {
      endpoint.closeAfterLast();
      throw thrown;
    }
  } catch (thrown) {
    offer.release();
    throw translateDial(thrown, shown);
  }
  connection.closed.then(() => offer.release());
  const own = connection;
  const onAbort = () => own.close("none", "");
  signal.addEventListener("abort", onAbort);
  if (signal.aborted) onAbort();
  await connection.handshaken;
  signal.removeEventListener("abort", onAbort);
  const { linkEnd } = connection;
  if (linkEnd === null && !signal.aborted) return connection;
  await connection.closed;
  signal.throwIfAborted();
  throw dialError(linkEnd ?? { kind: "silent" }, shown);
}

async function listen(options: ListenOptions, stack: Stack): Promise<Listener> {
  const { hostname, port, screen, signal } = options;
  const shown = escapeText(formatAddress(hostname, port));
  signal?.throwIfAborted();
  let listener: QuicheListener | null = null;
  let configs;
  let endpoint;
  try {
    configs = new ServerConfigs(options, stack);
    endpoint = await Endpoint.open({
      quiche: stack.quiche,
      openSocket: stack.openSocket,
      hostname: await literalOf(hostname, shown),
      port,
      endsWithLast: false,
      onStranger: (packet, path) => listener?.onStranger(packet, path),
    });
  } catch (thrown) {
    throw thrown instanceof SftpxError ? thrown : translateListen(thrown, shown);
  }
  listener = new QuicheListener(premisesOf(endpoint, configs), {
    limits: stack.limits,
    idBytes: OWN_ID_BYTES,
    screen,
    signal,
  });
  if (signal?.aborted) {
    listener.close();
    signal.throwIfAborted();
  }
  return listener;
}

function premisesOf(endpoint: Endpoint, configs: ServerConfigs): Premises {
  const { host, port } = endpoint.local;
  return {
    local: { hostname: host, port },
    begin: ({ ownId, clientId, originalId }, packet, path) => {
      const { config, offer } = configs.for(path.remote.host);
      const aliasId = originalId === null ? clientId : null;
      const connection = endpoint.accept({ ownId, originalId, aliasId, config, path, packet });
      if (connection === null) offer.release();
      else connection.closed.then(() => offer.release());
      return connection;
    },
    answer: (packet, path) => endpoint.answer(packet, path),
    vacate: () => endpoint.closeAfterLast(),
    get closed() {
      return endpoint.closed;
    },
  };
}

/** A server's configurations: one for each size of packets, its windows set for each connection. */
class ServerConfigs {
  readonly #options: ListenOptions;
  readonly #stack: Stack;
  readonly #made = new Map<number, NativeConfig>();

  constructor(options: ListenOptions, stack: Stack) {
    this.#options = options;
    this.#stack = stack;
    // What is wrong with a certificate shows at once.
    this.for("127.0.0.1").offer.release();
  }

  for(host: string): { readonly config: NativeConfig; readonly offer: WindowOffer } {
    const stack = this.#stack;
    const offer = stack.ledger.offer(this.#options.windowBytes ?? LIMITS.windowBytes);
    const { firstBytes: firstWindowBytes } = offer;
    const settings = { ...settingsOf(this.#options, { stack, offer, host }), firstWindowBytes };
    let config = this.#made.get(settings.packetBytes);
    if (config === undefined) {
      try {
        config = serverConfig(stack.quiche, this.#options, settings);
      } catch (thrown) {
        offer.release();
        throw thrown;
      }
      this.#made.set(settings.packetBytes, config);
    }
    setWindows(config, settings);
    return { config, offer };
  }
}

function settingsOf(
  options: Pick<ConnectOptions, "congestion">,
  { stack, offer, host }: {
    readonly stack: Stack;
    readonly offer: WindowOffer;
    readonly host: string;
  },
): ConnectionSettings {
  return {
    idleMs: stack.idleMs,
    packetBytes: stack.packetBytesTo(host),
    congestion: options.congestion ?? "auto",
    streamWindowBytes: offer.streamBytes,
    connectionWindowBytes: offer.connectionBytes,
  };
}

/** Sockets are bound to addresses: a name stands for its first one. */
async function literalOf(hostname: string, shown: string): Promise<string> {
  try {
    const [first] = await resolveAddresses(hostname, 0);
    return first?.hostname ?? hostname;
  } catch (cause) {
    throw new SftpxError("io", `Cannot listen on "${shown}": the name is unknown`, { cause });
  }
}
