// The ceiling of `bench quic`: two connections of the quiche binding in one process and one thread,
// their packets handed over directly. A driver adds sockets and turns to this and takes a second core.

import { randomBytes } from "node:crypto";
import { loadQuiche, type NativeConfig, type Quiche } from "../../src/transport/quiche/binding.ts";
import { congestionNumber } from "../../src/transport/quiche/settings.ts";
import { Meter, type PeerJob } from "./quic_job.ts";

type Connection = ReturnType<Quiche["Connection"]["connect"]>;

const CHUNK_BYTES = 1 << 20;
const STREAM_WINDOW_BYTES = 16 << 20;
const CONNECTION_WINDOW_BYTES = 10 * STREAM_WINDOW_BYTES;
const LARGEST_PACKET_BYTES = 65_527;
/** A client's first unidirectional stream. */
const LANE = 2;
const CLIENT = { host: "127.0.0.1", port: 40_001 };
const SERVER = { host: "127.0.0.1", port: 40_002 };
const TO_SERVER = { from: CLIENT, to: SERVER };
const TO_CLIENT = { from: SERVER, to: CLIENT };

/** Moves bytes from one connection to the other until the meter has what it wants. */
export async function moveInMemory(job: PeerJob): Promise<void> {
  const quiche = await loadQuiche();
  if (typeof quiche === "string") throw new Error(`Cannot measure quiche: ${quiche}`);
  const { client, server } = connectPair(quiche, job);
  const meter = new Meter(job);
  const packet = new Uint8Array(LARGEST_PACKET_BYTES);
  const source = new Uint8Array(CHUNK_BYTES).fill(0x5a);
  const sink = new Uint8Array(CHUNK_BYTES);
  while (!meter.over) {
    while (client.streamSend(LANE, source, false) === CHUNK_BYTES);
    flush(client, { packet, onPacket: (bytes) => server.recv(bytes, TO_SERVER) });
    for (;;) {
      const got = server.streamRecv(LANE, sink);
      if (got === null) break;
      meter.add(got[0]);
    }
    flush(server, { packet, onPacket: (bytes) => client.recv(bytes, TO_CLIENT) });
    for (const connection of [client, server]) {
      if (connection.timeout() === 0) connection.onTimeout();
    }
  }
}

/** Two connections that have shaken hands. */
function connectPair(quiche: Quiche, job: PeerJob): { client: Connection; server: Connection } {
  const id = () => new Uint8Array(randomBytes(20));
  const pem = (text: string) => new TextEncoder().encode(text);
  const forClient = quiche.Config.withBoringSslCtx(true, false, pem(job.anchorPem), null, null);
  const key = [pem(job.keyPem)];
  const chain = [pem(job.certificatePem)];
  const forServer = quiche.Config.withBoringSslCtx(false, false, null, key, chain);
  for (const config of [forClient, forServer]) configure(config, job);
  const client = quiche.Connection.connect("sftpx", id(), CLIENT, SERVER, forClient);
  const server = quiche.Connection.accept(id(), null, SERVER, CLIENT, forServer);
  const packet = new Uint8Array(LARGEST_PACKET_BYTES);
  while (!client.isEstablished() || !server.isEstablished()) {
    flush(client, { packet, onPacket: (bytes) => server.recv(bytes, TO_SERVER) });
    flush(server, { packet, onPacket: (bytes) => client.recv(bytes, TO_CLIENT) });
  }
  return { client, server };
}

function configure(config: NativeConfig, job: PeerJob): void {
  config.setApplicationProtos(["sftpx/1"]);
  config.setMaxIdleTimeout(15_000);
  config.setMaxRecvUdpPayloadSize(LARGEST_PACKET_BYTES);
  config.setMaxSendUdpPayloadSize(job.packetBytes);
  config.setInitialMaxData(CONNECTION_WINDOW_BYTES);
  config.setInitialMaxStreamDataUni(STREAM_WINDOW_BYTES);
  config.setInitialMaxStreamsUni(1);
  config.setMaxStreamWindow(STREAM_WINDOW_BYTES);
  config.setMaxConnectionWindow(CONNECTION_WINDOW_BYTES);
  config.setCcAlgorithm(congestionNumber(job.congestion));
  config.enablePacing(false);
}

interface Handing {
  readonly packet: Uint8Array;
  readonly onPacket: (bytes: Uint8Array) => void;
}

function flush(from: Connection, { packet, onPacket }: Handing): void {
  for (;;) {
    const sent = from.send(packet);
    if (sent === null) return;
    onPacket(packet.subarray(0, sent[0]));
  }
}
