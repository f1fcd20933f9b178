// Which disk a root is used through: held open where runtime and system can (openat2 through FFI), else by
// paths that are checked. Opened once for a store, given back with it. One that was removed and made again
// meanwhile is another directory: it is the same root only where it was, and of the same owner.

import * as fs from "node:fs";
import { SftpxError } from "../base/errors.ts";
import { Beneath } from "../runtime/beneath.ts";
import { BeneathDisk } from "./beneath_disk.ts";
import { CheckedDisk } from "./checked_disk.ts";
import type { Disk } from "./disk.ts";

export interface RootDisk extends Disposable {
  readonly disk: Disk;
  /** The directory has no name any more and never will: nobody sees what is done in it. Never of one that
   * was only moved, and never where the system does not tell. */
  readonly isRemoved: boolean;
}

/** What a root is known by when it is opened again. */
export interface KnownRoot {
  /** Its real path. */
  readonly path: string;
  readonly owner: bigint | null;
}

/** A disk that somebody else made, and keeps. */
export function ownDisk(disk: Disk): RootDisk {
  return { disk, isRemoved: false, [Symbol.dispose]: () => {} };
}

/** Opens the disk of a root by its real path; read only, nothing may be changed through it. */
export function openRootDisk(root: string, { readOnly = false } = {}): RootDisk {
  const beneath = Beneath.open(root, readOnly ? "read" : "write");
  if (beneath === null) return readOnly ? ownDisk(new CheckedDisk(root)) : openRootByPath(root);
  const isRemoved = removalOf(() => Number(beneath.look("")?.nlink));
  return {
    disk: new BeneathDisk(root, beneath),
    get isRemoved() {
      return isRemoved();
    },
    [Symbol.dispose]: () => beneath[Symbol.dispose](),
  };
}

/** Refuses what stands where a root was, and that nobody chose when it was first opened. */
export function refuseOther(
  root: string,
  { disk, known }: { readonly disk: Disk; readonly known: KnownRoot },
): void {
  if (root === known.path && disk.look(root)?.uid === known.owner) return;
  throw new SftpxError("conflict", `Cannot use "${root}": it is not of the owner it was of`);
}

/** The same by paths alone: it is held for nothing but to see whether it was removed. */
export function openRootByPath(root: string): RootDisk {
  const held = openDirectory(root);
  const isRemoved = held === null ? () => false : removalOf(() => fs.fstatSync(held).nlink);
  return {
    disk: new CheckedDisk(root),
    get isRemoved() {
      return isRemoved();
    },
    [Symbol.dispose]: () => {
      if (held !== null) fs.closeSync(held);
    },
  };
}

/** Tells when something has lost its last name; not of a file system that counts none to begin with. */
export function removalOf(links: () => number): () => boolean {
  const isCounted = links() > 0;
  return () => isCounted && links() === 0;
}

/** Null where a directory cannot be opened (Windows), or this one may not be. */
function openDirectory(path: string): number | null {
  try {
    return fs.openSync(path, fs.constants.O_RDONLY);
  } catch {
    return null;
  }
}
