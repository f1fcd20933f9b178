// Removal as a transfer, dry or not, begins it: of its own sources and destination. Refused under a
// write-once grant.

import { SftpxError } from "../base/errors.ts";
import { Filter } from "../base/filter.ts";
import type { FilterRule } from "../wire/messages.ts";
import type { Beginning } from "./beginning.ts";
import { type PruneContext, Pruner } from "./prune.ts";

/** What would remove, below a transfer's destination, all that its manifest and the rules let go. */
export function prunerOf(
  { transfer, destination }: Beginning,
  { rules, ...context }: Omit<PruneContext, "sources" | "destination" | "filter"> & {
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
    filter: new Filter(rules),
  });
}
