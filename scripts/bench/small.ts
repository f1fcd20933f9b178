// `bench small`: many small files, disk to disk, through processes of the real program: against rsync over
// ssh (small_rsync.ts), or with --doors with the root held open and with path checks. With --against also by
// another checkout, both ends of it, in the same run. What one file costs shows here; ratios are what counts.

import { parseArgs } from "@std/cli/parse-args";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { BENEATH_NAME } from "../../src/runtime/beneath.ts";
import { BadArgument, numbersOf, refuseUnknown } from "./arguments.ts";
import { type Child, median, printTable, processCost, spawnDeno } from "./process.ts";
import { runAgainstRsync } from "./small_rsync.ts";

const USAGE = `Usage: deno task bench small [options] [-- SEND-FLAGS]
  against rsync over ssh, first copy and unchanged second run:
  --files N         small files (default 2000)
  --modules N       files of packages, at least; 0 for none (default 30000)
  --wanem PATH      emulator, or its C source: at 80 ms too
  --sftpx COMMAND   measured instead of this checkout by deno
  with --doors or --against, what confines files to the root:
  --files LIST      how many, one table each (default 2000,20000)
  --bytes N         size of each (default 4096)
  --per-directory N files in a directory (default 100)
  --against DIR     another checkout, to compare with
  for both:
  --repeat N        runs of each, the median counts (default 5)
  --dir PATH        where files and copies go (default: the system's temporary directory)
  --json            one JSON object a line`;

interface Way {
  readonly name: string;
  readonly main: URL;
  readonly env: Readonly<Record<string, string>>;
}

interface Sample {
  readonly seconds: number;
  readonly receiverCpuSeconds: number;
  readonly senderCpuSeconds: number;
}

const MAIN = new URL("../../mod.ts", import.meta.url);
const OWN_COMMAND = [Deno.execPath(), "run", "-A", "--unstable-net", MAIN.href];

export async function run(args: string[]): Promise<void> {
  const flags = parseArgs(args, {
    unknown: refuseUnknown,
    string: [
      ...["files", "bytes", "per-directory", "repeat", "against", "dir"],
      ...["modules", "wanem", "sftpx"],
    ],
    boolean: ["json", "help", "doors"],
    default: { bytes: "4096", "per-directory": "100", repeat: "5", modules: "30000" },
    "--": true,
  });
  if (flags.help) return console.log(USAGE);
  const isOwn = flags.doors || flags.against !== undefined;
  const counts = numbersOf(flags.files ?? (isOwn ? "2000,20000" : "2000"));
  if (!isOwn) {
    if (counts.length > 1) {
      throw new BadArgument(`Cannot use "--files ${flags.files}": write one number`);
    }
    return await runAgainstRsync({
      command: flags.sftpx?.split(" ") ?? OWN_COMMAND,
      files: counts[0]!,
      moduleFiles: Number(flags.modules),
      modules: fileURLToPath(new URL("../../node_modules", import.meta.url)),
      repeat: Number(flags.repeat),
      json: flags.json,
      ...(flags.wanem === undefined ? {} : { wanem: flags.wanem }),
      ...(flags.dir === undefined ? {} : { dir: flags.dir }),
    });
  }
  const ways: Way[] = [
    { name: "held", main: MAIN, env: {} },
    { name: "path checks", main: MAIN, env: { SFTPX_WITHOUT: BENEATH_NAME } },
  ];
  if (flags.against !== undefined) {
    const main = pathToFileURL(join(resolve(flags.against), "mod.ts"));
    ways.unshift({ name: "against", main, env: {} });
  }
  const work = mkdtempSync(join(flags.dir ?? tmpdir(), "sftpx-bench-"));
  try {
    for (const count of counts) {
      const [bytes, perDirectory] = [Number(flags.bytes), Number(flags["per-directory"])];
      const tree = join(work, `tree-${count}`);
      writeTree(tree, { count, bytes, perDirectory });
      const samples = new Map<Way, Sample[]>(ways.map((way) => [way, []]));
      // In turn, so that a busy machine slows all alike.
      for (let round = 0; round < Number(flags.repeat); round++) {
        for (const way of ways) {
          const sendFlags = flags["--"] ?? [];
          samples.get(way)!.push(await transfer(work, { tree, count, way, sendFlags }));
        }
      }
      report(`${count} files of ${bytes} bytes`, { samples, json: flags.json });
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function transfer(
  work: string,
  { tree, count, way, sendFlags }: {
    readonly tree: string;
    readonly count: number;
    readonly way: Way;
    readonly sendFlags: readonly string[];
  },
): Promise<Sample> {
  const served = mkdtempSync(join(work, "served-"));
  using _ = { [Symbol.dispose]: () => rmSync(served, { recursive: true }) };
  const env = { SFTPX_HOME: join(work, `home ${way.name}`), ...way.env };
  const receiving = ["recv", served, "--listen", "127.0.0.1:0", "--json"];
  await using server = spawnDeno(way.main, { args: receiving, env });
  const ticket = await ticketOf(server);
  // What starting it cost is the same for one file.
  const before = server.cost().cpuSeconds;
  const sending = ["send", tree, "@/copy", "--json", ...sendFlags];
  await using sender = spawnDeno(way.main, {
    args: sending,
    env: { ...env, SFTPX_TICKET: ticket },
  });
  let senderCpuSeconds = 0;
  for (;;) {
    const event = JSON.parse(await sender.line());
    senderCpuSeconds = Math.max(senderCpuSeconds, processCost(sender.pid).cpuSeconds);
    if (event.event !== "summary") continue;
    if (!event.ok) throw new Error(`Cannot measure: ${event.error?.message}`);
    const receiverCpuSeconds = server.cost().cpuSeconds - before;
    const arrived = countFiles(join(served, "copy"));
    if (arrived !== count) {
      throw new Error(`Cannot measure: ${arrived} of ${count} files are there`);
    }
    return { seconds: event.seconds, receiverCpuSeconds, senderCpuSeconds };
  }
}

/** Before it a server may tell of what is about its root. */
async function ticketOf(server: Child): Promise<string> {
  for (;;) {
    const event = JSON.parse(await server.line());
    if (event.ticket !== undefined) return event.ticket;
  }
}

function report(
  title: string,
  { samples, json }: {
    readonly samples: ReadonlyMap<Way, readonly Sample[]>;
    readonly json: boolean;
  },
): void {
  const columns = {
    "seconds": (sample: Sample) => sample.seconds,
    "receiver CPU s": (sample: Sample) => sample.receiverCpuSeconds,
    "sender CPU s": (sample: Sample) => sample.senderCpuSeconds,
  };
  const [first = []] = samples.values();
  const rows = [...samples].map(([way, list]) => ({
    what: way.name,
    ...Object.fromEntries(
      Object.entries(columns).flatMap(([name, pick]) => {
        const value = median(list.map(pick));
        const ratio = value / median(first.map(pick));
        return [[name, value.toFixed(2)], [`${name} is`, `${ratio.toFixed(2)} x`]];
      }),
    ),
    runs: list.length,
  }));
  if (json) { for (const row of rows) console.log(JSON.stringify({ title, ...row })); }
  else {
    console.log(`\n${title}`);
    printTable(rows);
  }
}

function writeTree(
  tree: string,
  { count, bytes, perDirectory }: {
    readonly count: number;
    readonly bytes: number;
    readonly perDirectory: number;
  },
): void {
  mkdirSync(tree);
  const content = new Uint8Array(bytes);
  for (let i = 0; i < count; i++) {
    const directory = join(tree, `d${Math.floor(i / perDirectory)}`);
    if (i % perDirectory === 0) mkdirSync(directory);
    crypto.getRandomValues(content.subarray(0, 65_536));
    writeFileSync(join(directory, `f${i}`), content);
  }
}

function countFiles(directory: string): number {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((found) => found.isFile()).length;
}
