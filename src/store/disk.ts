// The system calls that put data under a name, behind one seam: what must happen before what (I1,
// I2) is tested by recording them. All are synchronous; they run in the store's worker.

import * as fs from "node:fs";
import { osCode } from "../base/os_error.ts";
import type { Stamp } from "../wire/messages.ts";

/** What a finished file or directory gets. */
export interface Finish {
  readonly mode: number;
  readonly mtimeNs: bigint;
  /** Make its bytes durable too. */
  readonly sync: boolean;
  /** Refuse (answer false, touch nothing) unless it is a regular file of this size. */
  readonly sizeBytes?: number;
}

export interface Disk {
  /** Makes a file's bytes durable. */
  syncFile(path: string): void;
  /** Makes the names in a directory durable. */
  syncDirectory(path: string): void;
  /** Sets mode and times of a file or directory that is not a link. */
  finish(path: string, finish: Finish): boolean;
  createEmpty(path: string): void;
  copy(from: string, to: string): void;
  /** Replaces atomically what stands at `to`, a link itself and never what it leads to. */
  rename(from: string, to: string): void;
  /** Gives a file a second name; fails with EEXIST where something stands. */
  link(from: string, to: string): void;
  /** Removes a file or link if it is there. */
  remove(path: string): void;
  /** Removes an empty directory. */
  removeDirectory(path: string): void;
}

/** Set-user-id, set-group-id and sticky bits of a peer are never restored. */
export const MODE_MASK = 0o777;
/** Times before 1970 become "now" in the runtimes (FACTS 3); the epoch is the better lie. */
const EPOCH_NS = 0n;
const MILLISECOND_NS = 1_000_000n;
const SECOND_NS = 1_000_000_000n;
/** More than a double's rounding takes away, less than the last microsecond can bear. */
const MARGIN_NS = 300;

/** The real one. */
export const DISK: Disk = {
  syncFile: (path) => withOpen(path, fs.constants.O_RDONLY, (fd) => fs.fdatasyncSync(fd)),
  syncDirectory: (path) => withOpen(path, fs.constants.O_RDONLY, (fd) => fs.fsyncSync(fd)),
  finish: finishFile,
  createEmpty: (path) => fs.closeSync(fs.openSync(path, "wx")),
  copy: (from, to) => {
    fs.copyFileSync(from, to, fs.constants.COPYFILE_EXCL);
  },
  rename: (from, to) => fs.renameSync(from, to),
  link: (from, to) => fs.linkSync(from, to),
  remove: (path) => {
    try {
      fs.unlinkSync(path);
    } catch (thrown) {
      if (osCode(thrown) !== "ENOENT") throw thrown;
    }
  },
  removeDirectory: (path) => fs.rmdirSync(path),
};

/** What stands at a path, links not followed; null for nothing. */
export function lookAt(path: string): fs.BigIntStats | null {
  return fs.lstatSync(path, { bigint: true, throwIfNoEntry: false }) ?? null;
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
  return floorMs(aNs) === floorMs(bNs);
}

/** Whether permission bits and time are as they were. */
export function sameModeAndTime(a: fs.BigIntStats, b: fs.BigIntStats): boolean {
  return (a.mode & 0o7777n) === (b.mode & 0o7777n) && sameTime(a.mtimeNs, b.mtimeNs);
}

/** Whether what stands there has the mode and time wanted, as `finish` would set them. */
export function hasModeAndTime(
  stat: fs.BigIntStats,
  { mode, mtimeNs }: { readonly mode: number; readonly mtimeNs: bigint },
): boolean {
  const wantedNs = mtimeNs < EPOCH_NS ? EPOCH_NS : mtimeNs;
  return Number(stat.mode & 0o7777n) === (mode & MODE_MASK) && sameTime(stat.mtimeNs, wantedNs);
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

/**
 * Seconds for `futimes` and `lutimes`, which take a double and cut it off: a whole millisecond must
 * not become the one before, nor its last microsecond the one after.
 */
export function secondsOf(timeNs: bigint): number {
  const clamped = timeNs < EPOCH_NS ? EPOCH_NS : timeNs;
  const rest = clamped % MILLISECOND_NS;
  const safe = rest > 999_000n ? clamped - rest + 999_000n : clamped;
  // Seconds and the rest apart: as one number the nanoseconds would be rounded three times, which
  // together is more than the margin. A double holds today's seconds to 240 ns.
  return Number(safe / SECOND_NS) + (Number(safe % SECOND_NS) + MARGIN_NS) / 1e9;
}

function finishFile(path: string, finish: Finish): boolean {
  // O_NOFOLLOW: a part or directory swapped for a link must not pass mode and time on.
  const flags = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;
  return withOpen(path, flags, (fd) => {
    if (finish.sizeBytes !== undefined) {
      const stat = fs.fstatSync(fd);
      if (!stat.isFile() || stat.size !== finish.sizeBytes) return false;
    }
    fs.futimesSync(fd, Date.now() / 1000, secondsOf(finish.mtimeNs));
    fs.fchmodSync(fd, finish.mode & MODE_MASK);
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
