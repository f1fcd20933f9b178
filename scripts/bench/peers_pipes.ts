// The bare pipes that bound sftpx on the loopback: the runtime's own QUIC and TLS between two processes, no
// files, nothing of the transport room.

import { anchorPem, issueLeaf } from "../../src/trust/certificate.ts";
import { generateIdentity } from "../../src/trust/identity.ts";
import type { Processes } from "./peers_processes.ts";
import { RUN_LIMIT_SECONDS } from "./peers_size.ts";
import type { Scene } from "./peers_scene.ts";
import type { OwnFigures } from "./peers_sftpx.ts";
import type { PipeJob } from "./pipe.ts";

/** As many as bring the most through one connection of it. */
const QUIC_LANES = 4;
const BUFFER_BYTES = 2 << 20;
const SCRIPTS = {
  "raw QUIC": new URL("./pipe_peer.ts", import.meta.url),
  "raw TLS": new URL("./peers_tls_peer.ts", import.meta.url),
} as const;

export type RawPipe = keyof typeof SCRIPTS;

export interface PipeOptions {
  readonly bytes: number;
  readonly processes: Processes;
  readonly scene: Scene;
}

/** Moves bytes once; throws when not all of them arrived. */
export async function measureRawPipe(name: RawPipe, options: PipeOptions): Promise<OwnFigures> {
  const { bytes, processes, scene } = options;
  const identity = await generateIdentity();
  const leaf = await issueLeaf(identity, { nowMs: Date.now() });
  const job: Omit<PipeJob, "side" | "port"> = {
    stack: "raw",
    bytes,
    lanes: name === "raw QUIC" ? QUIC_LANES : 1,
    connections: 1,
    readBytes: BUFFER_BYTES,
    writeBytes: BUFFER_BYTES,
    reads: "fill",
    congestion: "auto",
    certificatePem: leaf.certificatePem,
    keyPem: leaf.keyPem,
    anchorPem: anchorPem(identity.publicKey),
  };
  const command = [Deno.execPath(), "run", "-A", "--unstable-net", SCRIPTS[name].href];
  const start = (side: "send" | "receive", port: number) =>
    processes.start([...command, JSON.stringify({ ...job, side, port })], {
      namespace: side === "send" ? scene.senderNamespace : scene.receiverNamespace,
    });
  await using receiver = start("receive", 0);
  using _ = receiver.endAfter(RUN_LIMIT_SECONDS);
  const port = Number(await receiver.line());
  await using sender = start("send", port);
  using __ = sender.endAfter(RUN_LIMIT_SECONDS);
  const report = JSON.parse(await receiver.line());
  const sent = JSON.parse(await sender.line());
  if (report.bytes !== bytes) throw new Error(`Cannot measure: ${report.bytes} bytes arrived`);
  const cpuSeconds = report.cpuSeconds + sent.cpuSeconds;
  return { seconds: report.seconds, insideSeconds: report.seconds, cpuSeconds, chose: "" };
}
