// One end of `bench pipe`. The receiver prints its port, then its report; the sender prints its cost;
// both stay until they are killed, so that they can be looked at from outside.

import { emptyRootStore } from "../../src/trust/root_store.ts";
import { denoQuicTransport } from "../../src/transport/deno_quic.ts";
import type { Congestion, ReceiveStream, SendStream } from "../../src/transport/transport.ts";
import type { PipeJob, PipeReport } from "./pipe.ts";
import { receiveRaw, sendRaw } from "./pipe_raw.ts";
import { processCost } from "./process.ts";

async function main(job: PipeJob): Promise<void> {
  emptyRootStore();
  const raw = job.stack === "raw";
  if (job.side === "receive") {
    console.log(JSON.stringify(await (raw ? receiveRaw(job) : receive(job))));
  } else {
    console.log(JSON.stringify({ cpuSeconds: await (raw ? sendRaw(job) : send(job)) }));
  }
  // Connections stay open until the parent has seen both ends.
  setInterval(() => {}, 60_000);
}

async function receive(job: PipeJob): Promise<PipeReport> {
  const listener = await denoQuicTransport().listen({
    hostname: "127.0.0.1",
    port: 0,
    certificatePem: job.certificatePem,
    keyPem: job.keyPem,
    congestion: job.congestion as Congestion,
  });
  console.log(String(listener.address.port));
  const lanes: ReceiveStream[] = [];
  for (let i = 0; i < job.connections; i++) {
    const connection = await listener.accept();
    for (let lane = i; lane < job.lanes; lane += job.connections) {
      const stream = await connection?.acceptLane();
      if (stream) lanes.push(stream);
    }
  }
  const before = processCost();
  const startMs = performance.now();
  let bytes = 0;
  let reads = 0;
  await Promise.all(lanes.map(async (lane) => {
    let buffer = new ArrayBuffer(job.readBytes);
    let filled = 0;
    for (;;) {
      if (job.reads === "fresh") buffer = new ArrayBuffer(job.readBytes);
      const got = await lane.read(new Uint8Array(buffer, filled));
      if (got === null) return;
      reads++;
      bytes += got.byteLength;
      buffer = got.buffer;
      if (job.reads === "fill") filled = (filled + got.byteLength) % job.readBytes;
    }
  }));
  const seconds = (performance.now() - startMs) / 1000;
  return { bytes, seconds, reads, cpuSeconds: processCost().cpuSeconds - before.cpuSeconds };
}

/** CPU seconds spent. */
async function send(job: PipeJob): Promise<number> {
  const lanes: SendStream[] = [];
  for (let i = 0; i < job.connections; i++) {
    const connection = await denoQuicTransport().connect({
      hostname: "127.0.0.1",
      port: job.port,
      anchorPem: job.anchorPem,
      congestion: job.congestion as Congestion,
    });
    for (let lane = i; lane < job.lanes; lane += job.connections) {
      lanes.push(await connection.openLane());
    }
  }
  const before = processCost();
  let left = job.bytes;
  await Promise.all(lanes.map(async (lane) => {
    const buffer = new Uint8Array(job.writeBytes).fill(0x5a);
    while (left > 0) {
      const count = Math.min(left, buffer.byteLength);
      left -= count;
      await lane.write(buffer.subarray(0, count));
    }
    await lane.close();
  }));
  return processCost().cpuSeconds - before.cpuSeconds;
}

if (import.meta.main) main(JSON.parse(Deno.args[0] ?? "{}"));
