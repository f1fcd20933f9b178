// The lock of a resume key in `.sftpx`: whoever receives a transfer holds its key's, alone among all
// processes. The kernel gives it back for the dead.

import { toHex } from "../base/bytes.ts";
import { FileLock } from "../runtime/database.ts";
import { type Disk, lookAt } from "./disk.ts";

/** Locks a resume key in a state; null where somebody holds it. */
export function lockKey(state: string, key: Uint8Array, disk: Disk): FileLock | null {
  disk.makeDirectory(`${state}/locks`, { recursive: true, mode: 0o700 });
  return FileLock.alone(lockOf(state, key));
}

/** Whether the lock of a resume key is held by anyone; makes nothing. */
export function isLocked(state: string, key: Uint8Array): boolean {
  const path = lockOf(state, key);
  if (lookAt(path) === null) return false;
  const lock = new FileLock(path);
  try {
    return !lock.tryShared() && lock.isCurrent;
  } finally {
    lock.close();
  }
}

function lockOf(state: string, key: Uint8Array): string {
  return `${state}/locks/${toHex(key)}`;
}
