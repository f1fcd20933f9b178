// One end of `bench quic` and `bench wan`, in Deno or Bun: moves bytes over one stack until it is killed.

import process from "node:process";
import { openUdp } from "../../src/runtime/udp.ts";
import { emptyRootStore } from "../../src/trust/root_store.ts";
import type {
  Connection,
  ReceiveStream,
  SendStream,
  Transport,
} from "../../src/transport/transport.ts";
import { receiveByClasses, sendByClasses } from "./quic_classes.ts";
import { Meter, type PeerJob, say } from "./quic_job.ts";
import { moveInMemory } from "./quic_memory.ts";

const BUFFER_BYTES = 2 << 20;
const STATE_EVERY_MS = 250;

async function main(job: PeerJob): Promise<void> {
  switch (job.stack) {
    case "memory":
      await moveInMemory(job);
      // It is looked at from outside, until it is killed.
      setInterval(() => {}, 60_000);
      return;
    case "classes":
      return await (job.side === "receive" ? receiveByClasses(job) : sendByClasses(job));
    case "quiche":
    case "deno-quic": {
      emptyRootStore();
      const transport = await transportOf(job.stack);
      return await (job.side === "receive" ? receive(transport, job) : send(transport, job));
    }
  }
}

async function transportOf(stack: "quiche" | "deno-quic"): Promise<Transport> {
  const transport = stack === "quiche"
    ? await (await import("../../src/transport/quiche/quiche.ts")).loadQuicheTransport()
    : (await import("../../src/transport/deno_quic.ts")).denoQuicTransport();
  const obstacle = transport.unavailable();
  if (obstacle !== null) throw new Error(`Cannot measure ${stack}: ${obstacle}`);
  return transport;
}

async function receive(transport: Transport, job: PeerJob): Promise<void> {
  const listener = await transport.listen({ ...job, port: 0 });
  const udp = job.stack === "quiche" ? await udpKind(job.hostname) : "-";
  say({ line: "listening", port: listener.address.port, udp });
  const lanes: ReceiveStream[] = [];
  for (let i = 0; i < job.connections; i++) {
    const connection = await listener.accept();
    for (let lane = i; lane < job.lanes; lane += job.connections) {
      const stream = await connection?.acceptLane();
      if (stream) lanes.push(stream);
    }
  }
  const meter = new Meter(job);
  await Promise.all(lanes.map((lane) => readAll(lane, meter)));
}

/** Which socket the runtime has: asked, because a wish for the kernel's is not always granted. */
async function udpKind(hostname: string): Promise<string> {
  const socket = await openUdp({ hostname, port: 0, onReady: () => {} });
  await socket.close();
  return socket.kind;
}

/** Fills one buffer by several reads, as the tool does. */
async function readAll(lane: ReceiveStream, meter: Meter): Promise<void> {
  let buffer = new ArrayBuffer(BUFFER_BYTES);
  let filled = 0;
  for (;;) {
    const got = await lane.read(new Uint8Array(buffer, filled));
    if (got === null) return;
    meter.add(got.byteLength);
    buffer = got.buffer;
    filled = (filled + got.byteLength) % BUFFER_BYTES;
  }
}

async function send(transport: Transport, job: PeerJob): Promise<void> {
  const lanes: SendStream[] = [];
  const connections: Connection[] = [];
  for (let i = 0; i < job.connections; i++) {
    const connection = await transport.connect(job);
    connections.push(connection);
    for (let lane = i; lane < job.lanes; lane += job.connections) {
      const stream = await connection.openLane();
      // The other end learns of a lane by its first byte.
      await stream.write(new Uint8Array(1));
      lanes.push(stream);
    }
  }
  setInterval(() => {
    say({ line: "state", connections: connections.map((connection) => connection.stats()) });
  }, STATE_EVERY_MS);
  await Promise.all(lanes.map(async (lane) => {
    const buffer = new Uint8Array(BUFFER_BYTES).fill(0x5a);
    for (;;) await lane.write(buffer);
  }));
}

main(JSON.parse(process.argv[2] ?? "{}")).catch((thrown) => {
  console.error(thrown);
  process.exit(1);
});
