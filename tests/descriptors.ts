// What this process has open, as Linux tells it. Tests run beside each other in one process: whoever counts
// asks for the files of its own.

import * as fs from "node:fs";

const TABLE = "/proc/self/fd";

export interface Descriptor {
  readonly fd: number;
  /** The path it leads to; ` (deleted)` is behind it where that has no name any more. */
  readonly path: string;
}

/** Those that lead to what `isIt` says; none where the system does not tell. */
export function descriptorsTo(isIt: (path: string) => boolean): Descriptor[] {
  if (!fs.existsSync(TABLE)) return [];
  return fs.readdirSync(TABLE).flatMap((fd) => {
    try {
      const path = fs.readlinkSync(`${TABLE}/${fd}`);
      return isIt(path) ? [{ fd: Number(fd), path }] : [];
    } catch {
      return []; // Closed meanwhile, or the one that lists them.
    }
  });
}
