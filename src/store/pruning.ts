// Removal as a transfer, dry or not, begins it: of its own sources and destination. Refused under a
// write-once grant. Of what was removed, the records go.

import { SftpxError } from "../base/errors.ts";
import { Filter } from "../base/filter.ts";
import { osError } from "../base/os_error.ts";
import type { FilterRule } from "../wire/messages.ts";
import type { Beginning } from "./beginning.ts";
import type { Journal } from "./journal.ts";
import { type PruneContext, Pruner } from "./prune.ts";
import type { Quotas } from "./quota.ts";

/** What would remove, below a transfer's destination, all that its manifest and the rules let go. */
export function prunerOf(
  { transfer, destination, goesOn }: Beginning,
  { rules, ...context }: Omit<PruneContext, "sources" | "destination" | "goesOn" | "filter"> & {
    /** What they exclude stays. */
    readonly rules: readonly FilterRule[];
  },
): Pruner {
  if (transfer.writeOnce) {
    throw new SftpxError("refused", "Cannot remove what is extraneous: the grant is write-once");
  }
  return new Pruner({
    ...context,
    sources: transfer.sources,
    destination,
    goesOn,
    filter: new Filter(rules),
  });
}

/**
 * Removes through a disk, and has the journal know of the transfer before the first name goes. What goes is
 * made durable in the end only: an attempt after one that broke off finds nothing to remove by then, and
 * must still see to that before a receipt says that it is gone.
 */
export function noting(
  disk: NonNullable<PruneContext["disk"]>,
  note: () => void,
): NonNullable<PruneContext["disk"]> {
  let isNoted = false;
  const removing = (remove: () => void) => {
    if (!isNoted) note();
    isNoted = true;
    remove();
  };
  return {
    remove: (path) => removing(() => disk.remove(path)),
    removeDirectory: (path) => removing(() => disk.removeDirectory(path)),
    setMode: (path, mode) => disk.setMode(path, mode),
  };
}

/** Drops what was recorded of files that are gone. */
export function recordRemoved(
  finals: readonly string[],
  { journal, quotas }: { readonly journal: Journal; readonly quotas: Quotas },
): void {
  if (finals.length === 0) return;
  try {
    journal.transaction(() => finals.forEach((path) => journal.dropCommitted(path)));
    quotas.changed();
  } catch (thrown) {
    throw osError(thrown, "record what was removed");
  }
}
