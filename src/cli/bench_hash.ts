// How fast this machine hashes: every package that loads, on one thread and in memory, the one in use
// first; then a file, read and hashed by one thread, and by 1, 2, 4 ... workers as a transfer does it.

import { closeSync, openSync, readSync } from "node:fs";
import { mkdtemp, open, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { HASH_LOADERS, loadHash } from "../codec/hash.ts";
import { DigestDesk } from "../pool/digest_desk.ts";
import { ChunkPool } from "../pool/pool.ts";
import type { StandingFile } from "../pool/messages.ts";
import { cores } from "../runtime/runtime.ts";
import { codecsLeftOut } from "../session/equipment.ts";
import { LOAD_BYTES, noiseLoad, type Pace, paced, paceOf } from "./bench_load.ts";
import type { BenchLine } from "./json_line.ts";
import { namedError } from "./named_error.ts";
import { shown } from "./shown.ts";

/** More is measured over again, until it took this long. */
const ENOUGH_MS = 1_000;
/** Held by the page cache on any machine; more would measure disks. */
const MOST_FILE_BYTES = 1 << 30;

export interface HashBenchOptions {
  readonly bytes: number;
  /** Where the file goes; null for the temporary directory. */
  readonly directory: string | null;
  readonly workerUrl: URL;
  readonly signal: AbortSignal;
}

/** One row for each package, one for a file on one thread, one for each number of workers. */
export async function* benchHash(options: HashBenchOptions): AsyncGenerator<BenchLine, void> {
  const { bytes, signal } = options;
  const without = codecsLeftOut();
  const load = noiseLoad();
  for (const loader of HASH_LOADERS) {
    const hash = without.includes(loader.name) ? null : await loader.load();
    if (hash === null) continue;
    const pace = await paceOf(() => hash.digest(load), { bytes, signal });
    yield { bench: "hash", name: "blake3", by: hash.name, threads: 1, ...pace };
  }
  yield* benchWorkers(options);
}

async function* benchWorkers(
  { bytes, directory, workerUrl, signal }: HashBenchOptions,
): AsyncGenerator<BenchLine, void> {
  const above = directory === null ? tmpdir() : resolve(directory);
  let work: string;
  try {
    work = await mkdtemp(join(above, "sftpx-bench-"));
  } catch (error) {
    throw namedError(error, `measure hashing at "${shown(above)}"`);
  }
  try {
    const file = await written(join(work, "file"), Math.min(bytes, MOST_FILE_BYTES));
    const alone = await hashedHere(file, signal);
    yield { bench: "hash", name: "a file, one thread", threads: 1, ...alone };
    for (const threads of threadCounts(Math.min(cores(), LIMITS.workers))) {
      const pace = await hashedBy(threads, { file, workerUrl, signal });
      const scaling = pace.bytesPerSecond / (threads * alone.bytesPerSecond);
      const name = `a file, ${threads} worker${threads === 1 ? "" : "s"}`;
      yield { bench: "hash", name, threads, scaling: Number(scaling.toFixed(3)), ...pace };
    }
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** 1, 2, 4 and so on, and all of them. */
export function threadCounts(most: number): readonly number[] {
  const counts: number[] = [];
  for (let count = 1; count < most; count *= 2) counts.push(count);
  return [...counts, most];
}

async function written(path: string, bytes: number): Promise<StandingFile> {
  const load = noiseLoad();
  await using file = await open(path, "wx", 0o600);
  for (let at = 0; at < bytes; at += LOAD_BYTES) {
    await file.write(load, 0, Math.min(LOAD_BYTES, bytes - at), at);
  }
  const { dev, ino, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
  return { path, stamp: { device: dev, inode: ino, sizeBytes: bytes, mtimeNs, ctimeNs } };
}

/** One thread that does nothing but read and hash: what workers are measured against. */
async function hashedHere({ path, stamp }: StandingFile, signal: AbortSignal): Promise<Pace> {
  const hash = await loadHash({ without: codecsLeftOut() });
  const buffer = new Uint8Array(LOAD_BYTES);
  const pass = () => {
    const fd = openSync(path, "r");
    try {
      for (let got = readSync(fd, buffer); got > 0; got = readSync(fd, buffer)) {
        hash.digest(buffer.subarray(0, got));
      }
    } finally {
      closeSync(fd);
    }
    return Promise.resolve();
  };
  return await overAndOver(pass, { bytes: stamp.sizeBytes, signal });
}

async function hashedBy(
  count: number,
  { file, workerUrl, signal }: {
    readonly file: StandingFile;
    readonly workerUrl: URL;
    readonly signal: AbortSignal;
  },
): Promise<Pace> {
  await using pool = new ChunkPool({ workerUrl, count, without: codecsLeftOut() });
  await pool.start();
  const desk = new DigestDesk({ pool, chunkBytes: LOAD_BYTES, signal });
  const pass = async () => {
    const { digests, failure } = await desk.digest(file);
    if (digests === null) throw new SftpxError("io", `Cannot measure hashing: ${failure?.message}`);
  };
  return await overAndOver(pass, { bytes: file.stamp.sizeBytes, signal });
}

async function overAndOver(
  pass: () => Promise<void>,
  { bytes, signal }: { readonly bytes: number; readonly signal: AbortSignal },
): Promise<Pace> {
  await pass(); // warms up
  const startMs = performance.now();
  for (let passes = 1;; passes++) {
    signal.throwIfAborted();
    await pass();
    const tookMs = performance.now() - startMs;
    if (tookMs >= ENOUGH_MS) return paced(passes * bytes, tookMs);
  }
}
