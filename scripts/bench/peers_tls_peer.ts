// One end of a bare TLS pipe, as the runtime gives it, for `bench peers`. Speaks as pipe_peer.ts does: a port,
// then a report or a cost; stays until it is ended.

import { emptyRootStore } from "../../src/trust/root_store.ts";
import type { PipeJob, PipeReport } from "./pipe.ts";
import { processCost } from "./process.ts";

const HOST = "127.0.0.1";

async function main(job: PipeJob): Promise<void> {
  emptyRootStore();
  const result = job.side === "receive" ? await receive(job) : { cpuSeconds: await send(job) };
  console.log(JSON.stringify(result));
  setInterval(() => {}, 60_000);
}

async function receive(job: PipeJob): Promise<PipeReport> {
  const listener = Deno.listenTls({
    hostname: HOST,
    port: 0,
    cert: job.certificatePem,
    key: job.keyPem,
  });
  console.log(String(listener.addr.port));
  const connection = await listener.accept();
  await connection.handshake();
  const before = processCost();
  const startMs = performance.now();
  const buffer = new Uint8Array(job.readBytes);
  let [bytes, reads] = [0, 0];
  for (;;) {
    const got = await connection.read(buffer);
    if (got === null) break;
    bytes += got;
    reads++;
  }
  const seconds = (performance.now() - startMs) / 1000;
  return { bytes, seconds, reads, cpuSeconds: processCost().cpuSeconds - before.cpuSeconds };
}

/** CPU seconds spent. */
async function send(job: PipeJob): Promise<number> {
  const plain = await Deno.connect({ hostname: HOST, port: job.port });
  const connection = await Deno.startTls(plain, { hostname: "sftpx", caCerts: [job.anchorPem] });
  await connection.handshake();
  const before = processCost();
  const buffer = new Uint8Array(job.writeBytes).fill(0x5a);
  for (let left = job.bytes; left > 0;) {
    left -= await connection.write(buffer.subarray(0, Math.min(left, buffer.byteLength)));
  }
  await connection.closeWrite();
  return processCost().cpuSeconds - before.cpuSeconds;
}

if (import.meta.main) main(JSON.parse(Deno.args[0] ?? "{}"));
