// Peers that nobody wants, for the flood benchmark and its tests: they come to a server's door over real
// QUIC and UDP, get in its way there as long as they may, and come again. Each kind keeps to no rule
// in another way. They come from several loopback addresses, where the system has them.

import { createSocket, type Socket } from "node:dgram";
import { randomBytes } from "node:crypto";
import { ControlChannel } from "../../src/session/control_channel.ts";
import { denoQuicTransport } from "../../src/transport/deno_quic.ts";
import { controlStream, WebReceiveStream, WebSendStream } from "../../src/transport/web_streams.ts";

/** What a peer does at the door. */
export type FloodKind = "half-open" | "silent" | "junk" | "claim" | "join" | "noise";

export const FLOOD_KINDS: readonly FloodKind[] = [
  "half-open",
  "silent",
  "junk",
  "claim",
  "join",
  "noise",
];

export interface FloodOptions {
  /** The server's, on loopback. */
  readonly port: number;
  readonly anchorPem: string;
  readonly kinds: readonly FloodKind[];
  /** Peers at once, spread over the kinds. */
  readonly peers: number;
  /** Addresses they come from: 127.0.0.FIRST and so many after it; where there is only one, that. */
  readonly addresses: number;
  /** How long a peer that was turned away waits before it comes again. */
  readonly pauseMs: number;
  readonly signal: AbortSignal;
}

/** What came of it so far. */
export interface FloodCounts {
  /** Peers that came, those that came again included. */
  came: number;
  /** Of these, those whose handshake was completed. */
  shook: number;
  /** Packets that are no QUIC, or the beginnings of it. */
  packets: number;
}

/** Counts, and what weighs on the collector: it does not see what a connection that ended still holds. */
interface Tally extends FloodCounts {
  ballast: ArrayBuffer | null;
}

const BALLAST_BYTES = 1 << 18;

const HERE = "127.0.0.1";
const FIRST = 11;
const LONG_HEADER = 0x80;
/** A peer that hears nothing begins anew. */
const PATIENCE_MS = 10_000;
/** What one peer sends before it rests. */
const NOISE_PACKETS = 8;

/** Floods until the signal is aborted; settles when all peers are gone. */
export async function flood(
  options: FloodOptions,
  onCounts: (counts: FloodCounts) => void = () => {},
): Promise<FloodCounts> {
  const counts: Tally = { came: 0, shook: 0, packets: 0, ballast: null };
  const places = await Places.open(options);
  // Whoever still waits to be let in is told at once: a peer that nobody answers waits for long.
  const hangUp = () => places.hangUp();
  options.signal.addEventListener("abort", hangUp);
  try {
    const { kinds, peers } = options;
    const openings = kinds.some((kind) => kind === "half-open" || kind === "noise")
      ? await recordOpenings(Math.min(peers, MOST_OPENINGS))
      : [];
    const timer = setInterval(() => onCounts(counts), 200);
    await Promise.all(Array.from({ length: peers }, async (_, index) => {
      const kind = kinds[index % kinds.length]!;
      const peer = { ...options, kind, index, counts, places, openings };
      // Not all in one turn: a flood that chokes on itself is none.
      await pause(Math.random() * options.pauseMs, options.signal);
      while (!options.signal.aborted) {
        await visit(peer);
        await pause(options.pauseMs * (0.5 + Math.random()), options.signal);
      }
    }));
    clearInterval(timer);
    onCounts(counts);
    return counts;
  } finally {
    options.signal.removeEventListener("abort", hangUp);
    places.close();
  }
}

interface Peer extends FloodOptions {
  readonly kind: FloodKind;
  readonly index: number;
  readonly counts: Tally;
  readonly places: Places;
  readonly openings: readonly Opening[];
}

async function visit(peer: Peer): Promise<void> {
  const { kind, counts, places, index } = peer;
  counts.came++;
  switch (kind) {
    case "half-open":
      return await halfOpen(peer);
    case "noise":
      return await noise(peer);
    case "claim":
    case "silent":
    case "junk":
    case "join":
      return await connected(peer, places.endpoint(index));
  }
}

/** First packets of a handshake, and not one more. */
async function halfOpen({ openings, index, counts, places, port, signal }: Peer): Promise<void> {
  const opening = openings[(counts.came * 7919 + index) % openings.length]!;
  places.send(opening, { index, port });
  // As long as a server waits for the rest; whoever floods does not wait so long.
  await pause(PATIENCE_MS / 10, signal);
}

/** Anything, and the beginnings and replays of something. */
async function noise({ openings, index, counts, places, port, signal }: Peer): Promise<void> {
  for (let n = 0; n < NOISE_PACKETS && !signal.aborted; n++) {
    places.send(noisePacket(openings[(index + n) % openings.length]!, n), { index, port });
    counts.packets++;
    if (n % 4 === 3) await pause(5, signal);
  }
}

function noisePacket(opening: Opening, n: number): Uint8Array {
  switch (n % 4) {
    case 0:
      return randomBytes(1 + Math.floor(Math.random() * 1400));
    case 1:
      return opening.subarray(0, Math.floor(Math.random() * opening.byteLength));
    case 2: {
      const spoiled = opening.slice();
      spoiled[Math.floor(Math.random() * spoiled.byteLength)]! ^= 0xff;
      return spoiled;
    }
    default: {
      // A version that nobody speaks asks for an answer.
      const foreign = Uint8Array.from(randomBytes(1200));
      foreign[0]! |= LONG_HEADER;
      return foreign;
    }
  }
}

/** A whole handshake, and then whatever its kind does. */
async function connected(peer: Peer, endpoint: Deno.QuicEndpoint): Promise<void> {
  const { kind, port, anchorPem, counts, signal } = peer;
  counts.ballast = new ArrayBuffer(BALLAST_BYTES);
  let conn: Deno.QuicConn | null = null;
  const onAbort = () => conn?.close();
  try {
    conn = await Deno.connectQuic<false>({
      hostname: HERE,
      port,
      serverName: "sftpx",
      alpnProtocols: [kind === "claim" ? "sftpx-claim/1" : "sftpx/1"],
      caCerts: [anchorPem],
      endpoint,
      maxIdleTimeout: PATIENCE_MS,
    });
    counts.shook++;
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    if (kind === "junk" || kind === "join") await speak(kind, conn);
    await conn.closed;
  } catch {
    // Turned away, which is what should happen.
  } finally {
    signal.removeEventListener("abort", onAbort);
    conn?.close();
  }
}

/** Junk on the control stream, or a join of a session that there is not. */
async function speak(kind: "junk" | "join", conn: Deno.QuicConn): Promise<void> {
  const { writable, readable } = await conn.createBidirectionalStream();
  const explain = (thrown: unknown) => Promise.resolve(thrown as Error);
  const stream = controlStream(
    new WebSendStream(writable, explain),
    new WebReceiveStream(readable, explain),
  );
  if (kind === "junk") {
    await stream.write(Uint8Array.from(randomBytes(16_384)));
    return;
  }
  const channel = new ControlChannel(stream);
  const nonce = new Uint8Array(randomBytes(32));
  channel.send({ type: "hello", version: 1, capabilities: [], nonce, agent: "" });
  await channel.expect("hello");
  const session = randomBytes(4).readUInt32BE();
  channel.send({ type: "join", session, connection: 1, mac: new Uint8Array(randomBytes(32)) });
  await channel.flushed();
}

/** The packet that begins one handshake. */
type Opening = Uint8Array;

/** So many different ones; a server meets each again only after the others. */
const MOST_OPENINGS = 1000;

/** So many at a time: a socket that nobody reads meanwhile holds a few hundred packets. */
const RECORDED_AT_ONCE = 64;

/** Takes down what clients of this runtime send first, at a port where nobody answers. */
async function recordOpenings(count: number): Promise<readonly Opening[]> {
  const sink = await boundSocket(HERE);
  const found = new Map<string, Uint8Array>();
  let onFound = () => {};
  sink.on("message", (bytes) => {
    // What a client of this runtime says first fits one packet; the same again is its repetition.
    found.set(bytes.subarray(6, 6 + (bytes[5] ?? 0)).toString("hex"), Uint8Array.from(bytes));
    onFound();
  });
  const { port } = sink.address();
  while (found.size < count) {
    const wanted = Math.min(count, found.size + RECORDED_AT_ONCE);
    const endpoint = new Deno.QuicEndpoint({ hostname: HERE });
    const enough = Promise.withResolvers<void>();
    onFound = () => found.size >= wanted ? enough.resolve() : undefined;
    const to = { hostname: HERE, port, serverName: "sftpx", alpnProtocols: ["sftpx/1"], endpoint };
    const tries = Array.from(
      { length: wanted - found.size },
      () => Deno.connectQuic<false>(to).catch(() => {}),
    );
    await enough.promise;
    endpoint.close();
    await Promise.all(tries);
  }
  await new Promise<void>((resolve) => sink.close(() => resolve()));
  return [...found.values()];
}

/** Where peers come from: for each address an endpoint for handshakes, and sockets for packets. */
class Places {
  /** None once they hung up. */
  readonly #endpoints: Deno.QuicEndpoint[];
  readonly #sockets: readonly Socket[];

  private constructor(endpoints: Deno.QuicEndpoint[], sockets: readonly Socket[]) {
    this.#endpoints = endpoints;
    this.#sockets = sockets;
  }

  static async open({ addresses }: FloodOptions): Promise<Places> {
    const endpoints: Deno.QuicEndpoint[] = [];
    const sockets: Socket[] = [];
    for (const hostname of await loopbackAddresses(addresses)) {
      endpoints.push(new Deno.QuicEndpoint({ hostname }));
      for (let n = 0; n < 4; n++) sockets.push(await boundSocket(hostname));
    }
    return new Places(endpoints, sockets);
  }

  endpoint(index: number): Deno.QuicEndpoint {
    return this.#endpoints[index % this.#endpoints.length]!;
  }

  send(packet: Uint8Array, { index, port }: { readonly index: number; readonly port: number }) {
    this.#sockets[index % this.#sockets.length]!.send(packet, port, HERE, () => {});
  }

  /** Ends every connection, and every try of one. */
  hangUp(): void {
    for (const endpoint of this.#endpoints.splice(0)) endpoint.close();
  }

  close(): void {
    this.hangUp();
    for (const socket of this.#sockets) socket.close();
  }
}

/** Linux has all of 127/8; others have one address, and all peers share it. */
async function loopbackAddresses(count: number): Promise<readonly string[]> {
  const wanted = Array.from({ length: count }, (_, index) => `127.0.0.${FIRST + index}`);
  try {
    (await boundSocket(wanted[0] ?? HERE)).close();
    return wanted;
  } catch {
    return [HERE];
  }
}

async function boundSocket(hostname: string): Promise<Socket> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(0, hostname, resolve);
  });
  socket.on("error", () => {}); // UDP promises nothing.
  return socket;
}

async function pause(pauseMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const over = Promise.withResolvers<void>();
  const timer = setTimeout(over.resolve, pauseMs);
  signal.addEventListener("abort", over.resolve as () => void, { once: true });
  await over.promise;
  signal.removeEventListener("abort", over.resolve as () => void);
  clearTimeout(timer);
}

/** Whether this runtime has what a flood is made of. */
export function canFlood(): boolean {
  return denoQuicTransport().unavailable() === null;
}

/** After it is asked to end, so long for saying goodbye to the server. */
const GOODBYE_MS = 1000;
/** What ended connections hold is given back by the collector, which does not see that it is much. */
const COLLECT_MS = 500;

/** As a process of its own: `FloodOptions` but for the signal as JSON in argv; runs until it is ended. */
function floodForEver(job: string): void {
  const stop = new AbortController();
  Deno.addSignalListener("SIGTERM", () => {
    stop.abort();
    setTimeout(() => Deno.exit(0), GOODBYE_MS);
  });
  // There with `--expose-gc` only.
  const { gc } = globalThis as { readonly gc?: () => void };
  if (gc !== undefined) setInterval(gc, COLLECT_MS);
  flood({ ...JSON.parse(job), signal: stop.signal }, ({ came, shook, packets }) => {
    console.log(JSON.stringify({ came, shook, packets }));
  }).then(() => Deno.exit(0));
}

if (import.meta.main) floodForEver(Deno.args[0] ?? "{}");
