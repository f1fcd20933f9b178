// What stands at a path as `statx` tells it, in the shape and at the resolution of the runtime's own
// `fstat`: stamps of one machine are equal whichever way looked, and also those that were journalled.

import type { BigIntStats } from "node:fs";

/** Layout of `struct statx`, its size, and of what a mode says the kind. */
export const STATX_BYTES = 256;
export const KIND_MASK = 0o170000;
export const REGULAR = 0o100000;
const NLINK_AT = 16;
const UID_AT = 20;
const GID_AT = 24;
export const MODE_AT = 28;
export const INODE_AT = 32;
export const SIZE_AT = 40;
const BLOCKS_AT = 48;
const BLOCK_SIZE_AT = 4;
const ATIME_AT = 64;
const BTIME_AT = 80;
const CTIME_AT = 96;
const MTIME_AT = 112;
const RDEV_AT = 128;
export const DEV_AT = 136;

const MILLISECOND_NS = 1_000_000n;
const SECOND_NS = 1_000_000_000n;
const KINDS = {
  pipe: 0o010000n,
  characters: 0o020000n,
  directory: 0o040000n,
  blocks: 0o060000n,
  file: BigInt(REGULAR),
  link: 0o120000n,
  socket: 0o140000n,
} as const;

export class BeneathStats implements BigIntStats {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly mode: bigint;
  readonly nlink: bigint;
  readonly uid: bigint;
  readonly gid: bigint;
  readonly rdev: bigint;
  readonly size: bigint;
  readonly blksize: bigint;
  readonly blocks: bigint;
  readonly atimeNs: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly birthtimeNs: bigint;

  /** Reads a `struct statx`. */
  constructor(view: DataView) {
    const number = (at: number) => BigInt(view.getUint32(at, true));
    this.dev = deviceAt(view, DEV_AT);
    this.ino = view.getBigUint64(INODE_AT, true);
    this.mode = BigInt(view.getUint16(MODE_AT, true));
    this.nlink = number(NLINK_AT);
    this.uid = number(UID_AT);
    this.gid = number(GID_AT);
    this.rdev = deviceAt(view, RDEV_AT);
    this.size = view.getBigUint64(SIZE_AT, true);
    this.blksize = number(BLOCK_SIZE_AT);
    this.blocks = view.getBigUint64(BLOCKS_AT, true);
    this.atimeNs = timeAt(view, ATIME_AT, MILLISECOND_NS);
    this.mtimeNs = timeAt(view, MTIME_AT, MILLISECOND_NS);
    this.ctimeNs = timeAt(view, CTIME_AT, SECOND_NS);
    this.birthtimeNs = timeAt(view, BTIME_AT, MILLISECOND_NS);
  }

  get atimeMs(): bigint {
    return this.atimeNs / MILLISECOND_NS;
  }
  get mtimeMs(): bigint {
    return this.mtimeNs / MILLISECOND_NS;
  }
  get ctimeMs(): bigint {
    return this.ctimeNs / MILLISECOND_NS;
  }
  get birthtimeMs(): bigint {
    return this.birthtimeNs / MILLISECOND_NS;
  }
  get atime(): Date {
    return new Date(Number(this.atimeMs));
  }
  get mtime(): Date {
    return new Date(Number(this.mtimeMs));
  }
  get ctime(): Date {
    return new Date(Number(this.ctimeMs));
  }
  get birthtime(): Date {
    return new Date(Number(this.birthtimeMs));
  }
  get atimeInstant(): Temporal.Instant {
    return Temporal.Instant.fromEpochNanoseconds(this.atimeNs);
  }
  get mtimeInstant(): Temporal.Instant {
    return Temporal.Instant.fromEpochNanoseconds(this.mtimeNs);
  }
  get ctimeInstant(): Temporal.Instant {
    return Temporal.Instant.fromEpochNanoseconds(this.ctimeNs);
  }
  get birthtimeInstant(): Temporal.Instant {
    return Temporal.Instant.fromEpochNanoseconds(this.birthtimeNs);
  }

  isFile(): boolean {
    return this.#is(KINDS.file);
  }
  isDirectory(): boolean {
    return this.#is(KINDS.directory);
  }
  isSymbolicLink(): boolean {
    return this.#is(KINDS.link);
  }
  isFIFO(): boolean {
    return this.#is(KINDS.pipe);
  }
  isSocket(): boolean {
    return this.#is(KINDS.socket);
  }
  isBlockDevice(): boolean {
    return this.#is(KINDS.blocks);
  }
  isCharacterDevice(): boolean {
    return this.#is(KINDS.characters);
  }

  #is(kind: bigint): boolean {
    return (this.mode & BigInt(KIND_MASK)) === kind;
  }
}

/** A device number as the C library packs it into `st_dev`. */
function deviceAt(view: DataView, at: number): bigint {
  const major = BigInt(view.getUint32(at, true));
  const minor = BigInt(view.getUint32(at + 4, true));
  return (major & 0xfffff000n) << 32n | (major & 0xfffn) << 8n |
    (minor & 0xffffff00n) << 12n | minor & 0xffn;
}

/** Deno sees milliseconds, and whole seconds of ctime (FACTS 3); Bun sees all of it. */
function timeAt(view: DataView, at: number, denoStepNs: bigint): bigint {
  const seconds = view.getBigInt64(at, true);
  const timeNs = seconds * SECOND_NS + BigInt(view.getUint32(at + 8, true));
  if (typeof Deno === "undefined") return timeNs;
  const rest = timeNs % denoStepNs;
  return timeNs - (rest < 0n ? rest + denoStepNs : rest);
}
