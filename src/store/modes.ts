// What of a source's mode a file or directory here gets: less than the source wishes, unless the user
// asked for all of it. What is set and what is compared go through the same function, so that a second
// run finds nothing to change.

import { fileMask } from "../runtime/file_mask.ts";
import type { Disk } from "./disk.ts";
import type { ModePolicy } from "./policy.ts";

/** All that a mode is made of. */
const ALL_BITS = 0o7777;
/** What `safe` leaves: no set-user-id, set-group-id or sticky bit, and no writing by everyone. */
const SAFE_BITS = 0o775;
/** A directory's set-group-id and sticky bits: who made it here decided how others share it. */
export const SHARING_BITS = 0o3000;

interface ModeRule {
  readonly policy: ModePolicy;
  /** The process's file mask; 0 where it is not known. */
  readonly mask: number;
}

/** The mode that an entry of `mode` gets here. */
export function restoredMode(mode: number, { policy, mask }: ModeRule): number {
  switch (policy) {
    case "exact":
      return mode & ALL_BITS;
    case "safe":
      return mode & SAFE_BITS & ~mask;
  }
}

/** The same for a directory that stands there with mode `standing`, made by us or not. */
export function restoredDirectoryMode(
  mode: number,
  { policy, standing }: { readonly policy: ModePolicy; readonly standing: number },
): number {
  // One that is made inside of a shared directory has its bit from there, not from the peer.
  return policy === "exact" ? mode : mode | (standing & SHARING_BITS);
}

/** The process's file mask; where it cannot be asked for, a file made at `path` for a moment tells. */
export function maskAt(
  path: string,
  { disk, known = fileMask() }: { readonly disk: Disk; readonly known?: number | null },
): number {
  if (known !== null) return known;
  try {
    return ~Number(disk.probe(path, 0o777).mode) & 0o777;
  } catch {
    return 0; // Whatever hinders it, the bits that `safe` strips stay stripped.
  }
}
