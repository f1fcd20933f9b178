// How fast a directory takes a file, synced to the device, and gives it back. The file goes whatever
// happens. What was just written may be read from memory: the row says so, and another one is read past
// it where the file system lets us.

import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { DirectReader } from "../pool/direct_read.ts";
import { codecsLeftOut } from "../session/equipment.ts";
import { breath, LOAD_BYTES, noiseLoad, type Pace, paced } from "./bench_load.ts";
import type { BenchLine } from "./json_line.ts";
import { namedError } from "./named_error.ts";
import { shown } from "./shown.ts";

/** A row for writing and one or two for reading. */
export async function* benchDisk(
  { bytes, directory, signal }: {
    bytes: number;
    directory: string | null;
    signal: AbortSignal;
  },
): AsyncGenerator<BenchLine, void> {
  const above = directory === null ? tmpdir() : resolve(directory);
  const work = await translated(above, () => mkdtemp(join(above, "sftpx-bench-")));
  try {
    const path = join(work, "file");
    const by = shown(above);
    const written = await translated(above, () => write(path, { bytes, signal }));
    yield { bench: "disk", name: "write and sync", by, ...written };
    const read = await translated(above, () => readBack(path, { bytes, signal }));
    yield { bench: "disk", name: "read, just written", by, ...read };
    const device = await translated(above, () => readDirect(path, { bytes, signal }));
    if (device !== null) yield { bench: "disk", name: "read, from device", by, ...device };
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

async function write(
  path: string,
  { bytes, signal }: { bytes: number; signal: AbortSignal },
): Promise<Pace> {
  const load = noiseLoad();
  await using file = await open(path, "wx", 0o600);
  const startMs = performance.now();
  for (let at = 0; at < bytes; at += LOAD_BYTES) {
    signal.throwIfAborted();
    await writeWhole(file, load.subarray(0, Math.min(LOAD_BYTES, bytes - at)));
  }
  await file.sync();
  return paced(bytes, performance.now() - startMs);
}

async function writeWhole(
  file: Awaited<ReturnType<typeof open>>,
  bytes: Uint8Array,
): Promise<void> {
  let rest = bytes;
  while (rest.length > 0) rest = rest.subarray((await file.write(rest)).bytesWritten);
}

async function readBack(
  path: string,
  { bytes, signal }: { bytes: number; signal: AbortSignal },
): Promise<Pace> {
  const buffer = new Uint8Array(LOAD_BYTES);
  await using file = await open(path, "r");
  const startMs = performance.now();
  let readBytes = 0;
  for (;;) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, LOAD_BYTES);
    if (bytesRead === 0) break;
    readBytes += bytesRead;
  }
  if (readBytes !== bytes) throw shortOf(bytes, readBytes);
  return paced(readBytes, performance.now() - startMs);
}

/** Past the page cache; null where the file system has no such reads. */
async function readDirect(
  path: string,
  { bytes, signal }: { bytes: number; signal: AbortSignal },
): Promise<Pace | null> {
  using reading = new DirectReader({ without: codecsLeftOut() }).open(path, LOAD_BYTES);
  if (reading === null) return null;
  const startMs = performance.now();
  for (let at = 0; at < bytes; at += LOAD_BYTES) {
    await breath();
    signal.throwIfAborted();
    const wanted = Math.min(LOAD_BYTES, bytes - at);
    if (reading.read(wanted, at).length < wanted) throw shortOf(bytes, at);
  }
  return paced(bytes, performance.now() - startMs);
}

function shortOf(bytes: number, readBytes: number): SftpxError {
  return new SftpxError("io", `Cannot measure the disk: ${readBytes} of ${bytes} bytes came back`);
}

async function translated<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error; // a stop, or a mistake of ours
    throw namedError(error, `measure the disk at "${shown(directory)}"`);
  }
}
