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
/** How much of a time is seen: Deno sees milliseconds, and whole seconds of ctime (FACTS 3); Bun all of it. */
const MILLISECOND = 1_000_000;
const SECOND = 1_000_000_000;
const isDeno = typeof Deno !== "undefined";
const KINDS = {
  pipe: 0o010000,
  characters: 0o020000,
  directory: 0o040000,
  blocks: 0o060000,
  file: REGULAR,
  link: 0o120000,
  socket: 0o140000,
} as const;

export class BeneathStats implements BigIntStats {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly mode: bigint;
  readonly size: bigint;
  readonly blocks: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  /** Asked for several times of each. */
  readonly #kind: number;
  // What next to nobody asks for is a bigint once somebody does: trees are looked at by the thousand.
  readonly #links: number;
  readonly #user: number;
  readonly #group: number;
  readonly #blockBytes: number;
  readonly #rdevMajor: number;
  readonly #rdevMinor: number;
  readonly #atimeSeconds: number;
  readonly #atimeRestNs: number;
  readonly #birthSeconds: number;
  readonly #birthRestNs: number;

  /** Reads a `struct statx`. */
  constructor(view: DataView) {
    const number = (at: number) => view.getUint32(at, true);
    this.dev = lastDevice.of(number(DEV_AT), number(DEV_AT + 4));
    this.ino = view.getBigUint64(INODE_AT, true);
    const mode = view.getUint16(MODE_AT, true);
    this.mode = BigInt(mode);
    this.#kind = mode & KIND_MASK;
    this.size = view.getBigUint64(SIZE_AT, true);
    this.blocks = view.getBigUint64(BLOCKS_AT, true);
    this.mtimeNs = timeOf(secondsAt(view, MTIME_AT), number(MTIME_AT + 8), MILLISECOND);
    this.ctimeNs = timeOf(secondsAt(view, CTIME_AT), number(CTIME_AT + 8), SECOND);
    this.#links = number(NLINK_AT);
    this.#user = number(UID_AT);
    this.#group = number(GID_AT);
    this.#blockBytes = number(BLOCK_SIZE_AT);
    this.#rdevMajor = number(RDEV_AT);
    this.#rdevMinor = number(RDEV_AT + 4);
    this.#atimeSeconds = secondsAt(view, ATIME_AT);
    this.#atimeRestNs = number(ATIME_AT + 8);
    this.#birthSeconds = secondsAt(view, BTIME_AT);
    this.#birthRestNs = number(BTIME_AT + 8);
  }

  get nlink(): bigint {
    return BigInt(this.#links);
  }
  get uid(): bigint {
    return BigInt(this.#user);
  }
  get gid(): bigint {
    return BigInt(this.#group);
  }
  get rdev(): bigint {
    return deviceOf(this.#rdevMajor, this.#rdevMinor);
  }
  get blksize(): bigint {
    return BigInt(this.#blockBytes);
  }
  get atimeNs(): bigint {
    return timeOf(this.#atimeSeconds, this.#atimeRestNs, MILLISECOND);
  }
  get birthtimeNs(): bigint {
    return timeOf(this.#birthSeconds, this.#birthRestNs, MILLISECOND);
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

  #is(kind: number): boolean {
    return this.#kind === kind;
  }
}

/** What was seen of a file before, as the runtime's own `fstat` tells it. */
export interface SeenStamp {
  readonly device: bigint;
  readonly inode: bigint;
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
}

/** Whether a `struct statx` tells of a file as it was seen; with less to make than `BeneathStats`. */
export function isStampOf(view: DataView, seen: SeenStamp): boolean {
  const number = (at: number) => view.getUint32(at, true);
  return view.getBigUint64(INODE_AT, true) === seen.inode &&
    lastDevice.of(number(DEV_AT), number(DEV_AT + 4)) === seen.device &&
    Number(view.getBigUint64(SIZE_AT, true)) === seen.sizeBytes &&
    timeOf(secondsAt(view, MTIME_AT), number(MTIME_AT + 8), MILLISECOND) === seen.mtimeNs &&
    timeOf(secondsAt(view, CTIME_AT), number(CTIME_AT + 8), SECOND) === seen.ctimeNs;
}

/** A device number as the C library packs it into `st_dev`. */
function deviceOf(majorNumber: number, minorNumber: number): bigint {
  const [major, minor] = [BigInt(majorNumber), BigInt(minorNumber)];
  return (major & 0xfffff000n) << 32n | (major & 0xfffn) << 8n |
    (minor & 0xffffff00n) << 12n | minor & 0xffn;
}

/** The device that was told of last, which is mostly the next one's too. */
class LastDevice {
  #major = 0;
  #minor = 0;
  #device = 0n;

  of(major: number, minor: number): bigint {
    if (major !== this.#major || minor !== this.#minor) {
      [this.#major, this.#minor] = [major, minor];
      this.#device = deviceOf(major, minor);
    }
    return this.#device;
  }
}

const lastDevice = new LastDevice();

/** Seconds of a `struct statx_timestamp`: exact as far as nanoseconds of 64 bits reach. */
function secondsAt(view: DataView, at: number): number {
  return view.getInt32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
}

/** The nanoseconds of a second count upwards before 1970 too, so what Deno cuts off is never negative. */
function timeOf(seconds: number, restNs: number, denoStepNs: number): bigint {
  if (!isDeno) return BigInt(seconds) * SECOND_NS + BigInt(restNs);
  if (denoStepNs === SECOND) return BigInt(seconds) * SECOND_NS;
  return BigInt(seconds * 1000 + Math.floor(restNs / MILLISECOND)) * MILLISECOND_NS;
}
