// What the state makes and removes in the root itself: the root, `.sftpx` as a whole, and what was left
// beside it. Touches no other name.

import * as fs from "node:fs";
import { dirname } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { osCode } from "../base/os_error.ts";
import { FileLock } from "../runtime/database.ts";
import { besideOf } from "./commit.ts";
import { type Disk, lookAt } from "./disk.ts";
import { refusePlanted } from "./planted.ts";

/** Less than a state takes when it is new. */
const STATE_BYTES = 128 * 1024;
/** How long what is beside the state may stay so before its maker counts as dead. */
const MAKING_MS = 60_000;
/** What `besideOf` makes. */
const LEFTOVER_NAME = /^\.sftpx-[0-9a-f]{16}$/;

/** Makes a root that is absent, and its name durable: a receipt is signed for what lies in it. */
export function makeRoot(root: string, disk: Disk): void {
  const made: string[] = [];
  for (let path = root; !fs.existsSync(path); path = dirname(path)) made.push(path);
  disk.makeDirectory(root, { recursive: true });
  for (const path of made) disk.syncDirectory(dirname(path));
}

/** Makes the directory and opens its lock; null when it was removed in between. */
export function openLock(path: string, disk: Disk): FileLock | null {
  try {
    if (disk.look(path) === null) disk.makeDirectory(path, { recursive: true, mode: 0o700 });
    refusePlanted(path, disk);
    return new FileLock(`${path}/lock`);
  } catch (thrown) {
    if (thrown instanceof SftpxError || lookAt(`${path}/lock`) !== null) throw thrown;
    if (osCode(thrown) === "ENOENT" || osCode(thrown) === "ERR_SQLITE_ERROR") return null;
    throw thrown;
  }
}

/** In one step, so that whoever opens it next finds all of it or nothing. */
export function removeState(path: string, disk: Disk): void {
  const beside = besideOf(path);
  disk.rename(path, beside);
  disk.removeTree(beside);
}

/** Removes a state in which nothing is. */
export function removeEmptyState(path: string, disk: Disk): void {
  try {
    disk.removeDirectory(path);
  } catch {
    // Somebody uses it, or it never was: the failure before is the one to tell.
  }
}

/** Removes a state that was made just now and could not be opened, unless somebody else uses it. */
export function unmake(path: string, lock: FileLock, disk: Disk): void {
  try {
    if (lock.tryExclusive() && lock.isCurrent) removeState(path, disk);
  } catch {
    // The failure before it is the one to tell.
  }
}

/**
 * Removes what sftpx alone calls so and what outlived its maker, in the root itself: a part beside its
 * target, a state on its way out. Only for one who is alone in the state, and only what is not quite new:
 * a process may be about to open it, and one of a root that this one lies in may be putting a file here.
 */
export function removeLeftovers(
  root: string,
  { disk, nowMs }: { readonly disk: Disk; readonly nowMs: () => number },
): void {
  const beforeNs = BigInt(nowMs() - MAKING_MS) * 1_000_000n;
  for (const { name } of disk.list(root)) {
    if (!LEFTOVER_NAME.test(name)) continue;
    const stat = disk.look(`${root}/${name}`);
    // Its ctime: a part has its file's own mtime by then.
    if (stat !== null && stat.ctimeNs < beforeNs) disk.removeTree(`${root}/${name}`);
  }
}

/** Whether a new state fits: SQLite does not say of every error that a full disk is its cause. */
export function hasRoom(root: string): boolean {
  try {
    const { bavail, bsize } = fs.statfsSync(root, { bigint: true });
    return bavail * bsize >= STATE_BYTES;
  } catch {
    return true; // Nothing is known: the error stays as it is.
  }
}
