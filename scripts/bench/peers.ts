// `bench peers`: sftpx against scp, rsync, rclone and tar, in one run, on the loopback and over emulated paths.
// Starts and stops all it needs, checks what arrives, saves each sample, and tells which bars were met.

import { parseArgs } from "@std/cli/parse-args";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, release, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { V8_FLAGS } from "../v8_flags.ts";
import { refuseUnknown } from "./arguments.ts";
import {
  type Cell,
  idleNames,
  PATHS,
  planCells,
  type PlanFilter,
  repeatsOf,
  SHAPES,
  unknownNames,
} from "./peers_plan.ts";
import { Processes } from "./peers_processes.ts";
import { allowCongestion, knownCongestion } from "./peers_scene.ts";
import { PeersRecord } from "./peers_record.ts";
import { jsonLines, page, type ReportOptions, tables } from "./peers_report.ts";
import { modulesOf, PeersRun } from "./peers_run.ts";
import { targetSecondsFor } from "./peers_size.ts";
import { Sources } from "./peers_sources.ts";
import { absence, findInstalled, type Installed } from "./peers_tools.ts";
import { printTable } from "./process.ts";
import { buildEmulator, sweepPaths } from "./wan_path.ts";

const USAGE = `Usage: deno task bench peers [options]
  --wanem PATH      the emulator of paths, a program or its C source (default SFTPX_WANEM); see
                    bench wan --help. Without it only the loopback is measured
  --quick           smaller files, fewer runs and paths: less than 10 minutes instead of 60
  --paths LIST      of ${Object.keys(PATHS).join(", ")}
  --shapes LIST     of ${SHAPES.join(", ")}
  --peers LIST      of sftpx, scp, rsync, rsyncd, rclone, tar, raw; "rsync -z" is one alone
  --repeat N        runs of each cell (default 5 on the loopback, 3 elsewhere)
  --bytes N         size of a large file (default 1 GiB; 256 MiB with --quick)
  --minutes N       begins no run after them (default 57; 9 with --quick)
  --sftpx COMMAND   how sftpx is started (default: this checkout, with this Deno)
  --modules DIR     packages to copy (default: node_modules of this checkout)
  --dir PATH        where files and copies go (default: the system's temporary directory)
  --save FILE       where samples are kept, a JSON object a line (default: a new file in there)
  --resume FILE     goes on with a file that was saved
  --report FILE     also writes a page with charts
  --no-sysctls      leaves out what needs the machine's socket buffers changed while it runs
  --json            one JSON object a line`;

const MIB = 1 << 20;

type Flags = ReturnType<typeof parseArgs>;

export async function run(args: string[]): Promise<void> {
  const flags = parseArgs(args, {
    unknown: refuseUnknown,
    string: [
      ...["wanem", "paths", "shapes", "peers", "repeat", "bytes", "minutes", "sftpx", "modules"],
      ...["dir", "save", "resume", "report"],
    ],
    boolean: ["quick", "sysctls", "json", "help"],
    negatable: ["sysctls"],
    default: { sysctls: true },
  });
  if (flags["help"]) return console.log(USAGE);
  const obstacle = obstacleToAll(flags);
  if (obstacle !== null) {
    console.error(`Cannot measure peers: ${obstacle}`);
    Deno.exit(2);
  }
  const stop = new AbortController();
  await using ends = new AsyncDisposableStack();
  const processes = ends.use(new Processes());
  // What runs is ended, and what waits for it then gives everything back.
  const onSignal = () => {
    stop.abort(new Error("Cannot go on: a signal came"));
    processes[Symbol.asyncDispose]();
  };
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(name, onSignal);
    ends.defer(() => Deno.removeSignalListener(name, onSignal));
  }
  try {
    await measure(flags, { ends, processes, signal: stop.signal });
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    await ends.disposeAsync();
    Deno.exit(130);
  }
}

/** What is wrong with how it was called; null when nothing is. */
function obstacleToAll(flags: Flags): string | null {
  if (Deno.build.os !== "linux") return "/proc and namespaces are Linux's";
  const [strange] = unknownNames(filterOf(flags, false));
  if (strange !== undefined) return `there is no "${strange}" among paths, shapes and peers`;
  const [save, resume] = [stringOf(flags, "save"), stringOf(flags, "resume")];
  if (save !== undefined && existsSync(save)) return `"${save}" is there; --resume goes on with it`;
  if (resume !== undefined && !existsSync(resume)) return `there is no "${resume}"`;
  const wanem = emulatorPathOf(flags);
  return wanem === undefined || existsSync(wanem) ? null : `there is no "${wanem}"`;
}

interface Surroundings {
  readonly ends: AsyncDisposableStack;
  readonly processes: Processes;
  readonly signal: AbortSignal;
}

async function measure(flags: Flags, { ends, processes, signal }: Surroundings): Promise<void> {
  const startMs = performance.now();
  const installed = await findInstalled();
  const canIsolate = Deno.uid() === 0;
  if (canIsolate) {
    await sweepPaths();
    ends.defer(sweepPaths);
    ends.use(allowCongestion());
  }
  const emulator = await emulatorOf(flags, { ends, canIsolate });
  const record = recordOf(flags, installed);
  const { isQuick } = record.facts;
  const work = mkdtempSync(join(stringOf(flags, "dir") ?? tmpdir(), "sftpx-peers-"));
  ends.defer(() => rmSync(work, { recursive: true, force: true }));
  const plan = possible(planCells(filterOf(flags, isQuick)), {
    installed,
    emulator,
    canSetSysctls: canIsolate && flags["sysctls"] === true,
  });
  for (const text of plan.leftOut) console.error(`left out: ${text}`);
  for (const name of idleNames(filterOf(flags, isQuick))) {
    console.error(`left out: ${name}: nothing is planned for it together with the rest`);
  }
  const minutes = Number(stringOf(flags, "minutes") ?? (isQuick ? 9 : 57));
  const left = await new PeersRun({
    cells: plan.cells,
    repeats: repeatsFor(flags, isQuick),
    sources: sourcesIn(work, { flags, fileBytes: record.facts.fileBytes }),
    record,
    sftpx: record.facts.sftpx.split(" "),
    deadlineMs: startMs + minutes * 60_000,
    onNews: (text) => console.error(text),
    signal,
    work,
    processes,
    emulator,
    canIsolate,
    hasSsh: installed.versions.has("ssh") && installed.versions.has("sshd"),
    hasRsync: installed.versions.has("rsync"),
  }).run();
  if (left > 0) console.error(`runs left: ${left}; --resume ${record.path} goes on`);
  const facts = factsOf(record, installed);
  tell(flags, { record, cells: plan.cells, facts, leftOut: plan.leftOut });
}

function tell(flags: Flags, options: ReportOptions): void {
  const { record } = options;
  if (flags["json"]) { for (const line of jsonLines(options)) console.log(line); }
  else {
    for (const table of tables(options)) {
      printTable(table);
      console.log("");
    }
    for (const { cell, error } of record.failures) console.log(`${cell}: ${error}`);
  }
  const report = stringOf(flags, "report");
  if (report !== undefined) writeFileSync(report, page(options));
  console.error(`samples: ${record.path}`);
}

async function emulatorOf(
  flags: Flags,
  { ends, canIsolate }: { readonly ends: AsyncDisposableStack; readonly canIsolate: boolean },
): Promise<string | null> {
  const path = emulatorPathOf(flags);
  if (path === undefined || !canIsolate) return null;
  return ends.use(await buildEmulator(path)).program;
}

function emulatorPathOf(flags: Flags): string | undefined {
  return stringOf(flags, "wanem") ?? Deno.env.get("SFTPX_WANEM");
}

function recordOf(flags: Flags, installed: Installed): PeersRecord {
  const resumed = stringOf(flags, "resume");
  if (resumed !== undefined) return PeersRecord.resume(resumed);
  const isQuick = flags["quick"] === true;
  const fileBytes = Number(stringOf(flags, "bytes") ?? (isQuick ? 256 : 1024) * MIB);
  const startedAt = new Date().toISOString();
  const path = stringOf(flags, "save") ??
    join(tmpdir(), `sftpx-peers-${startedAt.replaceAll(":", "")}.jsonl`);
  const cells = planCells(filterOf(flags, isQuick)).filter((cell) =>
    absence(cell.tool, installed) === null
  );
  const large = { bytes: fileBytes, files: 1 };
  const targetSeconds = targetSecondsFor(cells, {
    budgetSeconds: (isQuick ? 9 : 56) * 60,
    full: { random: large, text: large, ...EXPECTED_TREES },
    repeats: repeatsFor(flags, isQuick),
  });
  return PeersRecord.begin(path, {
    isQuick,
    fileBytes,
    targetSeconds,
    sftpx: stringOf(flags, "sftpx") ?? ownCommand(),
    cores: availableParallelism(),
    startedAt,
  });
}

/** Near enough for a budget. */
const EXPECTED_TREES = {
  small: { bytes: 8_192_000, files: 2000 },
  modules: { bytes: 32_000_000, files: 3000 },
} as const;

function ownCommand(): string {
  const main = fileURLToPath(new URL("../../mod.ts", import.meta.url));
  return [Deno.execPath(), "run", "-A", "--unstable-net", V8_FLAGS, main].join(" ");
}

function repeatsFor(flags: Flags, isQuick: boolean): (cell: Cell) => number {
  const given = stringOf(flags, "repeat");
  return ({ path }) => given === undefined ? repeatsOf(path, { isQuick }) : Number(given);
}

function filterOf(flags: Flags, isQuick: boolean): PlanFilter {
  const list = (name: string) => stringOf(flags, name)?.split(",") ?? null;
  return { isQuick, paths: list("paths"), shapes: list("shapes"), tools: list("peers") };
}

function sourcesIn(
  work: string,
  { flags, fileBytes }: { readonly flags: Flags; readonly fileBytes: number },
): Sources {
  const own = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
  return new Sources({
    work,
    fileBytes,
    modules: modulesOf(stringOf(flags, "modules")),
    texts: [own("src"), own("tests"), own("node_modules")],
  });
}

interface Possibility {
  readonly installed: Installed;
  readonly emulator: string | null;
  readonly canSetSysctls: boolean;
}

/** What can be measured here, and what cannot, by name. */
function possible(cells: readonly Cell[], means: Possibility) {
  const leftOut = new Set<string>();
  const kept = cells.filter((cell) => {
    const reason = obstacleTo(cell, means);
    if (reason !== null) leftOut.add(reason);
    return reason === null;
  });
  return { cells: kept, leftOut: [...leftOut] };
}

function obstacleTo(
  cell: Cell,
  { installed, emulator, canSetSysctls }: Possibility,
): string | null {
  const missing = absence(cell.tool, installed);
  if (missing !== null) return `${cell.tool}: ${missing}`;
  if (emulator === null && PATHS[cell.path].megabitsPerSecond > 0) {
    return "emulated paths: they need root and --wanem";
  }
  const isChosen = PATHS[cell.path].megabitsPerSecond > 0;
  if (isChosen && !knownCongestion().includes(cell.congestion)) {
    return `TCP ${cell.congestion}: this kernel has none`;
  }
  if (cell.sysctls === "documented" && !canSetSysctls) return "documented sysctls: not asked for";
  return null;
}

function factsOf(record: PeersRecord, { versions }: Installed): [string, string][] {
  const { startedAt, cores, fileBytes, targetSeconds, isQuick } = record.facts;
  return [
    ["begun", startedAt],
    ["machine", `${cores} cores, ${cpus()[0]?.model ?? "unknown"}, Linux ${release()}`],
    ["large files", `${fileBytes / MIB} MiB on the loopback`],
    ["emulated paths", `runs of about ${targetSeconds} s, each tool with as much as that takes`],
    ["kind of run", isQuick ? "quick" : "full"],
    ["tools", [...versions].map(([name, version]) => `${name} ${version}`).join(", ")],
  ];
}

function stringOf(flags: Flags, name: string): string | undefined {
  const value = flags[name];
  return typeof value === "string" ? value : undefined;
}
