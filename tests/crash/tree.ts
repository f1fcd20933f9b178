// The trees that are sent: entries in the order of a manifest, with contents of noise that no page of
// zeros and no other version of a file resembles. Digests are SHA-256: the store believes any.

import { createHash } from "node:crypto";
import { comparePaths } from "../../src/base/path.ts";
import type { Entry } from "../../src/wire/messages.ts";
import type { ReceiveTransfer } from "../../src/store/store.ts";
import {
  directoryEntry,
  fileEntry,
  linkEntry,
  stampFor,
  transferOf,
} from "../../src/store/_fixture.ts";
import type { Random } from "../simulation/clock.ts";

/** Two pages: small enough to be fast, large enough to be torn. */
export const CHUNK_BYTES = 8192;

/** A tree to be sent, and how. */
export interface Tree {
  readonly entries: readonly Entry[];
  /** Contents of files, by path. */
  readonly contents: ReadonlyMap<string, Uint8Array>;
  readonly transfer: ReceiveTransfer;
  readonly prunes: boolean;
}

export interface TreeOptions {
  readonly writeOnce?: boolean;
  readonly prunes?: boolean;
}

/** Paths with a `/` at the end are directories, with `->` links; the others files of so many bytes. */
export function treeOf(
  sizes: Readonly<Record<string, number>>,
  random: Random,
  { writeOnce = false, prunes = false }: TreeOptions = {},
): Tree {
  const contents = new Map<string, Uint8Array>();
  const entries = Object.entries(sizes).map(([name, sizeBytes]): Entry => {
    const [path = "", target] = name.split("->");
    if (target !== undefined) return linkEntry(path, target);
    if (path.endsWith("/")) return directoryEntry(path.slice(0, -1));
    contents.set(path, noise(sizeBytes, random));
    return fileEntry(path, sizeBytes, { stamp: stampFor(sizeBytes, BigInt(random.below(1e9))) });
  }).sort((a, b) => comparePaths(a.path, b.path));
  const transfer = transferOf({ chunkBytes: CHUNK_BYTES, writeOnce });
  return { entries, contents, transfer, prunes };
}

/** The same tree after its source changed: files have other contents from somewhere on, or all. */
export function changedTree(tree: Tree, random: Random, { all = false } = {}): Tree {
  const contents = new Map(tree.contents);
  const entries = tree.entries.map((entry) => {
    const bytes = contents.get(entry.path);
    if (bytes === undefined || bytes.byteLength === 0) return entry;
    if (!all && random.chance(0.4)) return entry;
    const changed = bytes.slice();
    const from = all ? 0 : random.below(changed.byteLength);
    changed.set(noise(changed.byteLength - from, random), from);
    contents.set(entry.path, changed);
    const stamp = stampFor(entry.sizeBytes, BigInt(random.below(1e9)));
    // With the same size and time it would count as unchanged, as it should.
    return { ...entry, stamp, mtimeNs: entry.mtimeNs + 1_000_000_000n };
  });
  return { ...tree, entries, contents };
}

/** The same tree after its files grew, by little or much, or were cut. */
export function resizedTree(tree: Tree, random: Random): Tree {
  const contents = new Map(tree.contents);
  const entries = tree.entries.map((entry) => {
    const bytes = contents.get(entry.path);
    if (bytes === undefined || bytes.byteLength === 0) return entry;
    const by = random.pick([0, 1, 100, CHUNK_BYTES, 2 * CHUNK_BYTES + 5]);
    const resized = random.chance(0.6)
      ? Uint8Array.from([...bytes, ...noise(by, random)])
      : bytes.slice(0, Math.max(bytes.byteLength - by, 1));
    contents.set(entry.path, resized);
    const sizeBytes = resized.byteLength;
    const stamp = stampFor(sizeBytes, BigInt(random.below(1e9)));
    return { ...entry, sizeBytes, stamp, mtimeNs: entry.mtimeNs + 1_000_000_000n };
  });
  return { ...tree, entries, contents };
}

/** Never zero: what was never written reads as zeros. */
export function noise(count: number, random: Random): Uint8Array {
  return Uint8Array.from({ length: count }, () => 1 + random.below(255));
}

export function digestOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

export function chunksOf(sizeBytes: number): number {
  return Math.ceil(sizeBytes / CHUNK_BYTES);
}

export function chunkOf(bytes: Uint8Array, chunk: number): Uint8Array {
  return bytes.subarray(chunk * CHUNK_BYTES, (chunk + 1) * CHUNK_BYTES);
}
