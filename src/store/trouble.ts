// What is the matter with a disk when SQLite says no more than that it failed: of a quota, a file system
// that turned read-only and a device that is gone it makes one. A small write tells them apart.

import type { Disk } from "./disk.ts";

/** Two blocks: one may still be there. */
const PROBE_BYTES = 8 * 1024;

/** What a small file at `path` meets, written and removed; null where it meets nothing. */
export function troubleAt(path: string, disk: Disk): unknown {
  try {
    disk.write(path, crypto.getRandomValues(new Uint8Array(PROBE_BYTES)));
    disk.syncFile(path);
    return null;
  } catch (thrown) {
    return thrown;
  } finally {
    try {
      disk.remove(path);
    } catch {
      // Nothing was made, or it goes with the state.
    }
  }
}
