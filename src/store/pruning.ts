// Removal as a transfer, dry or not, begins it: of its own sources and destination. Refused under a
// write-once grant. Of what was removed, the records go; what was opened up for it is closed in any case.

import { dirname } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { Filter } from "../base/filter.ts";
import { osError } from "../base/os_error.ts";
import type { FilterRule } from "../wire/messages.ts";
import type { Beginning } from "./beginning.ts";
import type { Disk } from "./disk.ts";
import type { Journal } from "./journal.ts";
import type { PrunedSome } from "./messages.ts";
import { OpenedUp } from "./opened_up.ts";
import { type PruneContext, Pruner } from "./prune.ts";
import type { Quotas } from "./quota.ts";

/** What a transfer's beginning says of it, and its rules. */
type PruneParts = "sources" | "destination" | "goesOn" | "filter";

interface PruningContext extends Omit<PruneContext, PruneParts | "disk" | "onOpening"> {
  readonly rules: readonly FilterRule[];
  readonly disk: Disk;
  readonly journal: Journal;
  readonly quotas: Quotas;
  readonly partsDirectory: string;
  /** Has the journal know of the transfer. */
  readonly note: () => void;
}

/** The removal of one transfer that is not dry. */
export class Pruning {
  readonly #context: PruningContext;
  readonly #opened: OpenedUp;
  readonly #begin: () => Pruner;
  #pruner: Pruner | null = null;

  constructor(beginning: Beginning, context: PruningContext) {
    const { disk, journal, note, partsDirectory, rules, door, paths, ignoresCase, onLost } =
      context;
    this.#context = context;
    const opened = this.#opened = new OpenedUp(dirname(partsDirectory), disk);
    this.#begin = () =>
      prunerOf(beginning, {
        ...{ rules, door, paths, ignoresCase, onLost },
        disk: noting(disk, () => journal.transaction(note)),
        onOpening: (opening) => opened.note(opening),
      });
  }

  /** Goes on for a while. */
  next(): PrunedSome {
    this.#pruner ??= this.#begin();
    const { finals, ...some } = this.#pruner.next();
    if (!some.more) this.leave();
    recordRemoved(finals, this.#context);
    return some;
  }

  /** Ends it, in the middle perhaps: nothing stays open. */
  leave(): void {
    this.#pruner?.leave();
    this.#pruner = null;
    this.#opened.discard();
  }
}

/** What would remove, below a transfer's destination, all that its manifest and the rules let go. */
export function prunerOf(
  { transfer, destination, goesOn }: Beginning,
  { rules, ...context }: Omit<PruneContext, PruneParts> & {
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
function recordRemoved(
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
