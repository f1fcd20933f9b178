// Half-done states without the bytes: the store itself begins, registers, journals and commits what the
// real command offered, and is never closed. What it writes cannot drift from the format; only syncs are
// left out, and the parts are made here, as empty as their digests allow.

import { closeSync, ftruncateSync, openSync, writeFileSync } from "node:fs";
import { loadHash } from "../../src/codec/hash.ts";
import { fileDigest } from "../../src/engine/root.ts";
import { DISK, type Disk } from "../../src/store/disk.ts";
import type { DiskStore } from "../../src/store/disk_store.ts";
import type { JournalRun, Placement, ReceiveTransfer, WalkBatch } from "../../src/store/store.ts";
import { walk } from "../../src/store/walk.ts";
import { LIMITS } from "../../src/base/limits.ts";

/** What a half-done transfer has done. */
export type StateKind =
  /** The first half of one large file, journalled in whole intervals. */
  | "first half"
  /** Every other chunk of it: as many rows as there can be. */
  | "every other"
  /** Half of a tree as parts; killed before the manifest was closed. */
  | "parts"
  /** Half of a tree in place; killed while files were committed. */
  | "committed";

export interface StateJob {
  readonly kind: StateKind;
  /** Absolute path of the source at the sender. */
  readonly source: string;
  /** Where to say what was written, or what went wrong. */
  readonly report: string;
}

/** What was written. */
export interface StateReport {
  readonly entries: number;
  /** Files or chunks that are durable. */
  readonly done: number;
  readonly runs: number;
  readonly seconds: number;
}

/** Content of every file of a tree. */
export const SMALL_CONTENT = new TextEncoder().encode("sftpx bench file");

/** Nothing here is to survive a power loss. */
export const HASTY_DISK: Disk = { ...DISK, syncFile: () => {}, syncDirectory: () => {} };

/** Half does a transfer that the command is about to begin. */
export async function halfDo(
  store: DiskStore,
  transfer: ReceiveTransfer,
  job: StateJob,
): Promise<StateReport> {
  const startMs = performance.now();
  const { id, chunkBytes } = store.begin(transfer);
  const hashing = await loadHash({ without: [] });
  const done = job.kind === "first half" || job.kind === "every other"
    ? oneFile({ store, id, job, chunkBytes, digest: hashing.digest(new Uint8Array(chunkBytes)) })
    : tree({
      store,
      id,
      job,
      digests: hashing.digest(SMALL_CONTENT),
      whole: (digests) =>
        fileDigest(hashing, { sizeBytes: SMALL_CONTENT.byteLength, chunkBytes, digests }),
    });
  return { ...done, seconds: (performance.now() - startMs) / 1000 };
}

interface Work {
  readonly store: DiskStore;
  readonly id: number;
  readonly job: StateJob;
}

type Done = Omit<StateReport, "seconds">;

function oneFile(
  { store, id, job, chunkBytes, digest }: Work & {
    readonly chunkBytes: number;
    /** Of a chunk of zeros. */
    readonly digest: Uint8Array;
  },
): Done {
  const [batch] = walkOf(job);
  const [entry] = batch?.entries ?? [];
  if (batch === undefined || entry === undefined) throw new Error("Cannot walk the source");
  const [placement] = store.register(id, 0, batch.entries, batch.sources);
  const part = openSync(partOf(placement), "wx");
  ftruncateSync(part, entry.sizeBytes);
  closeSync(part);
  const chunks = Math.ceil(entry.sizeBytes / chunkBytes);
  const isEach = job.kind === "first half";
  const held = Array.from({ length: chunks >> 1 }, (_, i) => isEach ? i : i * 2);
  const perWrite = Math.max(1, LIMITS.journalBytes / chunkBytes);
  let runs = 0;
  for (let at = 0; at < held.length; at += perWrite) {
    const chunksNow = held.slice(at, at + perWrite);
    const rows: JournalRun[] = isEach
      ? [{ entry: 0, first: at, digests: repeated(digest, chunksNow.length), synced: true }]
      : chunksNow.map((first) => ({ entry: 0, first, digests: digest, synced: true }));
    store.journal(id, rows);
    runs += rows.length;
  }
  return { entries: 1, done: held.length, runs };
}

function tree(
  { store, id, job, digests, whole }: Work & {
    /** Of a file's one chunk. */
    readonly digests: Uint8Array;
    /** File digest of these. */
    readonly whole: (digests: Uint8Array) => Uint8Array;
  },
): Done {
  const isPlaced = job.kind === "committed";
  const digest = whole(digests);
  let entries = 0;
  const files: number[] = [];
  const parts: string[] = [];
  for (const batch of walkOf(job)) {
    const placements = store.register(id, entries, batch.entries, batch.sources);
    for (const [i, placement] of placements.entries()) {
      if (batch.entries[i]?.kind !== "file") continue;
      files.push(entries + i);
      parts.push(partOf(placement));
    }
    entries += batch.entries.length;
  }
  const half = files.length >> 1;
  if (isPlaced) store.placeDirectories(id);
  for (let at = 0; at < half; at += FILES_A_WRITE) {
    const some = files.slice(at, Math.min(at + FILES_A_WRITE, half));
    some.forEach((_, i) => writeFileSync(parts[at + i] ?? "", SMALL_CONTENT, { flag: "wx" }));
    if (isPlaced) {
      store.commit(id, some.map((entry) => ({ entry, digest, synced: true, keep: false })));
    } else {
      store.journal(id, some.map((entry) => ({ entry, first: 0, digests, synced: true })));
    }
  }
  return { entries, done: half, runs: isPlaced ? 0 : half };
}

/** As many small files as land in half a second, or so. */
const FILES_A_WRITE = 1024;

function* walkOf({ source }: StateJob): Generator<WalkBatch, void> {
  const name = source.slice(source.lastIndexOf("/") + 1);
  for (const batch of walk([{ path: source, name, contents: false, follow: false }])) {
    if (batch.entries.length > 0) yield batch;
  }
}

function partOf(placement: Placement | undefined): string {
  if (placement?.kind === "new") return placement.part;
  throw new Error(`Cannot make a state: an entry is ${placement?.kind}`);
}

function repeated(digest: Uint8Array, count: number): Uint8Array {
  const digests = new Uint8Array(digest.byteLength * count);
  for (let i = 0; i < count; i++) digests.set(digest, i * digest.byteLength);
  return digests;
}
