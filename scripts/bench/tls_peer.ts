// One end of `bench tls`, in Deno or in Bun. The receiver prints its port, then its report; the sender
// prints its CPU seconds; both stay until they are killed, so that they can be looked at from outside.

import process from "node:process";
import { emptyRootStore } from "../../src/trust/root_store.ts";
import { tlsTransport } from "../../src/transport/tls/tls.ts";
import type { ReceiveStream } from "../../src/transport/transport.ts";
import { processCost } from "./process.ts";
import type { TlsJob, TlsReport } from "./tls.ts";
import { receiveRaw, sendRaw } from "./tls_raw.ts";

const HERE = "127.0.0.1";

async function main(job: TlsJob): Promise<void> {
  if (tlsTransport().addsToRuntimeRoots) emptyRootStore();
  const isRaw = job.stack === "raw";
  if (job.side === "receive") {
    console.log(JSON.stringify(await (isRaw ? receiveRaw(job) : receive(job))));
  } else {
    const before = processCost();
    await (isRaw ? sendRaw(job) : send(job));
    console.log(String(processCost().cpuSeconds - before.cpuSeconds));
  }
  // Connections stay open until the parent has seen both ends.
  setInterval(() => {}, 60_000);
}

async function receive(job: TlsJob): Promise<TlsReport> {
  const { certificatePem, keyPem } = job;
  const listener = await tlsTransport().listen({ hostname: HERE, port: 0, certificatePem, keyPem });
  console.log(String(listener.address.port));
  const connection = await listener.accept();
  connection?.proved?.(); // Or no window would grow.
  const lanes: ReceiveStream[] = [];
  while (lanes.length < job.lanes) lanes.push((await connection?.acceptLane())!);
  const before = processCost();
  const startMs = performance.now();
  let bytes = 0;
  let reads = 0;
  await Promise.all(lanes.map(async (lane) => {
    let buffer = new ArrayBuffer(job.readBytes);
    for (let filled = 0;;) {
      const got = await lane.read(new Uint8Array(buffer, filled));
      if (got === null) return;
      reads++;
      bytes += got.byteLength;
      buffer = got.buffer;
      filled = (filled + got.byteLength) % job.readBytes;
    }
  }));
  const seconds = (performance.now() - startMs) / 1000;
  return { bytes, seconds, reads, cpuSeconds: processCost().cpuSeconds - before.cpuSeconds };
}

async function send(job: TlsJob): Promise<void> {
  const { anchorPem, port } = job;
  const connection = await tlsTransport().connect({ hostname: HERE, port, anchorPem });
  let left = job.bytes;
  await Promise.all(Array.from({ length: job.lanes }, async () => {
    const lane = await connection.openLane();
    const buffer = new Uint8Array(job.writeBytes).fill(0x5a);
    while (left > 0) {
      const count = Math.min(left, buffer.byteLength);
      left -= count;
      await lane.write(buffer.subarray(0, count));
    }
    await lane.close();
  }));
}

main(JSON.parse(process.argv[2] ?? "{}"));
