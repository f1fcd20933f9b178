// The same pipe straight over the runtime's TLS, for comparison: no streams, no frames, one after the
// other. Deno's own in Deno, `node:tls` elsewhere.

import { connect, createServer, type TLSSocket } from "node:tls";
import { processCost } from "./process.ts";
import type { TlsJob, TlsReport } from "./tls.ts";

const HERE = "127.0.0.1";
const ALPN = ["sftpx/1"];

export async function receiveRaw(job: TlsJob): Promise<TlsReport> {
  const before = processCost();
  const startMs = { at: 0 };
  const { bytes, reads } = await (globalThis.Deno === undefined ? byNode : byDeno)(job, () => {
    startMs.at = performance.now();
  });
  const seconds = (performance.now() - startMs.at) / 1000;
  return { bytes, reads, seconds, cpuSeconds: processCost().cpuSeconds - before.cpuSeconds };
}

async function byDeno({ certificatePem, keyPem, readBytes }: TlsJob, onStart: () => void) {
  const listener = Deno.listenTls({
    hostname: HERE,
    port: 0,
    cert: certificatePem,
    key: keyPem,
    alpnProtocols: ALPN,
  });
  console.log(String(listener.addr.port));
  const tls = await listener.accept();
  await tls.handshake();
  onStart();
  const buffer = new Uint8Array(readBytes);
  let bytes = 0;
  let reads = 0;
  for (let count; (count = await tls.read(buffer)) !== null; reads++) bytes += count;
  return { bytes, reads };
}

async function byNode({ certificatePem: cert, keyPem: key }: TlsJob, onStart: () => void) {
  const come = Promise.withResolvers<TLSSocket>();
  const server = createServer({ cert, key, ALPNProtocols: ALPN }, (tls) => come.resolve(tls));
  server.listen(0, HERE, () => console.log(String((server.address() as { port: number }).port)));
  const tls = await come.promise;
  onStart();
  let bytes = 0;
  let reads = 0;
  tls.on("data", (chunk: Uint8Array) => {
    bytes += chunk.byteLength;
    reads++;
  });
  await new Promise((resolve) => tls.once("end", resolve));
  return { bytes, reads };
}

export async function sendRaw(job: TlsJob): Promise<void> {
  const buffer = new Uint8Array(job.writeBytes).fill(0x5a);
  const pipe = await (globalThis.Deno === undefined ? openByNode : openByDeno)(job);
  for (let left = job.bytes; left > 0;) {
    const count = Math.min(left, buffer.byteLength);
    left -= count;
    await pipe.write(buffer.subarray(0, count));
  }
  pipe.end();
}

async function openByDeno({ port, anchorPem }: TlsJob) {
  const tcp = await Deno.connect({ hostname: HERE, port });
  const tls = await Deno.startTls(tcp, {
    hostname: "sftpx",
    caCerts: [anchorPem],
    alpnProtocols: ALPN,
  });
  const write = async (bytes: Uint8Array) => {
    for (let at = 0; at < bytes.byteLength;) at += await tls.write(bytes.subarray(at));
  };
  return { write, end: () => tls.closeWrite() };
}

async function openByNode({ port, anchorPem }: TlsJob) {
  const tls = connect({
    host: HERE,
    port,
    servername: "sftpx",
    ca: [anchorPem],
    ALPNProtocols: ALPN,
  });
  await new Promise((resolve, reject) => {
    tls.once("secureConnect", resolve);
    tls.once("error", reject);
  });
  const write = (bytes: Uint8Array) =>
    new Promise<void>((resolve, reject) =>
      tls.write(bytes, (error) => error ? reject(error) : resolve())
    );
  return { write, end: () => tls.end() };
}
