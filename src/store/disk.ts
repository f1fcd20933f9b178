// Every call with which the store changes a file system, SQLite's own apart, behind one seam: what must
// happen before what (I1, I2) is tested by recording them, and by crashing between them (tests/crash).
// The looks that decide go the same way, so that nothing leads out of a root that is held open (I5; see
// root_disk.ts). All are synchronous; they run in the store's worker.

import * as fs from "node:fs";
import { osCode } from "../base/os_error.ts";
import type { Stamp } from "../wire/messages.ts";

/** What a finished file or directory gets. */
export interface Finish {
  /** All of it, as `restoredMode` left it: what is stripped is gone already. */
  readonly mode: number;
  readonly mtimeNs: bigint;
  /** Make its bytes durable too. */
  readonly sync: boolean;
  /** Refuse (answer false, touch nothing) unless it is a regular file of this size. */
  readonly sizeBytes?: number;
}

/** How a directory is made. */
export interface MakeDirectory {
  /** What the process's mask leaves of it; of 0777 by default. */
  readonly mode?: number;
  /** Those above it are made too, and one that stands there is none too many. */
  readonly recursive?: boolean;
}

/** A name in a directory. */
export interface Listed {
  readonly name: string;
  /** Null where only a look tells. */
  readonly kind: "directory" | "file" | "other" | null;
}

/** A file system that can be synced as a whole, for many files together. */
export interface WholeSync extends Disposable {
  /** How many files, or directories, are worth it. */
  readonly fewest: number;
  /** Device of which the names in its directories are made durable too; null where none are. */
  readonly namesOn: bigint | null;
  /** Makes their bytes durable, and names on `namesOn`; throws what failed to be written since it was held, and that only once. */
  sync(): void;
}

export interface Disk {
  /** Drops what was seen of directories: every way is gone anew. */
  forget?(): void;
  /** What stands at a path, links not followed; null for nothing. */
  look(path: string): fs.BigIntStats | null;
  /** The names in a directory, in no order. */
  list(path: string): readonly Listed[];
  /** Where a link leads. */
  readLink(path: string): string;
  /** Makes a file's bytes durable. */
  syncFile(path: string): void;
  /** To sync together what is written to a directory's file system; null where that is not to be relied on. */
  holdWhole?(directory: string): WholeSync | null;
  /** Makes the names in a directory durable. */
  syncDirectory(path: string): void;
  /** Sets mode and times of a file or directory that is not a link. */
  finish(path: string, finish: Finish): boolean;
  createEmpty(path: string): void;
  /** Makes a file that only this user may read, and writes it; fails where something stands. */
  write(path: string, bytes: Uint8Array): void;
  /** Adds to the end of a file, made so if need be; never through a link. */
  append(path: string, bytes: Uint8Array): void;
  /** Cuts a file, or extends it by zeros; never through a link. */
  resize(path: string, sizeBytes: number): void;
  /** What a file of this process looks like there: made, of `mode` as far as the process's mask lets it,
   * seen past its name, and removed. */
  probe(path: string, mode?: number): fs.BigIntStats;
  copy(from: string, to: string): void;
  /**
   * Replaces atomically what stands at `to`, a link itself and never what it leads to; answers what
   * stands there then where that had to be looked at anyway.
   */
  rename(from: string, to: string): fs.BigIntStats | void;
  /** Gives a file a second name; fails with EEXIST where something stands. */
  link(from: string, to: string): void;
  /** Makes a symbolic link; fails with EEXIST where something stands. */
  symlink(target: string, path: string): void;
  makeDirectory(path: string, options?: MakeDirectory): void;
  /** Permission bits of what is no link. */
  setMode(path: string, mode: number): void;
  /** Time of a link itself, as of anything else. */
  setTime(path: string, mtimeNs: bigint): void;
  /** Removes a file or link if it is there. */
  remove(path: string): void;
  /** Removes an empty directory. */
  removeDirectory(path: string): void;
  /** Removes whatever stands there with all below it, links themselves, if it is there. */
  removeTree(path: string): void;
}

/** Times before 1970 become "now" in the runtimes (FACTS 3); the epoch is the better lie. */
const EPOCH_NS = 0n;
const MILLISECOND_NS = 1_000_000n;
const SECOND_NS = 1_000_000_000n;
/** More than a double's rounding takes away, less than the last microsecond can bear. */
const MARGIN_NS = 300;
const { O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = fs.constants;
const APPEND = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
/** State and parts are this user's alone. */
const OWN_MODE = 0o600;
const TARGETS = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The real one. */
export const DISK: Disk = {
  look: lookAt,
  list: (path) => fs.readdirSync(path, { withFileTypes: true }).map(listedOf),
  readLink: linkTarget,
  syncFile: (path) => withOpen(path, O_RDONLY, (fd) => fs.fdatasyncSync(fd)),
  syncDirectory: (path) => withOpen(path, O_RDONLY, (fd) => fs.fsyncSync(fd)),
  finish: finishFile,
  createEmpty: (path) => fs.closeSync(fs.openSync(path, "wx")),
  write: (path, bytes) => fs.writeFileSync(path, bytes, { flag: "wx", mode: OWN_MODE }),
  append: (path, bytes) => {
    const fd = fs.openSync(path, APPEND, OWN_MODE);
    try {
      fs.writeFileSync(fd, bytes);
    } finally {
      fs.closeSync(fd);
    }
  },
  resize: (path, sizeBytes) =>
    withOpen(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK, (fd) => fs.ftruncateSync(fd, sizeBytes)),
  probe: (path, mode = OWN_MODE) => {
    const fd = fs.openSync(path, "wx", mode);
    try {
      // By its descriptor: another one may come under its name at any moment.
      return fs.fstatSync(fd, { bigint: true });
    } finally {
      fs.closeSync(fd);
      fs.rmSync(path, { force: true });
    }
  },
  copy: (from, to) => {
    fs.copyFileSync(from, to, fs.constants.COPYFILE_EXCL);
  },
  rename: (from, to) => fs.renameSync(from, to),
  link: (from, to) => fs.linkSync(from, to),
  symlink: (target, path) => fs.symlinkSync(target, path),
  makeDirectory: (path, options = {}) => {
    fs.mkdirSync(path, options);
  },
  setMode: (path, mode) => fs.chmodSync(path, mode),
  setTime: (path, mtimeNs) => fs.lutimesSync(path, Date.now() / 1000, secondsOf(mtimeNs)),
  remove: (path) => {
    try {
      fs.unlinkSync(path);
    } catch (thrown) {
      if (osCode(thrown) !== "ENOENT") throw thrown;
    }
  },
  removeDirectory: (path) => fs.rmdirSync(path),
  removeTree: (path) => fs.rmSync(path, { recursive: true, force: true }),
};

/** What stands at a path, links not followed; null for nothing. */
export function lookAt(path: string): fs.BigIntStats | null {
  return fs.lstatSync(path, { bigint: true, throwIfNoEntry: false }) ?? null;
}

function listedOf(found: fs.Dirent): Listed {
  if (found.isDirectory()) return { name: found.name, kind: "directory" };
  return { name: found.name, kind: found.isFile() ? "file" : "other" };
}

/** The stamp of a file as this runtime sees it. */
export function stampOf(stat: fs.BigIntStats): Stamp {
  return {
    device: stat.dev,
    inode: stat.ino,
    sizeBytes: Number(stat.size),
    mtimeNs: stat.mtimeNs,
    ctimeNs: stat.ctimeNs,
  };
}

export function sameStamp(a: Stamp, b: Stamp): boolean {
  return a.device === b.device && a.inode === b.inode && a.sizeBytes === b.sizeBytes &&
    a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;
}

/** Whether two times are one to every runtime: the coarsest sees whole milliseconds (FACTS 3). */
export function sameTime(aNs: bigint, bNs: bigint): boolean {
  return aNs === bNs || floorMs(aNs) === floorMs(bNs);
}

/** What of an entry's look says whether it is to change. */
export type ModeAndTime = Pick<fs.BigIntStats, "mode" | "mtimeNs">;

/** Whether permission bits and time are as they were. */
export function sameModeAndTime(a: ModeAndTime, b: ModeAndTime): boolean {
  return (a.mode & 0o7777n) === (b.mode & 0o7777n) && sameTime(a.mtimeNs, b.mtimeNs);
}

/** Whether what stands there has the mode and time wanted, as `finish` would set them. */
export function hasModeAndTime(
  stat: fs.BigIntStats,
  { mode, mtimeNs }: { readonly mode: number; readonly mtimeNs: bigint },
): boolean {
  return Number(stat.mode & 0o7777n) === mode && sameTime(stat.mtimeNs, timeToSet(mtimeNs));
}

/** Whether an empty file stands there that an empty one sent is not to replace. */
export function isSameEmptyFile(
  stat: fs.BigIntStats,
  wanted: { readonly mode: number; readonly mtimeNs: bigint },
): boolean {
  return stat.isFile() && stat.size === 0n && hasModeAndTime(stat, wanted);
}

function floorMs(timeNs: bigint): bigint {
  const rest = ((timeNs % MILLISECOND_NS) + MILLISECOND_NS) % MILLISECOND_NS;
  return timeNs - rest;
}

/** What a thing is called that is neither file, directory nor link. */
export function specialName(stat: fs.BigIntStats): string {
  if (stat.isSocket()) return "a socket";
  if (stat.isFIFO()) return "a pipe";
  return "a device";
}

/** A time as it is set, whichever way. */
export function timeToSet(timeNs: bigint): bigint {
  return timeNs < EPOCH_NS ? EPOCH_NS : timeNs;
}

/**
 * Seconds for `futimes` and `lutimes`, which take a double and cut it off: a whole millisecond must
 * not become the one before, nor its last microsecond the one after.
 */
export function secondsOf(timeNs: bigint): number {
  const clamped = timeToSet(timeNs);
  const rest = clamped % MILLISECOND_NS;
  const safe = rest > 999_000n ? clamped - rest + 999_000n : clamped;
  // Seconds and the rest apart: as one number the nanoseconds would be rounded three times, which
  // together is more than the margin. A double holds today's seconds to 240 ns.
  return Number(safe / SECOND_NS) + (Number(safe % SECOND_NS) + MARGIN_NS) / 1e9;
}

/**
 * Where a link leads. Asked for as bytes, since Bun's text of what is not UTF-8 names another place;
 * Deno answers with text all the same, or throws.
 */
function linkTarget(path: string): string {
  const target: Uint8Array | string = fs.readlinkSync(path, "buffer");
  return typeof target === "string" ? target : TARGETS.decode(target);
}

function finishFile(path: string, finish: Finish): boolean {
  // O_NOFOLLOW: a part or directory swapped for a link must not pass mode and time on.
  const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;
  return withOpen(path, flags, (fd) => {
    if (finish.sizeBytes !== undefined) {
      const stat = fs.fstatSync(fd);
      if (!stat.isFile() || stat.size !== finish.sizeBytes) return false;
    }
    fs.futimesSync(fd, Date.now() / 1000, secondsOf(finish.mtimeNs));
    fs.fchmodSync(fd, finish.mode);
    if (finish.sync) fs.fsyncSync(fd);
    return true;
  });
}

function withOpen<T>(path: string, flags: number, use: (fd: number) => T): T {
  const fd = fs.openSync(path, flags);
  try {
    return use(fd);
  } finally {
    fs.closeSync(fd);
  }
}
