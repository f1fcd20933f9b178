// Entries as they go from one thread to another: a column for what all of them have, for a message names
// every property of every object in it anew. What is unpacked is what was packed, whatever a peer put in it.

import type { Entry, EntryKind, Stamp } from "../wire/messages.ts";

export interface EntryColumns {
  readonly paths: readonly string[];
  /** The kind of each, and what else it has. */
  readonly flags: Uint8Array;
  readonly modes: Uint16Array;
  readonly sizes: Float64Array;
  readonly mtimes: BigInt64Array;
  /** Of those that have one, in their order; device and inode are of 64 bits without a sign. */
  readonly targets: readonly string[];
  readonly stampSizes: Float64Array;
  readonly stampTimes: BigInt64Array;
  readonly stampNumbers: BigUint64Array;
}

const KINDS = ["file", "directory", "link"] as const satisfies readonly EntryKind[];
const KIND_MASK = 3;
const STAMPED = 4;
const TARGETED = 8;
const SPARSE = 16;
/** It says that it is not. */
const NOT_SPARSE = 32;

export function packEntries(entries: readonly Entry[]): EntryColumns {
  const count = entries.length;
  const targets: string[] = [];
  let stamped = 0;
  for (const { stamp, target } of entries) {
    if (stamp !== undefined) stamped++;
    if (target !== undefined) targets.push(target);
  }
  const columns = {
    paths: entries.map(({ path }) => path),
    flags: new Uint8Array(count),
    modes: new Uint16Array(count),
    sizes: new Float64Array(count),
    mtimes: new BigInt64Array(count),
    targets,
    stampSizes: new Float64Array(stamped),
    stampTimes: new BigInt64Array(2 * stamped),
    stampNumbers: new BigUint64Array(2 * stamped),
  };
  let stamp = 0;
  for (let at = 0; at < count; at++) {
    const entry = entries[at]!;
    columns.flags[at] = flagsOf(entry);
    columns.modes[at] = entry.mode;
    columns.sizes[at] = entry.sizeBytes;
    columns.mtimes[at] = entry.mtimeNs;
    if (entry.stamp !== undefined) putStamp(columns, stamp++, entry.stamp);
  }
  return columns;
}

export function unpackEntries(columns: EntryColumns): Entry[] {
  const reader = new EntryReader(columns);
  return columns.paths.map(() => reader.next());
}

/** Entries to be taken one after the other. */
export interface EntriesInTurn extends Iterable<Entry> {
  readonly length: number;
}

/** The same, each made when its turn comes: one that is not kept is gone before garbage is collected. */
export class PackedEntries implements EntriesInTurn {
  readonly columns: EntryColumns;

  constructor(columns: EntryColumns) {
    this.columns = columns;
  }

  get length(): number {
    return this.columns.paths.length;
  }

  *[Symbol.iterator](): Generator<Entry> {
    const reader = new EntryReader(this.columns);
    for (let at = 0; at < this.length; at++) yield reader.next();
  }
}

class EntryReader {
  readonly #columns: EntryColumns;
  #at = 0;
  #stamp = 0;
  #target = 0;

  constructor(columns: EntryColumns) {
    this.#columns = columns;
  }

  next(): Entry {
    const columns = this.#columns;
    const at = this.#at++;
    const has = columns.flags[at]!;
    const path = columns.paths[at]!;
    const kind = KINDS[has & KIND_MASK]!;
    const sizeBytes = columns.sizes[at]!;
    const mtimeNs = columns.mtimes[at]!;
    const mode = columns.modes[at]!;
    // Most of them, made in one go.
    if ((has & ~KIND_MASK) === STAMPED) {
      return { path, kind, sizeBytes, mtimeNs, mode, stamp: stampAt(columns, this.#stamp++) };
    }
    return {
      path,
      kind,
      sizeBytes,
      mtimeNs,
      mode,
      ...((has & (SPARSE | NOT_SPARSE)) === 0 ? {} : { sparse: (has & SPARSE) !== 0 }),
      ...((has & TARGETED) === 0 ? {} : { target: columns.targets[this.#target++]! }),
      ...((has & STAMPED) === 0 ? {} : { stamp: stampAt(columns, this.#stamp++) }),
    };
  }
}

function flagsOf({ kind, stamp, target, sparse }: Entry): number {
  return KINDS.indexOf(kind) | (stamp === undefined ? 0 : STAMPED) |
    (target === undefined ? 0 : TARGETED) |
    (sparse === undefined ? 0 : sparse ? SPARSE : NOT_SPARSE);
}

function putStamp(columns: EntryColumns, at: number, stamp: Stamp): void {
  const { device, inode, sizeBytes, mtimeNs, ctimeNs } = stamp;
  columns.stampSizes[at] = sizeBytes;
  columns.stampTimes[2 * at] = mtimeNs;
  columns.stampTimes[2 * at + 1] = ctimeNs;
  columns.stampNumbers[2 * at] = device;
  columns.stampNumbers[2 * at + 1] = inode;
}

function stampAt({ stampSizes, stampTimes, stampNumbers }: EntryColumns, at: number): Stamp {
  return {
    device: stampNumbers[2 * at]!,
    inode: stampNumbers[2 * at + 1]!,
    sizeBytes: stampSizes[at]!,
    mtimeNs: stampTimes[2 * at]!,
    ctimeNs: stampTimes[2 * at + 1]!,
  };
}
