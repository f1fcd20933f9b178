// Directories and links of a transfer: directories are made before any file is committed, links come
// after all files, and directory modes and times last, deepest first, for whatever is put into a
// directory moves its time and needs its write permission.

import { escapeText } from "../base/text.ts";
import type { Place } from "./commit.ts";
import { besideOf } from "./commit.ts";
import {
  type Disk,
  hasModeAndTime,
  type ModeAndTime,
  sameModeAndTime,
  sameTime,
  timeToSet,
} from "./disk.ts";
import { osCode, osError } from "../base/os_error.ts";
import { restoredDirectoryMode, SHARING_BITS } from "./modes.ts";
import type { NameSync } from "./name_sync.ts";
import { writtenOnce } from "./placement.ts";
import type { ModePolicy } from "./policy.ts";
import type { RegisteredDirectory } from "./registered_directories.ts";

/** Read, write and search for the owner: what placing entries into a directory takes. */
export const OWNER_ALL = 0o700;
const PERMISSION_BITS = 0o777;

export interface DirectoryToPlace {
  readonly path: string;
  readonly mode: number;
  readonly mtimeNs: bigint;
}

export interface LinkToPlace {
  readonly path: string;
  readonly target: string;
  readonly mtimeNs: bigint;
  readonly writeOnce: boolean;
  /** Absolute path for the link before its rename, on the parts' file system. */
  readonly scratch: string;
}

/**
 * Makes a directory, or opens up an existing one for the time of the transfer; answers what stood
 * there, null for nothing. A write-once grant leaves one that did as it is.
 */
export function placeDirectory(
  directory: DirectoryToPlace,
  { disk, door, writeOnce }: Place & { readonly writeOnce: boolean },
): ModeAndTime | null {
  try {
    const stat = door.look(directory.path);
    // Never more open than it will be, not even for a moment: who comes in then stays in. And no less
    // than this user's mask leaves of that: after a kill a write-once grant leaves it as it stands.
    const mode = (directory.mode & PERMISSION_BITS) | OWNER_ALL;
    const absolute = door.enterDirectory(directory.path, { mode });
    if (stat === null) {
      // What it has of its parent for sharing stays; what the peer sent of that comes last.
      const sharing = Number(disk.look(absolute)?.mode ?? 0n) & SHARING_BITS;
      disk.setMode(absolute, mode | sharing);
    } else if (!writeOnce && (Number(stat.mode) & OWNER_ALL) !== OWNER_ALL) {
      // A read-only directory that was sent before must take its new entries; `finish` closes it.
      disk.setMode(absolute, Number(stat.mode & 0o7777n) | OWNER_ALL);
    }
    // No more of it: that much is kept for every directory until the end (I8).
    return stat === null ? null : { mode: stat.mode, mtimeNs: stat.mtimeNs };
  } catch (thrown) {
    throw osError(thrown, `make directory "${escapeText(directory.path)}"`);
  }
}

/**
 * Gives a directory its mode and times; makes the names in it durable if it was touched, unless `names`
 * takes it. Answers whether it is another than stood there when the transfer began: what the transfer
 * itself did to its time is put back and counts for nothing.
 */
export function finishDirectory(
  directory: RegisteredDirectory,
  { disk, door, modes, names }: Place & {
    readonly modes: ModePolicy;
    readonly names: Pick<NameSync, "takes">;
  },
): boolean {
  try {
    const { path, mtimeNs, stood, isTouched } = directory;
    const found = door.look(path);
    const absolute = door.enterDirectory(path);
    const stat = found?.isDirectory() ? found : disk.look(absolute);
    const standing = Number(stat?.mode ?? 0n);
    const mode = restoredDirectoryMode(directory.mode, { policy: modes, standing });
    // Most of a tree stood as it should, and nothing was put into it.
    const isDone = stat !== null && hasModeAndTime(stat, { mode, mtimeNs });
    const sync = isTouched && !names.takes(stat);
    if (!isDone) disk.finish(absolute, { mode, mtimeNs, sync });
    else if (sync) disk.syncDirectory(absolute);
    directory.isTouched = false;
    const now = isDone ? stat : disk.look(absolute);
    return stood === null || now === null || !sameModeAndTime(stood, now);
  } catch (thrown) {
    throw osError(thrown, `finish directory "${escapeText(directory.path)}"`);
  }
}

/**
 * Puts a link under its name; it replaces a file or link there, never a directory. Answers whether
 * that changed anything.
 */
export function placeLink(link: LinkToPlace, { disk, door }: Place): boolean {
  const attempted = `place link "${escapeText(link.path)}"`;
  try {
    const target = door.enter(link.path);
    const stat = disk.look(target);
    if (stat?.isSymbolicLink() && disk.readLink(target) === link.target) {
      if (link.writeOnce || sameTime(stat.mtimeNs, timeToSet(link.mtimeNs))) return false;
      disk.setTime(target, link.mtimeNs);
      const now = disk.look(target);
      return now === null || !sameModeAndTime(stat, now);
    }
    if (link.writeOnce) createOnce(link, target, disk);
    else replace(link, target, disk);
    return true;
  } catch (thrown) {
    throw osError(thrown, attempted);
  }
}

function createOnce(link: LinkToPlace, target: string, disk: Disk): void {
  try {
    disk.symlink(link.target, target);
  } catch (thrown) {
    if (osCode(thrown) === "EEXIST") throw writtenOnce(link.path);
    throw thrown;
  }
  disk.setTime(target, link.mtimeNs);
}

function replace(link: LinkToPlace, target: string, disk: Disk): void {
  for (const temporary of [link.scratch, besideOf(target)]) {
    disk.remove(temporary);
    disk.symlink(link.target, temporary);
    disk.setTime(temporary, link.mtimeNs);
    try {
      disk.rename(temporary, target);
      return;
    } catch (thrown) {
      disk.remove(temporary);
      if (osCode(thrown) !== "EXDEV" || temporary !== link.scratch) throw thrown;
    }
  }
}
