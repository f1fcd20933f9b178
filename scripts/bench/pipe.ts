// `bench pipe`: how fast bytes pass through src/transport between two processes on the loopback, and
// what each side pays for it. The same pipe over the runtime's own API (pipe_peer.ts, `raw`) stands
// beside it, so that what the wrapper costs is a ratio measured in one run.

import { parseArgs } from "@std/cli/parse-args";
import { numbersOf, refuseUnknown } from "./arguments.ts";
import { type Child, median, printTable, spawnDeno } from "./process.ts";

const USAGE = `Usage: deno task bench pipe [options]
  --bytes N         bytes a run (default 1073741824)
  --lanes LIST      lanes, comma-separated (default 1,4)
  --connections N   connections the lanes are spread over (default 1)
  --read N          read buffer, bytes (default 2097152)
  --write N         bytes a write (default 2097152)
  --reads MODE      fill: one buffer filled by several reads; reuse: one read a buffer; fresh: a new
                    buffer for every read (default fill)
  --repeat N        runs of each, the median counts (default 3)
  --only NAME       deno-quic or raw
  --congestion C    auto, cubic or bbr (default auto)
  --json            one JSON object a line`;

/** What a peer process is told, as its one argument. */
export interface PipeJob {
  readonly side: "receive" | "send";
  readonly stack: string;
  readonly port: number;
  readonly bytes: number;
  readonly lanes: number;
  readonly connections: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly reads: string;
  readonly congestion: string;
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly anchorPem: string;
}

/** What a receiving peer prints at the end. */
export interface PipeReport {
  readonly bytes: number;
  readonly seconds: number;
  readonly reads: number;
  readonly cpuSeconds: number;
}

interface Sample {
  readonly megabytesPerSecond: number;
  readonly receiverCpuSecondsPerGigabyte: number;
  readonly senderCpuSecondsPerGigabyte: number;
  readonly bytesPerRead: number;
  readonly receiverPeakBytes: number;
}

export async function run(args: string[]): Promise<void> {
  const flags = parseArgs(args, {
    unknown: refuseUnknown,
    string: [
      "bytes",
      "lanes",
      "connections",
      "read",
      "write",
      "reads",
      "repeat",
      "only",
      "congestion",
    ],
    boolean: ["json", "help"],
    default: { bytes: String(1 << 30), lanes: "1,4", connections: "1", repeat: "3" },
  });
  if (flags.help) return console.log(USAGE);
  const stacks = flags.only === undefined ? ["deno-quic", "raw"] : [flags.only];
  const rows: ReturnType<typeof describe>[] = [];
  for (const lanes of numbersOf(String(flags.lanes))) {
    const pipe = {
      bytes: Number(flags.bytes),
      lanes,
      connections: Number(flags.connections),
      readBytes: Number(flags.read ?? 2 << 20),
      writeBytes: Number(flags.write ?? 2 << 20),
      reads: flags.reads ?? "fill",
      congestion: flags.congestion ?? "auto",
    };
    const samples = stacks.map((): Sample[] => []);
    // In turn, so that a busy machine slows all stacks alike.
    for (let round = 0; round < Number(flags.repeat); round++) {
      for (const [index, stack] of stacks.entries()) {
        samples[index]?.push(await measure({ ...pipe, stack }));
      }
    }
    for (const [index, stack] of stacks.entries()) {
      rows.push(describe(stack, lanes, samples[index] ?? []));
    }
  }
  const base = (lanes: number) => rows.find((row) => row.stack === "raw" && row.lanes === lanes);
  const table = rows.map((row) => {
    const raw = base(row.lanes)?.["MB/s"];
    return { ...row, ratio: raw === undefined ? "-" : (row["MB/s"] / raw).toFixed(2) };
  });
  if (flags.json) { for (const row of table) console.log(JSON.stringify(row)); }
  else printTable(table);
}

function describe(stack: string, lanes: number, samples: readonly Sample[]) {
  const of = (pick: (sample: Sample) => number) => median(samples.map(pick));
  return {
    stack,
    lanes,
    "MB/s": Math.round(of((sample) => sample.megabytesPerSecond)),
    "receiver CPU s/GB": Number(of((sample) => sample.receiverCpuSecondsPerGigabyte).toFixed(2)),
    "sender CPU s/GB": Number(of((sample) => sample.senderCpuSecondsPerGigabyte).toFixed(2)),
    "KiB a read": Math.round(of((sample) => sample.bytesPerRead) / 1024),
    "receiver peak MB": Math.round(of((sample) => sample.receiverPeakBytes) / 1e6),
    runs: samples.length,
  };
}

/** The runtime's own pipe once, for other benchmarks to stand beside. */
export function measurePipe(pipe: { bytes: number; lanes: number }): Promise<Sample> {
  return measure({
    stack: "raw",
    connections: 1,
    readBytes: 2 << 20,
    writeBytes: 2 << 20,
    reads: "fill",
    congestion: "auto",
    ...pipe,
  });
}

async function measure(pipe: Omit<PipeJob, "side" | "port" | keyof Pems>): Promise<Sample> {
  const pems = await certificate();
  const peer = new URL("./pipe_peer.ts", import.meta.url);
  const start = (job: Pick<PipeJob, "side" | "port">): Child =>
    spawnDeno(peer, { args: [JSON.stringify({ ...pipe, ...pems, ...job })] });
  await using receiver = start({ side: "receive", port: 0 });
  const port = Number(await receiver.line());
  await using sender = start({ side: "send", port });
  // Each prints one line when the last byte is through, and waits to be looked at.
  const report: PipeReport = JSON.parse(await receiver.line());
  const sent: { cpuSeconds: number } = JSON.parse(await sender.line());
  if (report.bytes !== pipe.bytes) throw new Error(`Cannot measure: ${report.bytes} bytes arrived`);
  const gigabytes = report.bytes / 1e9;
  return {
    megabytesPerSecond: report.bytes / 1e6 / report.seconds,
    receiverCpuSecondsPerGigabyte: report.cpuSeconds / gigabytes,
    senderCpuSecondsPerGigabyte: sent.cpuSeconds / gigabytes,
    bytesPerRead: report.bytes / report.reads,
    receiverPeakBytes: receiver.cost().peakBytes,
  };
}

type Pems = Pick<PipeJob, "certificatePem" | "keyPem" | "anchorPem">;

async function certificate(): Promise<Pems> {
  const { anchorPem, issueLeaf } = await import("../../src/trust/certificate.ts");
  const { generateIdentity } = await import("../../src/trust/identity.ts");
  const identity = await generateIdentity();
  const { certificatePem, keyPem } = await issueLeaf(identity, { nowMs: Date.now() });
  return { certificatePem, keyPem, anchorPem: anchorPem(identity.publicKey) };
}
