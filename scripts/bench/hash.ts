// `bench hash`: the digests of a whole tree with 1, 2, ... workers, against as many bare threads that do
// nothing but read and hash with the same code, and against what memory alone gives them: hashing what
// stays in a cache, hashing what does not, reading without hashing. Workers are measured as they begin,
// with the walk, and once more when they have done it all before: what is between is what beginning
// costs. The tree is in the page cache, so that this measures processors; with --cold it is not, and
// reading shows what the disk gives.

import { parseArgs } from "@std/cli/parse-args";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DigestDesk } from "../../src/pool/digest_desk.ts";
import type { StandingFile } from "../../src/pool/messages.ts";
import { ChunkPool } from "../../src/pool/pool.ts";
import { cores } from "../../src/runtime/runtime.ts";
import { openStore } from "../../src/store/open.ts";
import { numbersOf, refuseUnknown } from "./arguments.ts";
import type { HashJob } from "./hash_thread.ts";
import { type Spent, spentBy, spentOn } from "./hash_threads.ts";
import { median, printTable } from "./process.ts";

const USAGE = `Usage: deno task bench hash [options]
  --bytes N         size of the tree (default 4294967296)
  --file-bytes N    size of a file (default 16777216)
  --workers LIST    worker counts (default 1,2)
  --repeat N        runs of each, the median counts (default 3)
  --dir PATH        where the tree goes (default: the system's temporary directory)
  --cold            empties the machine's page cache before each run (root)
  --json            one JSON object a line`;

const CHUNK_BYTES = 2 << 20;
/** What a core keeps to itself, and what no cache holds. */
const MEMORIES = [["cache", 256 << 10], ["memory", 256 << 20]] as const;
const CHUNK_WORKER = new URL("../../workers/chunk.ts", import.meta.url);
const STORE_WORKER = new URL("../../workers/store.ts", import.meta.url);

export async function run(args: string[]): Promise<void> {
  const flags = parseArgs(args, {
    unknown: refuseUnknown,
    string: ["bytes", "file-bytes", "workers", "repeat", "dir"],
    boolean: ["json", "help", "cold"],
    default: {
      bytes: String(2 ** 32),
      "file-bytes": String(1 << 24),
      workers: "1,2",
      repeat: "3",
    },
  });
  if (flags.help) return console.log(USAGE);
  const bytes = Number(flags.bytes);
  const work = mkdtempSync(join(flags.dir ?? tmpdir(), "sftpx-bench-"));
  try {
    const files = writeTree(join(work, "tree"), bytes, Number(flags["file-bytes"]));
    const counts = numbersOf(String(flags.workers));
    const spent = new Map<string, Spent[]>();
    const chill = () => {
      if (flags.cold) dropCaches();
    };
    for (let round = 0; round < Number(flags.repeat); round++) {
      for (const [name, take] of measurements({ work, files, bytes, counts })) {
        if (flags.cold && name.startsWith("memory")) continue;
        chill();
        spent.set(name, [...spent.get(name) ?? [], await take()]);
      }
    }
    const rows = rowsOf(spent, bytes);
    if (flags.json) { for (const row of rows) console.log(JSON.stringify(row)); }
    else printTable(rows);
    console.log(`${files.length} files, ${bytes} bytes, ${cores()} cores`);
    for (const count of counts) console.log(barOf(spent, { bytes, count }));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** What is asked of the workers: 0.9 of the lower of as many times one thread and what threads get here. */
function barOf(
  spent: ReadonlyMap<string, readonly Spent[]>,
  { bytes, count }: { readonly bytes: number; readonly count: number },
): string {
  const rateOf = (name: string) => {
    const list =
      spent.get(`read and hash, ${name}${count === 1 || name.startsWith("1 ") ? "" : "s"}`) ?? [];
    return list.length === 0 ? NaN : bytes / 1e6 / median(list.map(({ seconds }) => seconds));
  };
  const times = count * rateOf("1 bare thread");
  const given = rateOf(`${count} bare thread`);
  const asked = Math.min(...[times, given].filter(Number.isFinite));
  const [begun, again] = [rateOf(`${count} worker`), rateOf(`again, ${count} worker`)]
    .map((reached) => (reached / asked).toFixed(2));
  return `${count} worker${
    count === 1 ? "" : "s"
  }: ${begun} with their beginning, and ${again} without, of the lower of ` +
    `${count} x one bare thread, ${times.toFixed(0)} MB/s, and ${count} bare threads, ` +
    `${given.toFixed(0)} MB/s; asked 0.9`;
}

interface Tree {
  readonly work: string;
  readonly files: readonly string[];
  readonly bytes: number;
  readonly counts: readonly number[];
}

/** In turn: what memory gives, what bare threads make of the files, and what the workers do. */
function* measurements(
  { work, files, bytes, counts }: Tree,
): Generator<readonly [name: string, take: () => Promise<Spent>]> {
  for (const count of counts) {
    const threads = `${count} bare thread${count === 1 ? "" : "s"}`;
    const each = (jobOf: (thread: number) => HashJob) => () =>
      spentBy(Array.from({ length: count }, (_, thread) => jobOf(thread)));
    for (const [where, passBytes] of MEMORIES) {
      yield [
        `memory: hash in ${where}, ${threads}`,
        each(() => ({ kind: "memory", bytes: bytes / count, passBytes })),
      ];
    }
    const sharesOf = (hashes: boolean) =>
      each((thread) => ({
        kind: "files",
        files: files.filter((_, index) => index % count === thread),
        chunkBytes: CHUNK_BYTES,
        hashes,
      }));
    yield [`read, ${threads}`, sharesOf(false)];
    yield [`read and hash, ${threads}`, sharesOf(true)];
    const workers = `${count} worker${count === 1 ? "" : "s"}`;
    yield [`read and hash, ${workers}`, () => hashWithWorkers(work, count, { passes: 1 })];
    yield [`read and hash, again, ${workers}`, () => hashWithWorkers(work, count, { passes: 2 })];
  }
}

/** Medians; each beside the first of its kind, by the clock and by processors. */
function rowsOf(
  spent: ReadonlyMap<string, readonly Spent[]>,
  bytes: number,
): readonly Record<string, string | number>[] {
  const first = new Map<string, number>();
  return [...spent].map(([what, list]) => {
    const rate = bytes / 1e6 / median(list.map(({ seconds }) => seconds));
    const cpu = median(list.map(({ cpuSeconds }) => cpuSeconds)) / (bytes / 1e9);
    const kind = what.split(",")[0]!;
    const base = first.get(kind) ?? rate;
    first.set(kind, base);
    return {
      what,
      "MB/s": Math.round(rate),
      "of one thread": (rate / base).toFixed(2),
      "CPU s/GB": cpu.toFixed(3),
      runs: list.length,
    };
  });
}

/** What is dirty goes to the disk first: only what is clean can be dropped. */
function dropCaches(): void {
  new Deno.Command("sync").outputSync();
  Deno.writeTextFileSync("/proc/sys/vm/drop_caches", "3");
}

/** What a walk and a pool take for the same files, as a transfer would do it: the last pass of some. */
async function hashWithWorkers(
  work: string,
  count: number,
  { passes }: { readonly passes: number },
): Promise<Spent> {
  const pool = new ChunkPool({ workerUrl: CHUNK_WORKER, count, without: [] });
  const store = await openStore({ root: null, workerUrl: STORE_WORKER, keep: false });
  await pool.start();
  try {
    const desk = new DigestDesk({ pool, chunkBytes: CHUNK_BYTES });
    const source = { path: join(work, "tree"), name: "tree", contents: true, follow: false };
    const pass = async () => {
      const jobs: Promise<void>[] = [];
      for await (const batch of store.walk([source])) {
        for (const [index, entry] of batch.entries.entries()) {
          if (entry.kind !== "file") continue;
          jobs.push(digested(desk, { path: batch.paths[index]!, stamp: entry.stamp! }));
        }
      }
      await Promise.all(jobs);
    };
    for (let before = 1; before < passes; before++) await pass();
    return await spentOn(pass);
  } finally {
    await pool.close();
    await store.close();
  }
}

async function digested(desk: DigestDesk, file: StandingFile): Promise<void> {
  const { digests, failure } = await desk.digest(file);
  if (digests === null) throw new Error(`Cannot measure: ${failure?.message}`);
}

function writeTree(root: string, bytes: number, fileBytes: number): string[] {
  mkdirSync(root);
  const block = new Uint8Array(Math.min(fileBytes, 1 << 20));
  const files: string[] = [];
  for (let left = bytes; left > 0; left -= fileBytes) {
    const path = join(root, `file ${files.length}`);
    const fd = openSync(path, "w");
    for (let at = 0; at < Math.min(fileBytes, left); at += block.byteLength) {
      crypto.getRandomValues(block.subarray(0, Math.min(block.byteLength, 65_536)));
      writeSync(fd, block, 0, Math.min(block.byteLength, fileBytes - at));
    }
    closeSync(fd);
    files.push(path);
  }
  return files;
}
