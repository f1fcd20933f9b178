// `bench file`: one file, disk to disk, through two processes of the real program. Beside it, in the
// same run: the runtime's bare pipe of each transport, what the stages cost by themselves and the bound
// that follows from both, and scp where sshd is installed. Ratios are what counts.

import { parseArgs } from "@std/cli/parse-args";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { refuseUnknown } from "./arguments.ts";
import { checkSame, writeFile } from "./file_content.ts";
import { measurePipe } from "./pipe.ts";
import { median, printTable, processCost, spawnDeno } from "./process.ts";
import { startScp } from "./scp.ts";
import { cpuSumBound, measureStages, type PipeCost, type StageCosts } from "./stages.ts";
import { showThreads, threadSeconds } from "./threads.ts";
import { measureTlsPipe } from "./tls.ts";

const USAGE = `Usage: deno task bench file [options] [-- SEND-FLAGS]
  --bytes N            size of the file (default 1073741824)
  --content KIND       random or zeros (default random)
  --transport LIST     quic, tcp or auto, comma-separated (default quic,tcp)
  --repeat N           runs of each, the median counts (default 3)
  --dir PATH           where the file and its copies go (default: the system's temporary directory)
  --runtime PATH       program that runs both ends instead of this Deno, as Bun
  --network-threads N  threads that either end spreads its connections over, see -- --connections N
  --no-scp             leave scp out
  --no-pipe            leave the pipes, the stages and the bound out
  --json               one JSON object a line`;

const ROOT = new URL("../../", import.meta.url);
const MAIN = new URL("mod.ts", ROOT);
const CHUNK_BYTES = 2 << 20;
const QUIC_LANES = 4;

interface Sample extends PipeCost {
  readonly megabytesPerSecond: number;
  readonly receiverPeakBytes: number;
  readonly senderPeakBytes: number;
  readonly threads?: string;
}

/** What is sent, and where. */
interface Scene {
  readonly work: string;
  readonly file: string;
  readonly bytes: number;
  readonly sendFlags: readonly string[];
  /** What either end is told. */
  readonly flags: readonly string[];
  readonly runtime: string | undefined;
}

type Samples = Map<string, Sample[]>;

export async function run(args: string[]): Promise<void> {
  const flags = parseArgs(args, {
    unknown: refuseUnknown,
    string: ["bytes", "content", "transport", "repeat", "dir", "runtime", "network-threads"],
    boolean: ["json", "help", "scp", "pipe"],
    negatable: ["scp", "pipe"],
    default: {
      bytes: String(1 << 30),
      repeat: "3",
      content: "random",
      transport: "quic,tcp",
      scp: true,
      pipe: true,
    },
    "--": true,
  });
  if (flags.help) return console.log(USAGE);
  const bytes = Number(flags.bytes);
  const work = mkdtempSync(join(flags.dir ?? tmpdir(), "sftpx-bench-"));
  const file = join(work, "file");
  const transports = flags.transport.split(",");
  try {
    writeFile(file, { bytes, zeros: flags.content === "zeros" });
    await using scp = flags.scp ? await startScp(work) : null;
    const { runtime, "network-threads": threads } = flags;
    const both = threads === undefined ? [] : ["--network-threads", threads];
    const scene = { work, file, bytes, sendFlags: flags["--"] ?? [], flags: both, runtime };
    const samples: Samples = new Map();
    const add = (name: string, sample: Sample) => {
      samples.set(name, [...samples.get(name) ?? [], sample]);
    };
    const stages: StageCosts[] = [];
    // In turn, so that a busy machine slows all alike.
    for (let round = 0; round < Number(flags.repeat); round++) {
      for (const transport of transports) {
        const pipe = flags.pipe ? PIPES[transport] : undefined;
        if (pipe !== undefined) add(`pipe ${transport}`, await pipe(Math.min(bytes, 1 << 30)));
        add(`sftpx ${transport}`, await transfer(scene, transport));
      }
      if (flags.pipe) {
        stages.push(
          await measureStages({ file, copy: join(work, "stage"), chunkBytes: CHUNK_BYTES }),
        );
      }
      for (const [name, seconds] of await scp?.copy(file, join(work, "scp-copy")) ?? []) {
        add(name, { ...NO_COST, megabytesPerSecond: bytes / 1e6 / seconds });
      }
    }
    report(samples, { transports, stages, json: flags.json });
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const NO_COST = {
  receiverCpuSecondsPerGigabyte: 0,
  senderCpuSecondsPerGigabyte: 0,
  receiverPeakBytes: 0,
  senderPeakBytes: 0,
};

/** What the runtime itself brings through, with no files and nothing of ours. */
const PIPES: Readonly<Record<string, (bytes: number) => Promise<Sample>>> = {
  quic: async (bytes) => ({ ...NO_COST, ...await measurePipe({ bytes, lanes: QUIC_LANES }) }),
  tcp: async (bytes) => {
    const { seconds, cpuSeconds, senderCpuSeconds, peakBytes } = await measureTlsPipe({ bytes });
    return {
      megabytesPerSecond: bytes / 1e6 / seconds,
      receiverCpuSecondsPerGigabyte: cpuSeconds / bytes * 1e9,
      senderCpuSecondsPerGigabyte: senderCpuSeconds / bytes * 1e9,
      receiverPeakBytes: peakBytes,
      senderPeakBytes: 0,
    };
  },
};

async function transfer(scene: Scene, transport: string): Promise<Sample> {
  const { work, file, bytes, sendFlags, flags, runtime } = scene;
  const served = mkdtempSync(join(work, "served-"));
  // Freed when both processes have ended: every run then writes to pages the machine has in hand.
  using _ = { [Symbol.dispose]: () => rmSync(served, { recursive: true }) };
  const env = { SFTPX_HOME: join(work, "home") };
  const start = (args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    spawnDeno(MAIN, {
      args: [...args, "--json", "--transport", transport, ...flags],
      env: { ...env, ...more },
      ...(runtime === undefined ? {} : { runtime }),
    });
  await using server = start(["recv", served, "--listen", "127.0.0.1:0"]);
  const { ticket } = JSON.parse(await server.line());
  await using sender = start(["send", file, "@/copy", ...sendFlags], { SFTPX_TICKET: ticket });
  let senderCost = processCost(sender.pid);
  let senderThreads = threadSeconds(sender.pid);
  for (;;) {
    const event = JSON.parse(await sender.line());
    const cost = processCost(sender.pid);
    const threads = threadSeconds(sender.pid);
    if (cost.peakBytes > 0) senderCost = cost;
    // Workers end before the process does.
    if (threads.size >= senderThreads.size) senderThreads = threads;
    if (event.event !== "summary") continue;
    if (!event.ok) throw new Error(`Cannot measure: ${event.error?.message}`);
    const receiverCost = server.cost();
    const receiverThreads = threadSeconds(server.pid);
    checkSame(file, join(served, "copy"));
    const gigabytes = bytes / 1e9;
    return {
      megabytesPerSecond: bytes / 1e6 / event.seconds,
      receiverCpuSecondsPerGigabyte: receiverCost.cpuSeconds / gigabytes,
      senderCpuSecondsPerGigabyte: senderCost.cpuSeconds / gigabytes,
      receiverPeakBytes: receiverCost.peakBytes,
      senderPeakBytes: senderCost.peakBytes,
      threads: `receiver: ${showThreads(receiverThreads, gigabytes)}; ` +
        `sender: ${showThreads(senderThreads, gigabytes)}`,
    };
  }
}

interface Findings {
  readonly transports: readonly string[];
  readonly stages: readonly StageCosts[];
  readonly json: boolean;
}

function report(samples: Samples, { transports, stages, json }: Findings): void {
  const rows = [...samples].map(([name, list]) => ({ what: name, ...rowOf(list) }));
  if (json) { for (const row of rows) console.log(JSON.stringify(row)); }
  else printTable(rows);
  for (const [name, list] of samples) {
    const threads = list.at(-1)?.threads;
    if (threads !== undefined) tell({ what: `${name}, CPU s/GB by thread`, threads }, json);
  }
  if (stages.length > 0) {
    tell({ what: "stages, CPU s/GB of one thread", ...stageFigures(stages) }, json);
  }
  for (const transport of transports) {
    const pipe = samples.get(`pipe ${transport}`);
    const own = samples.get(`sftpx ${transport}`);
    if (pipe !== undefined && own !== undefined) {
      tell({ what: `bounds, ${transport}`, ...boundFigures({ pipe, own, stages }) }, json);
    }
  }
}

function rowOf(list: readonly Sample[]) {
  const of = medianOf(list);
  return {
    "MB/s": Math.round(of((sample) => sample.megabytesPerSecond)),
    "receiver CPU s/GB": of((sample) => sample.receiverCpuSecondsPerGigabyte).toFixed(2),
    "sender CPU s/GB": of((sample) => sample.senderCpuSecondsPerGigabyte).toFixed(2),
    "receiver peak MiB": Math.round(of((sample) => sample.receiverPeakBytes) / 2 ** 20),
    "sender peak MiB": Math.round(of((sample) => sample.senderPeakBytes) / 2 ** 20),
    runs: list.length,
  };
}

function stageFigures(stages: readonly StageCosts[]) {
  const of = medianOf(stages);
  return {
    read: of(({ read }) => read.cpuSecondsPerGigabyte).toFixed(2),
    hash: of(({ hash }) => hash.cpuSecondsPerGigabyte).toFixed(2),
    write: of(({ write }) => write.cpuSecondsPerGigabyte).toFixed(2),
    "write MB/s": Math.round(of(({ write }) => write.megabytesPerSecond)),
  };
}

/** Pipe and stages of one round belong together; so do a bound and what it bounds. */
function boundFigures(
  { pipe, own, stages }: {
    readonly pipe: readonly Sample[];
    readonly own: readonly Sample[];
    readonly stages: readonly StageCosts[];
  },
) {
  const cores = availableParallelism();
  const rounds = own.map((sample, round) => {
    const bare = pipe[round]!;
    const bound = cpuSumBound(bare, stages[round]!, { cores });
    return {
      bound,
      ofPipe: sample.megabytesPerSecond / bare.megabytesPerSecond,
      ofBound: sample.megabytesPerSecond / bound,
    };
  });
  const of = medianOf(rounds);
  return {
    cores,
    "of the pipe": of(({ ofPipe }) => ofPipe).toFixed(2),
    "CPU-sum bound MB/s": Math.round(of(({ bound }) => bound)),
    "of the bound": of(({ ofBound }) => ofBound).toFixed(2),
  };
}

function medianOf<T>(list: readonly T[]): (pick: (sample: T) => number) => number {
  return (pick) => median(list.map(pick));
}

function tell(figures: Readonly<Record<string, string | number>>, json: boolean): void {
  if (json) return console.log(JSON.stringify(figures));
  const { what, ...rest } = figures;
  const told = Object.entries(rest).map(([name, value]) =>
    name === "threads" ? value : `${name} ${value}`
  );
  console.log(`${what}: ${told.join(", ")}`);
}
