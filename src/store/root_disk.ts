// Which disk a root is used through: held open where runtime and system can (openat2 through FFI), else by
// paths that are checked. Opened once for a store, given back with it.

import { Beneath } from "../runtime/beneath.ts";
import { BeneathDisk } from "./beneath_disk.ts";
import { CheckedDisk } from "./checked_disk.ts";
import type { Disk } from "./disk.ts";

export interface RootDisk extends Disposable {
  readonly disk: Disk;
}

/** A disk that somebody else made, and keeps. */
export function ownDisk(disk: Disk): RootDisk {
  return { disk, [Symbol.dispose]: () => {} };
}

/** Opens the disk of a root by its real path; read only, nothing may be changed through it. */
export function openRootDisk(root: string, { readOnly = false } = {}): RootDisk {
  const beneath = Beneath.open(root, readOnly ? "read" : "write");
  if (beneath === null) return ownDisk(new CheckedDisk(root));
  return {
    disk: new BeneathDisk(root, beneath),
    [Symbol.dispose]: () => beneath[Symbol.dispose](),
  };
}
