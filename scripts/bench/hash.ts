// `bench hash`: the digests of a whole tree with 1, 2, ... workers, against one thread that does
// nothing but read and hash with the same code. The tree is in the page cache, so that this measures
// processors; with --cold it is not, and what the disk alone gives stands beside it.

import { parseArgs } from "@std/cli/parse-args";
import { closeSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadHash } from "../../src/codec/hash.ts";
import { DigestDesk } from "../../src/pool/digest_desk.ts";
import type { StandingFile } from "../../src/pool/messages.ts";
import { ChunkPool } from "../../src/pool/pool.ts";
import { cores } from "../../src/runtime/runtime.ts";
import { openStore } from "../../src/store/open.ts";
import { refuseUnknown } from "./arguments.ts";
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
    const counts = String(flags.workers).split(",").map(Number);
    const seconds = new Map<string, number[]>();
    const add = (name: string, value: number) => {
      seconds.set(name, [...seconds.get(name) ?? [], value]);
    };
    const chill = () => {
      if (flags.cold) dropCaches();
    };
    for (let round = 0; round < Number(flags.repeat); round++) {
      if (flags.cold) {
        chill();
        add("disk alone, one thread", readHere(files));
      }
      chill();
      add("one thread, no workers", await hashHere(files));
      for (const count of counts) {
        chill();
        add(`${count} worker${count === 1 ? "" : "s"}`, await hashWithWorkers(work, count));
      }
    }
    const base = bytes / 1e6 / median(seconds.get("one thread, no workers")!);
    const rows = [...seconds].map(([what, list]) => {
      const rate = bytes / 1e6 / median(list);
      return { what, "MB/s": Math.round(rate), ratio: (rate / base).toFixed(2), runs: list.length };
    });
    if (flags.json) { for (const row of rows) console.log(JSON.stringify(row)); }
    else printTable(rows);
    console.log(`${files.length} files, ${bytes} bytes, ${cores()} cores`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** What is dirty goes to the disk first: only what is clean can be dropped. */
function dropCaches(): void {
  new Deno.Command("sync").outputSync();
  Deno.writeTextFileSync("/proc/sys/vm/drop_caches", "3");
}

/** Seconds one thread takes to read all files. */
function readHere(files: readonly string[]): number {
  const buffer = new Uint8Array(CHUNK_BYTES);
  const startMs = performance.now();
  for (const file of files) {
    const fd = openSync(file, "r");
    while (readSync(fd, buffer) > 0);
    closeSync(fd);
  }
  return (performance.now() - startMs) / 1000;
}

/** Seconds one thread takes to read and hash all files. */
async function hashHere(files: readonly string[]): Promise<number> {
  const hash = await loadHash({ without: [] });
  const buffer = new Uint8Array(CHUNK_BYTES);
  const startMs = performance.now();
  for (const file of files) {
    const fd = openSync(file, "r");
    for (let got = readSync(fd, buffer); got > 0; got = readSync(fd, buffer)) {
      hash.digest(buffer.subarray(0, got));
    }
    closeSync(fd);
  }
  return (performance.now() - startMs) / 1000;
}

/** Seconds a walk and a pool take for the same files, as a transfer would do it. */
async function hashWithWorkers(work: string, count: number): Promise<number> {
  const pool = new ChunkPool({ workerUrl: CHUNK_WORKER, count, without: [] });
  const store = await openStore({ root: null, workerUrl: STORE_WORKER, keep: false });
  await pool.start();
  try {
    const startMs = performance.now();
    const desk = new DigestDesk({ pool, chunkBytes: CHUNK_BYTES });
    const jobs: Promise<void>[] = [];
    const source = { path: join(work, "tree"), name: "tree", contents: true, follow: false };
    for await (const batch of store.walk([source])) {
      for (const [index, entry] of batch.entries.entries()) {
        if (entry.kind !== "file") continue;
        jobs.push(digested(desk, { path: batch.paths[index]!, stamp: entry.stamp! }));
      }
    }
    await Promise.all(jobs);
    return (performance.now() - startMs) / 1000;
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
