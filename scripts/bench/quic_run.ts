// Runs one cell of `bench quic` and `bench wan`: two peers, each in its runtime and, if asked, its
// network namespace; their processor time is read from outside at both ends of the measured time.

import { anchorPem, issueLeaf } from "../../src/trust/certificate.ts";
import { generateIdentity } from "../../src/trust/identity.ts";
import type { ConnectionStats } from "../../src/transport/transport.ts";
import { Child, type Cost } from "./process.ts";
import type { PeerJob, PeerLine } from "./quic_job.ts";

export type Runtime = "deno" | "bun";

export interface Cell extends Omit<PeerJob, "side" | "port" | keyof Pems> {
  readonly runtime: Runtime;
  readonly env?: Readonly<Record<string, string>>;
  /** Network namespaces of the receiver and the sender. */
  readonly namespaces?: readonly [receiver: string, sender: string];
}

export interface Figures {
  /** Kind of UDP socket below; "-" where a stack has its own or none. */
  readonly udp: string;
  readonly megabytesPerSecond: number;
  /** Processor seconds for 10^9 bytes; those of the one process where there is no second. */
  readonly receiverCpuSecondsPerGigabyte: number;
  readonly senderCpuSecondsPerGigabyte: number;
  readonly receiverPeakBytes: number;
  readonly senderPeakBytes: number;
  /** As the sender's stack tells them at the end, the mean over its connections; null where it does not. */
  readonly lossRatio: number | null;
  readonly rttMs: number | null;
}

/** What is waited for besides the measured time: to start, to shake hands, to stall. */
const SPARE_MS = 40_000;

/** One run; a text in its place says why there is none. */
export async function measureCell(cell: Cell): Promise<Figures | string> {
  const pems = await certificate();
  const { runtime, env = {}, namespaces, ...rest } = cell;
  const start = (side: PeerJob["side"], port: number): Child =>
    spawnPeer({ ...rest, ...pems, side, port }, {
      runtime,
      env,
      namespace: namespaces?.[side === "receive" ? 0 : 1],
    });
  await using receiver = start("receive", 0);
  const limit = AbortSignal.timeout(SPARE_MS + 1000 * (cell.warmSeconds + cell.seconds));
  const stop = () => receiver.kill();
  limit.addEventListener("abort", stop);
  try {
    if (cell.stack === "memory") return { udp: "-", ...await figures(receiver, null) };
    const listening = await nextLine(receiver, "listening");
    await using sender = start("send", listening.port);
    return { udp: listening.udp, ...await figures(receiver, sender) };
  } catch (thrown) {
    if (limit.aborted) return "nothing arrived in time";
    return thrown instanceof Error ? thrown.message : String(thrown);
  } finally {
    limit.removeEventListener("abort", stop);
  }
}

async function figures(receiver: Child, sender: Child | null): Promise<Omit<Figures, "udp">> {
  await nextLine(receiver, "begin");
  const before = [receiver.cost(), sender?.cost()];
  const { bytes, seconds } = await nextLine(receiver, "end");
  const after = [receiver.cost(), sender?.cost()];
  const connections = sender === null ? [] : await lastState(sender);
  const [received, sent] = after.map((cost, index) => spent(before[index], cost) / (bytes / 1e9));
  return {
    megabytesPerSecond: bytes / 1e6 / seconds,
    receiverCpuSecondsPerGigabyte: received ?? 0,
    senderCpuSecondsPerGigabyte: sent ?? 0,
    receiverPeakBytes: after[0]?.peakBytes ?? 0,
    senderPeakBytes: after[1]?.peakBytes ?? 0,
    lossRatio: mean(connections.map((connection) => connection.lossRatio)),
    rttMs: mean(connections.map((connection) => connection.rttMs)),
  };
}

/** Ends a sender, and answers what it said last. */
async function lastState(sender: Child): Promise<readonly ConnectionStats[]> {
  sender.kill();
  let last: readonly ConnectionStats[] = [];
  try {
    for (;;) {
      const line: PeerLine = JSON.parse(await sender.line());
      if (line.line === "state") last = line.connections;
    }
  } catch {
    return last; // It has no more lines.
  }
}

function mean(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0) / known.length;
}

function spent(before: Cost | undefined, after: Cost | undefined): number {
  return (after?.cpuSeconds ?? 0) - (before?.cpuSeconds ?? 0);
}

async function nextLine<Name extends PeerLine["line"]>(
  child: Child,
  name: Name,
): Promise<Extract<PeerLine, { line: Name }>> {
  const line: PeerLine = JSON.parse(await child.line());
  if (line.line !== name) {
    throw new Error(`Cannot measure: "${name}" expected, "${line.line}" came`);
  }
  return line as Extract<PeerLine, { line: Name }>;
}

interface PeerPlace {
  readonly runtime: Runtime;
  readonly env: Readonly<Record<string, string>>;
  readonly namespace: string | undefined;
}

function spawnPeer(job: PeerJob, { runtime, env, namespace }: PeerPlace): Child {
  const script = new URL("./quic_peer.ts", import.meta.url).pathname;
  const program = runtime === "bun"
    ? [bunPath(), script]
    : [Deno.execPath(), "run", "-A", "--unstable-net", "--no-check", script];
  const words = [...program, JSON.stringify(job)];
  const [command = "", ...args] = namespace === undefined
    ? words
    : ["ip", "netns", "exec", namespace, ...words];
  const process = new Deno.Command(command, {
    args,
    env: { DENO_NO_UPDATE_CHECK: "1", ...env },
    stdin: "null",
    stdout: "piped",
  });
  return new Child(process.spawn());
}

/** Bun as SFTPX_BUN names it, else as PATH does. */
export function bunPath(): string {
  return Deno.env.get("SFTPX_BUN") ?? "bun";
}

/** Whether Bun is there to be measured. */
export async function hasBun(): Promise<boolean> {
  try {
    const { success } = await new Deno.Command(bunPath(), { args: ["--version"] }).output();
    return success;
  } catch {
    return false;
  }
}

type Pems = Pick<PeerJob, "certificatePem" | "keyPem" | "anchorPem">;

async function certificate(): Promise<Pems> {
  const identity = await generateIdentity();
  const { certificatePem, keyPem } = await issueLeaf(identity, { nowMs: Date.now() });
  return { certificatePem, keyPem, anchorPem: anchorPem(identity.publicKey) };
}
