// `bench small` against rsync over ssh, with and without --fsync: the first copy and the unchanged second
// run, each as its user waits for it, start of the programs included. On loopback, and with an emulator
// named at 80 ms too. Shapes are those of `bench peers`, packages repeated until they are as many as asked.

import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { cp } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { PATHS, type PathSpec } from "./peers_plan.ts";
import { Processes } from "./peers_processes.ts";
import { Scene } from "./peers_scene.ts";
import { SftpxServer } from "./peers_sftpx.ts";
import { differenceOf, filesUnder, Sources } from "./peers_sources.ts";
import { commandOf, COPY, findInstalled } from "./peers_tools.ts";
import { median, printTable } from "./process.ts";
import { buildEmulator } from "./wan_path.ts";

export interface AgainstRsyncOptions {
  /** Command line of sftpx. */
  readonly command: readonly string[];
  /** Files of the small shape. */
  readonly files: number;
  /** Files of the packages shape, at least; 0 leaves it out. */
  readonly moduleFiles: number;
  readonly modules: string;
  readonly repeat: number;
  /** The emulator or its source; absent for loopback alone. */
  readonly wanem?: string;
  readonly dir?: string;
  readonly json: boolean;
}

/** One copy must not wait for ever on a busy machine. */
const LIMIT_SECONDS = 300;
/** Copies of trees of so many files stay until all is measured. */
const MOST_KEPT = 5000;
const TOOLS = ["sftpx", "rsync", "rsync --fsync"] as const;
type Tool = (typeof TOOLS)[number];

interface Sample {
  readonly first: number;
  readonly unchanged: number;
}

interface Bench {
  readonly options: AgainstRsyncOptions;
  readonly work: string;
  readonly processes: Processes;
}

export async function runAgainstRsync(options: AgainstRsyncOptions): Promise<void> {
  const installed = await findInstalled();
  const hasRsync = installed.versions.has("rsync") && installed.versions.has("ssh");
  const tools = TOOLS.filter((tool) =>
    tool === "sftpx" || (hasRsync && (tool === "rsync" || installed.hasFsync))
  );
  const work = mkdtempSync(join(options.dir ?? tmpdir(), "sftpx-bench-"));
  try {
    await using processes = new Processes();
    const bench = { options, work, processes };
    const trees = await treesOf(bench);
    await using emulator = options.wanem === undefined ? null : await buildEmulator(options.wanem);
    const paths = emulator === null ? [PATHS.loopback] : [PATHS.loopback, PATHS["80ms"]];
    for (const path of paths) {
      await using scene = await Scene.open(path, {
        work,
        processes,
        emulator: emulator?.program ?? null,
        canIsolate: false,
        hasSsh: hasRsync,
        hasRsync: false,
      });
      for (const tree of trees) await comparison(bench, { path, scene, tree, tools });
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The trees to copy. */
async function treesOf({ options, work }: Bench): Promise<readonly string[]> {
  const { files, moduleFiles, modules } = options;
  const sources = new Sources({ work, fileBytes: 0, modules: null, texts: [] });
  const small = sources.path("small", files);
  if (moduleFiles === 0 || !existsSync(modules)) return [small];
  const packages = join(work, "node_modules");
  mkdirSync(packages);
  const copies = Math.ceil(moduleFiles / Math.max(1, filesUnder(modules).length));
  for (let i = 0; i < copies; i++) {
    await cp(modules, join(packages, `copy-${i}`), { recursive: true, verbatimSymlinks: true });
  }
  return [small, packages];
}

async function comparison(
  bench: Bench,
  { path, scene, tree, tools }: {
    readonly path: PathSpec;
    readonly scene: Scene;
    readonly tree: string;
    readonly tools: readonly Tool[];
  },
): Promise<void> {
  const { repeat, json } = bench.options;
  const samples = new Map<Tool, Sample[]>(tools.map((tool) => [tool, []]));
  // In turn, so that a busy machine slows all alike.
  for (let round = 0; round < repeat; round++) {
    for (const tool of tools) {
      samples.get(tool)?.push(await copyTwice(bench, { tool, scene, tree }));
    }
  }
  const title = `${filesUnder(tree).length} files, ${path.name}`;
  const own = samples.get("sftpx") ?? [];
  const rows = [...samples].map(([tool, list]) => {
    const figure = (pass: keyof Sample) => median(list.map((sample) => sample[pass]));
    const ratio = (pass: keyof Sample) => figure(pass) / median(own.map((one) => one[pass]));
    return {
      "what": tool,
      "first s": figure("first").toFixed(2),
      "takes": `${ratio("first").toFixed(2)} x`,
      "unchanged s": figure("unchanged").toFixed(2),
      "takes ": `${ratio("unchanged").toFixed(2)} x`,
      "runs": list.length,
    };
  });
  if (json) { for (const row of rows) console.log(JSON.stringify({ title, ...row })); }
  else {
    console.log(`\n${title}`);
    printTable(rows);
  }
}

async function copyTwice(
  { options, work, processes }: Bench,
  { tool, scene, tree }: { readonly tool: Tool; readonly scene: Scene; readonly tree: string },
): Promise<Sample> {
  const target = mkdtempSync(join(scene.served, "run-"));
  // ext4 looks at each inode that was freed in the last minute before it gives out a new one: what few files
  // there are stay to the end, so that no tool pays for the one before it.
  const isKept = filesUnder(tree).length <= MOST_KEPT;
  using _ = { [Symbol.dispose]: () => isKept || rmSync(target, { recursive: true }) };
  const sample = tool === "sftpx"
    ? await ownSample(target, { options, work, processes, scene, tree })
    : await rsyncSample(tool, { target, processes, scene, tree });
  const difference = differenceOf(tree, join(target, COPY));
  if (difference !== null) throw new Error(`Cannot measure: ${difference}`);
  return sample;
}

async function ownSample(
  target: string,
  { options: { command }, work, processes, scene, tree }: Bench & {
    readonly scene: Scene;
    readonly tree: string;
  },
): Promise<Sample> {
  const how = { command, work, processes, limitSeconds: LIMIT_SECONDS, scene };
  await using server = await SftpxServer.start(target, how);
  const first = await server.send(`${tree}/`, "sftpx");
  const unchanged = await server.send(`${tree}/`, "sftpx");
  return { first: first.seconds, unchanged: unchanged.seconds };
}

async function rsyncSample(
  tool: Exclude<Tool, "sftpx">,
  { target, processes, scene, tree }: {
    readonly target: string;
    readonly processes: Processes;
    readonly scene: Scene;
    readonly tree: string;
  },
): Promise<Sample> {
  const { host, sshPort, rsyncPort, userKey, senderNamespace: namespace } = scene;
  const user = userInfo().username;
  const at = { host, sshPort, rsyncPort, userKey, user };
  const command = commandOf(tool, { source: tree, isTree: true, target, ...at });
  const once = () => processes.run(command, { namespace, limitSeconds: LIMIT_SECONDS });
  return { first: await once(), unchanged: await once() };
}
