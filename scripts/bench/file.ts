// `bench file`: one file, disk to disk, through two processes of the real program. Beside it, in the
// same run: the bare pipe of the transport, and scp where sshd is installed. Ratios are what counts.

import { parseArgs } from "@std/cli/parse-args";
import { closeSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measurePipe } from "./pipe.ts";
import { median, printTable, processCost, spawnDeno } from "./process.ts";
import { startScp } from "./scp.ts";

const USAGE = `Usage: deno task bench file [options] [-- SEND-FLAGS]
  --bytes N         size of the file (default 1073741824)
  --content KIND    random or zeros (default random)
  --repeat N        runs of each, the median counts (default 3)
  --dir PATH        where the file and its copies go (default: the system's temporary directory)
  --no-scp          leave scp out
  --no-pipe         leave the pipe out
  --json            one JSON object a line`;

const MAIN = new URL("../../mod.ts", import.meta.url);
const BLOCK_BYTES = 4 << 20;

interface Sample {
  readonly megabytesPerSecond: number;
  readonly receiverCpuSecondsPerGigabyte: number;
  readonly senderCpuSecondsPerGigabyte: number;
  readonly receiverPeakBytes: number;
  readonly senderPeakBytes: number;
}

export async function run(args: string[]): Promise<void> {
  const flags = parseArgs(args, {
    string: ["bytes", "content", "repeat", "dir"],
    boolean: ["json", "help", "scp", "pipe"],
    negatable: ["scp", "pipe"],
    default: { bytes: String(1 << 30), repeat: "3", content: "random", scp: true, pipe: true },
    "--": true,
  });
  if (flags.help) return console.log(USAGE);
  const bytes = Number(flags.bytes);
  const work = mkdtempSync(join(flags.dir ?? tmpdir(), "sftpx-bench-"));
  try {
    const file = join(work, "file");
    writeFile(file, { bytes, zeros: flags.content === "zeros" });
    await using scp = flags.scp ? await startScp(work) : null;
    const samples = new Map<string, Sample[]>();
    const add = (name: string, sample: Sample) => {
      samples.set(name, [...samples.get(name) ?? [], sample]);
    };
    // In turn, so that a busy machine slows all alike.
    for (let round = 0; round < Number(flags.repeat); round++) {
      if (flags.pipe) add("pipe", await pipe(Math.min(bytes, 1 << 30)));
      add("sftpx", await transfer(work, { file, bytes, sendFlags: flags["--"] ?? [] }));
      for (const [name, seconds] of await scp?.copy(file, join(work, "scp-copy")) ?? []) {
        add(name, { ...NO_COST, megabytesPerSecond: bytes / 1e6 / seconds });
      }
    }
    report(samples, flags.json);
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

async function pipe(bytes: number): Promise<Sample> {
  const sample = await measurePipe({ bytes, lanes: 4 });
  return { ...NO_COST, ...sample };
}

async function transfer(
  work: string,
  { file, bytes, sendFlags }: { file: string; bytes: number; sendFlags: readonly string[] },
): Promise<Sample> {
  const served = mkdtempSync(join(work, "served-"));
  // Freed when both processes have ended: every run then writes to pages the machine has in hand.
  using _ = { [Symbol.dispose]: () => rmSync(served, { recursive: true }) };
  const env = { SFTPX_HOME: join(work, "home") };
  await using server = spawnDeno(MAIN, {
    args: ["recv", served, "--listen", "127.0.0.1:0", "--json"],
    env,
  });
  const { ticket } = JSON.parse(await server.line());
  const sending = ["send", file, "@/copy", "--json", ...sendFlags];
  await using sender = spawnDeno(MAIN, { args: sending, env: { ...env, SFTPX_TICKET: ticket } });
  let senderCost = processCost(sender.pid);
  for (;;) {
    const event = JSON.parse(await sender.line());
    const cost = processCost(sender.pid);
    if (cost.peakBytes > 0) senderCost = cost;
    if (event.event !== "summary") continue;
    if (!event.ok) throw new Error(`Cannot measure: ${event.error?.message}`);
    checkSame(file, join(served, "copy"));
    const receiverCost = server.cost();
    const gigabytes = bytes / 1e9;
    return {
      megabytesPerSecond: bytes / 1e6 / event.seconds,
      receiverCpuSecondsPerGigabyte: receiverCost.cpuSeconds / gigabytes,
      senderCpuSecondsPerGigabyte: senderCost.cpuSeconds / gigabytes,
      receiverPeakBytes: receiverCost.peakBytes,
      senderPeakBytes: senderCost.peakBytes,
    };
  }
}

function report(samples: ReadonlyMap<string, readonly Sample[]>, json: boolean): void {
  const rates = new Map([...samples].map(([name, list]) => [
    name,
    median(list.map((sample) => sample.megabytesPerSecond)),
  ]));
  const own = rates.get("sftpx")!;
  const rows = [...samples].map(([name, list]) => {
    const of = (pick: (sample: Sample) => number) => median(list.map(pick));
    const rate = rates.get(name)!;
    return {
      what: name,
      "MB/s": Math.round(rate),
      "sftpx is": `${(own / rate).toFixed(2)} x`,
      "receiver CPU s/GB": of((sample) => sample.receiverCpuSecondsPerGigabyte).toFixed(2),
      "sender CPU s/GB": of((sample) => sample.senderCpuSecondsPerGigabyte).toFixed(2),
      "receiver peak MiB": Math.round(of((sample) => sample.receiverPeakBytes) / 2 ** 20),
      "sender peak MiB": Math.round(of((sample) => sample.senderPeakBytes) / 2 ** 20),
      runs: list.length,
    };
  });
  if (json) { for (const row of rows) console.log(JSON.stringify(row)); }
  else printTable(rows);
}

function writeFile(path: string, { bytes, zeros }: { bytes: number; zeros: boolean }): void {
  const fd = openSync(path, "w");
  const block = new Uint8Array(BLOCK_BYTES);
  for (let at = 0; at < bytes; at += BLOCK_BYTES) {
    if (!zeros) {
      for (let part = 0; part < BLOCK_BYTES; part += 65_536) {
        crypto.getRandomValues(block.subarray(part, part + 65_536));
      }
    }
    writeSync(fd, block, 0, Math.min(BLOCK_BYTES, bytes - at));
  }
  closeSync(fd);
}

/** What arrived must be what was sent, or the figure is worth nothing. */
function checkSame(source: string, copy: string): void {
  const [a, b] = [openSync(source, "r"), openSync(copy, "r")];
  const [left, right] = [new Uint8Array(BLOCK_BYTES), new Uint8Array(BLOCK_BYTES)];
  try {
    for (;;) {
      const got = readSync(a, left);
      if (got !== readSync(b, right)) throw new Error("Cannot measure: the copy's size differs");
      if (got === 0) return;
      for (let at = 0; at < got; at++) {
        if (left[at] !== right[at]) throw new Error("Cannot measure: the copy's bytes differ");
      }
    }
  } finally {
    closeSync(a);
    closeSync(b);
  }
}
