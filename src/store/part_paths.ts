// How the name of a part becomes a path: only below a RUN and a SHARD that are real directories, seen once
// a shard and call. A state may be planted, with a link that leads to a user's files; what lies behind
// one is neither believed, written to nor removed. A part is a file: it goes by `unlink`, nothing else does.

import { dirname } from "node:path";
import { osCode } from "../base/os_error.ts";
import type { Disk } from "./disk.ts";

/** What a run says of its parts; see part_names.ts. */
export const NAMES_FILE = "names";
/** What a run of parts and a shard of it are called. */
export const RUN_NAME = /^[0-9a-f]{16}$/;
export const SHARD_NAME = /^[0-9a-f]{1,8}$/;
const PART_NAME = /^[0-9a-f]{16}\/[0-9a-f]{1,8}\/[0-9a-f]{1,8}$/;

/**
 * Whether a name is one that a run of parts makes. A state somebody planted may name anything, and a
 * name is written to, resumed from and removed.
 */
export function isPartName(name: string): boolean {
  return PART_NAME.test(name);
}

/** Entries a directory of parts holds, as a power of two: lookups stay cheap, few directories. */
const SHARD_BITS = 10;

/** Directory of the part that a run has for an entry, below `.sftpx/parts`. */
export function shardOf(run: string, entry: number): string {
  return `${run}/${(entry >>> SHARD_BITS).toString(16)}`;
}

/** Name of the part that a run has for an entry. */
export function partNameOf(run: string, entry: number): string {
  return `${shardOf(run, entry)}/${entry.toString(16)}`;
}

/** Which run has a part of this name, and for which entry; null where none makes such a name. */
export function splitPartName(
  name: string,
): { readonly run: string; readonly entry: number } | null {
  if (!isPartName(name)) return null;
  const run = name.slice(0, name.indexOf("/"));
  const entry = Number.parseInt(name.slice(name.lastIndexOf("/") + 1), 16);
  return partNameOf(run, entry) === name ? { run, entry } : null;
}

export class PartPaths {
  /** Absolute path of `.sftpx/parts`. */
  readonly #parts: string;
  readonly #disk: Disk;
  /** Directories seen since the last `forget`, by absolute path: whether each is a real one. */
  readonly #seen = new Map<string, boolean>();

  constructor(partsDirectory: string, disk: Disk) {
    this.#parts = partsDirectory;
    this.#disk = disk;
  }

  /** Drops what was seen: for the start of each call. */
  forget(): void {
    this.#seen.clear();
  }

  /** Absolute path of a part, which may be absent; null where its name leads nowhere or elsewhere. */
  find(name: string): string | null {
    if (!isPartName(name)) return null;
    const path = `${this.#parts}/${name}`;
    return this.#leadsTo(dirname(path)) ? path : null;
  }

  /** Absolute path of what a run says of its parts; null where the run leads nowhere or elsewhere. */
  namesOf(run: string): string | null {
    const path = `${this.#parts}/${run}`;
    return this.#leadsTo(path) ? `${path}/${NAMES_FILE}` : null;
  }

  /** Removes a part, or a link in its place. What else is there is no part, and stays. */
  remove(name: string): void {
    const path = this.find(name);
    if (path === null || (this.#disk.look(path)?.isDirectory() ?? true)) return;
    this.#disk.remove(path);
  }

  /** Removes a shard and its run as far as nothing is in them. */
  removeEmpty(shard: string): void {
    const path = `${this.#parts}/${shard}`;
    const disk = this.#disk;
    if (this.#leadsTo(path) && !removeIfEmpty(path, disk)) return;
    if (this.#leadsTo(dirname(path))) removeIfNameless(dirname(path), disk);
    this.#seen.clear();
  }

  /** Whether a directory below `.sftpx/parts` is there, itself and what is above it no link. */
  #leadsTo(directory: string): boolean {
    const seen = this.#seen.get(directory);
    if (seen !== undefined) return seen;
    const isTop = directory === this.#parts;
    const isReal = (isTop || this.#leadsTo(dirname(directory))) &&
      (this.#disk.look(directory)?.isDirectory() ?? false);
    this.#seen.set(directory, isReal);
    return isReal;
  }
}

/** Names in a directory; none where it is gone: another process may be sweeping as well. */
export function namesIn(directory: string, disk: Disk): string[] {
  try {
    return disk.list(directory).map(({ name }) => name);
  } catch (thrown) {
    if (osCode(thrown) === "ENOENT") return [];
    throw thrown;
  }
}

/** Removes a real directory, or a link to one not; whether it is gone. */
export function removeIfEmpty(directory: string, disk: Disk): boolean {
  try {
    disk.removeDirectory(directory);
    return true;
  } catch (thrown) {
    if (osCode(thrown) === "ENOENT") return true;
    if (["ENOTEMPTY", "EEXIST", "ENOTDIR"].includes(osCode(thrown))) return false;
    throw thrown;
  }
}

/** Removes a run, a real directory, in which nothing is left but what it says of its parts. */
export function removeIfNameless(run: string, disk: Disk): boolean {
  if (removeIfEmpty(run, disk)) return true;
  const found = disk.list(run);
  if (found.length !== 1 || found[0]?.name !== NAMES_FILE) return false;
  disk.remove(`${run}/${NAMES_FILE}`);
  return removeIfEmpty(run, disk);
}
