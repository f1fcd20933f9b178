// The same pipe straight over Deno's QUIC, for comparison: no interface, no error translation.

import type { PipeJob, PipeReport } from "./pipe.ts";
import { processCost } from "./process.ts";

const ALPN = "sftpx/1";
const CONTROLLERS = { auto: "default", cubic: "throughput", bbr: "low-latency" } as const;

export async function receiveRaw(job: PipeJob): Promise<PipeReport> {
  const endpoint = new Deno.QuicEndpoint({ hostname: "127.0.0.1", port: 0 });
  const listener = endpoint.listen({
    cert: job.certificatePem,
    key: job.keyPem,
    alpnProtocols: [ALPN],
    congestionControl: controller(job),
  });
  console.log(String(endpoint.addr.port));
  const streams: ReadableStream<Uint8Array<ArrayBuffer>>[] = [];
  for (let i = 0; i < job.connections; i++) {
    const conn = await listener.accept();
    const incoming = conn.incomingUnidirectionalStreams.getReader();
    for (let lane = i; lane < job.lanes; lane += job.connections) {
      const { value } = await incoming.read();
      if (value !== undefined) streams.push(value);
    }
  }
  const before = processCost();
  const startMs = performance.now();
  let bytes = 0;
  let reads = 0;
  await Promise.all(streams.map(async (stream) => {
    const reader = stream.getReader({ mode: "byob" });
    let buffer = new ArrayBuffer(job.readBytes);
    let filled = 0;
    for (;;) {
      if (job.reads === "fresh") buffer = new ArrayBuffer(job.readBytes);
      const { value, done } = await reader.read(new Uint8Array(buffer, filled));
      if (done) return;
      reads++;
      bytes += value.byteLength;
      buffer = value.buffer;
      if (job.reads === "fill") filled = (filled + value.byteLength) % job.readBytes;
    }
  }));
  const seconds = (performance.now() - startMs) / 1000;
  return { bytes, seconds, reads, cpuSeconds: processCost().cpuSeconds - before.cpuSeconds };
}

/** CPU seconds spent. */
export async function sendRaw(job: PipeJob): Promise<number> {
  const streams: WritableStream<Uint8Array>[] = [];
  for (let i = 0; i < job.connections; i++) {
    const conn = await Deno.connectQuic({
      hostname: "127.0.0.1",
      port: job.port,
      serverName: "sftpx",
      alpnProtocols: [ALPN],
      caCerts: [job.anchorPem],
      congestionControl: controller(job),
    });
    for (let lane = i; lane < job.lanes; lane += job.connections) {
      streams.push(await conn.createUnidirectionalStream());
    }
  }
  const before = processCost();
  let left = job.bytes;
  await Promise.all(streams.map(async (stream) => {
    const writer = stream.getWriter();
    const buffer = new Uint8Array(job.writeBytes).fill(0x5a);
    while (left > 0) {
      const count = Math.min(left, buffer.byteLength);
      left -= count;
      await writer.write(buffer.subarray(0, count));
    }
    await writer.close();
  }));
  return processCost().cpuSeconds - before.cpuSeconds;
}

function controller(job: PipeJob): (typeof CONTROLLERS)[keyof typeof CONTROLLERS] {
  return CONTROLLERS[job.congestion as keyof typeof CONTROLLERS];
}
