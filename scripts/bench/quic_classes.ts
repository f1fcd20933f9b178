// The class API of the package whose binding src/transport/quiche drives, used as its tests show: one
// QUICServer, one QUICClient, one stream.

import { createHmac, randomFillSync, timingSafeEqual } from "node:crypto";
import { createRequire } from "node:module";
import { Meter, type PeerJob, say } from "./quic_job.ts";

/** What is used of the package; its own types need a library of Node's that is not here. */
interface Classes {
  readonly QUICServer: new (options: Options) => Server;
  readonly QUICClient: { createQUICClient(options: Options): Promise<Client> };
  readonly events: {
    readonly EventQUICServerConnection: { readonly name: string };
    readonly EventQUICConnectionStream: { readonly name: string };
  };
}
type Options = Readonly<Record<string, unknown>>;
interface Server extends EventTarget {
  readonly port: number;
  start(at: { host: string; port: number }): Promise<void>;
}
interface Client {
  readonly connection: {
    newStream(type: "uni"): { readonly writable: WritableStream<Uint8Array> };
  };
}
interface ServerConnection extends EventTarget {
  readonly streamMap: ReadonlyMap<number, Incoming>;
}
interface Incoming {
  readonly readable: ReadableStream<Uint8Array>;
}
interface Detailed<T> extends Event {
  readonly detail: T;
}

const require = createRequire(import.meta.url);
const BUFFER_BYTES = 64 << 10;
const WINDOW_BYTES = 16 << 20;

export async function receiveByClasses(job: PeerJob): Promise<void> {
  const { QUICServer, events } = loadClasses();
  const server = new QUICServer({
    crypto: { key: randomFillSync(new Uint8Array(32)).buffer, ops: { sign, verify } },
    config: { ...windows(job), key: job.keyPem, cert: job.certificatePem, verifyPeer: false },
    logger: silence(),
  });
  const meter = new Meter(job);
  server.addEventListener(events.EventQUICServerConnection.name, (event) => {
    const connection = (event as Detailed<ServerConnection>).detail;
    connection.addEventListener(events.EventQUICConnectionStream.name, (event) => {
      void readAll((event as Detailed<Incoming>).detail, meter);
    });
    // In Deno a stream is there, and was told of, before the connection that it belongs to is.
    for (const stream of connection.streamMap.values()) void readAll(stream, meter);
  });
  await server.start({ host: job.hostname, port: 0 });
  say({ line: "listening", port: server.port, udp: "dgram" });
}

async function readAll({ readable }: Incoming, meter: Meter): Promise<void> {
  for await (const bytes of readable) meter.add(bytes.byteLength);
}

export async function sendByClasses(job: PeerJob): Promise<void> {
  const { QUICClient } = loadClasses();
  const client = await QUICClient.createQUICClient({
    host: job.hostname,
    port: job.port,
    localHost: job.hostname,
    crypto: { ops: { randomBytes } },
    // The name is that of the address in this API, and the leaf's is another: the anchor alone is asked.
    config: { ...windows(job), verifyPeer: true, verifyCallback: () => Promise.resolve(undefined) },
    logger: silence(),
  });
  const writer = client.connection.newStream("uni").writable.getWriter();
  const buffer = new Uint8Array(BUFFER_BYTES).fill(0x5a);
  for (;;) await writer.write(buffer);
}

function windows(job: PeerJob): Options {
  return {
    applicationProtos: ["sftpx/1"],
    maxIdleTimeout: 15_000,
    maxSendUdpPayloadSize: job.packetBytes,
    initialMaxData: 10 * WINDOW_BYTES,
    initialMaxStreamDataUni: WINDOW_BYTES,
    maxStreamWindow: WINDOW_BYTES,
    maxConnectionWindow: 10 * WINDOW_BYTES,
    readableChunkSize: BUFFER_BYTES,
  };
}

// deno-lint-ignore require-await -- the package wants promises
async function randomBytes(into: ArrayBuffer): Promise<void> {
  randomFillSync(new Uint8Array(into));
}

// deno-lint-ignore require-await -- the package wants promises
async function sign(key: ArrayBuffer, bytes: ArrayBuffer): Promise<ArrayBuffer> {
  const mac = createHmac("sha256", new Uint8Array(key)).update(new Uint8Array(bytes)).digest();
  return new Uint8Array(mac).buffer;
}

async function verify(key: ArrayBuffer, bytes: ArrayBuffer, mac: ArrayBuffer): Promise<boolean> {
  return timingSafeEqual(new Uint8Array(await sign(key, bytes)), new Uint8Array(mac));
}

function loadClasses(): Classes {
  return require("@matrixai/quic");
}

/** A logger that says nothing: the one they make for themselves writes on stderr. */
function silence(): unknown {
  const { default: Logger, LogLevel } = createRequire(require.resolve("@matrixai/quic"))(
    "@matrixai/logger",
  );
  return new Logger("bench", LogLevel.ERROR, []);
}
