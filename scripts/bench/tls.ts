// `bench tls`: how fast bytes pass through src/transport/tls between two processes on the loopback, and
// what each side pays for it, in Deno and in Bun. The same runtime's bare TLS over TCP (tls_raw.ts)
// stands beside it, so that what our frames cost is a ratio measured in one run.

import { parseArgs } from "@std/cli/parse-args";
import { anchorPem, issueLeaf } from "../../src/trust/certificate.ts";
import { generateIdentity } from "../../src/trust/identity.ts";
import { bunProgram } from "../../tests/e2e/stacks.ts";
import { numbersOf, refuseUnknown } from "./arguments.ts";
import { Child, median, printTable, spawnDeno } from "./process.ts";

const USAGE = `Usage: deno task bench tls [options]
  --bytes N       bytes a run (default 1073741824)
  --lanes LIST    lanes, comma-separated (default 1,4)
  --read N        read buffer, bytes (default 2097152)
  --write N       bytes a write (default 2097152)
  --repeat N      runs of each, the median counts (default 3)
  --runtime NAME  deno or bun (default both; bun where it is found, see SFTPX_BUN)
  --json          one JSON object a line`;

/** What a peer process is told, as its one argument. */
export interface TlsJob {
  readonly side: "receive" | "send";
  readonly stack: "tls" | "raw";
  readonly port: number;
  readonly bytes: number;
  readonly lanes: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly anchorPem: string;
}

/** What a receiving peer prints at the end; the sender prints its CPU seconds alone. */
export interface TlsReport {
  readonly bytes: number;
  readonly seconds: number;
  readonly reads: number;
  readonly cpuSeconds: number;
}

interface Sample extends TlsReport {
  readonly senderCpuSeconds: number;
  readonly peakBytes: number;
}

type Spawn = (job: TlsJob) => Child;
type Pipe = Pick<TlsJob, "bytes" | "lanes" | "readBytes" | "writeBytes">;

const STACKS = ["tls", "raw"] as const;

export async function run(args: string[]): Promise<void> {
  const flags = parseArgs(args, {
    unknown: refuseUnknown,
    string: ["bytes", "lanes", "read", "write", "repeat", "runtime"],
    boolean: ["json", "help"],
    default: { bytes: String(1 << 30), lanes: "1,4", repeat: "3" },
  });
  if (flags.help) return console.log(USAGE);
  for (const [runtime, spawn] of runtimes(flags.runtime)) {
    const rows: Readonly<Record<string, string | number>>[] = [];
    for (const lanes of numbersOf(String(flags.lanes))) {
      const pipe: Pipe = {
        bytes: Number(flags.bytes),
        lanes,
        readBytes: Number(flags.read ?? 2 << 20),
        writeBytes: Number(flags.write ?? 2 << 20),
      };
      rows.push(...await rowsOf(pipe, { runtime, spawn, repeat: Number(flags.repeat) }));
    }
    if (flags.json) { for (const row of rows) console.log(JSON.stringify(row)); }
    else printTable(rows);
  }
}

function runtimes(only: string | undefined): readonly (readonly [string, Spawn])[] {
  const peer = new URL("./tls_peer.ts", import.meta.url);
  const bun = bunProgram();
  const all: (readonly [string, Spawn])[] = [
    ["deno", (job) => spawnDeno(peer, { args: [JSON.stringify(job)] })],
    ...bun === null ? [] : [["bun", (job: TlsJob) => spawnBun(bun, { peer, job })] as const],
  ];
  return all.filter(([name]) => only === undefined || only === name);
}

function spawnBun(bun: string, { peer, job }: { peer: URL; job: TlsJob }): Child {
  const command = new Deno.Command(bun, {
    args: ["--tsconfig-override=src/tsconfig.json", peer.pathname, JSON.stringify(job)],
    cwd: new URL("../../", import.meta.url),
    stdin: "null",
    stdout: "piped",
  });
  return new Child(command.spawn());
}

async function rowsOf(
  pipe: Pipe,
  { runtime, spawn, repeat }: { runtime: string; spawn: Spawn; repeat: number },
) {
  const samples = { tls: [] as Sample[], raw: [] as Sample[] };
  // In turn, so that a busy machine slows both alike.
  for (let round = 0; round < repeat; round++) {
    for (const stack of STACKS) samples[stack].push(await measure(pipe, { stack, spawn }));
  }
  const rate = (stack: "tls" | "raw") =>
    median(samples[stack].map(({ bytes, seconds }) => bytes / 1e6 / seconds));
  return STACKS.map((stack) => {
    const of = (pick: (sample: Sample) => number) => median(samples[stack].map(pick));
    return {
      runtime,
      stack,
      lanes: pipe.lanes,
      "MB/s": Math.round(rate(stack)),
      "receiver CPU s/GB": (of((sample) => sample.cpuSeconds / sample.bytes) * 1e9).toFixed(2),
      "sender CPU s/GB": (of((sample) => sample.senderCpuSeconds / sample.bytes) * 1e9).toFixed(2),
      "KiB a read": Math.round(of((sample) => sample.bytes / sample.reads / 1024)),
      "receiver peak MB": Math.round(of((sample) => sample.peakBytes) / 1e6),
      ratio: (rate(stack) / rate("raw")).toFixed(2),
    };
  });
}

/** The runtime's own pipe once, for other benchmarks to stand beside. */
export async function measureTlsPipe(pipe: { readonly bytes: number }) {
  const spawn = runtimes("deno")[0]![1];
  const buffers = { lanes: 1, readBytes: 2 << 20, writeBytes: 2 << 20 };
  return await measure({ ...pipe, ...buffers }, { stack: "raw", spawn });
}

async function measure(
  pipe: Pipe,
  { stack, spawn }: { readonly stack: "tls" | "raw"; readonly spawn: Spawn },
): Promise<Sample> {
  const identity = await generateIdentity();
  const { certificatePem, keyPem } = await issueLeaf(identity, { nowMs: Date.now() });
  const pems = { certificatePem, keyPem, anchorPem: anchorPem(identity.publicKey) };
  await using receiver = spawn({ ...pipe, ...pems, stack, side: "receive", port: 0 });
  const port = Number(await receiver.line());
  await using sender = spawn({ ...pipe, ...pems, stack, side: "send", port });
  const report: TlsReport = JSON.parse(await receiver.line());
  const senderCpuSeconds = Number(await sender.line());
  if (report.bytes !== pipe.bytes) throw new Error(`Cannot measure: ${report.bytes} bytes arrived`);
  return { ...report, senderCpuSeconds, peakBytes: receiver.cost().peakBytes };
}
