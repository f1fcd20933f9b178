// What a finished transfer leaves: rows of parts that earlier attempts began and nobody wants any more,
// the parts themselves, and the transfer's own row, last. A peer decides how many there are, so they go
// some at a time. A kill in between leaves a transfer that holds less than it did, and nothing that lies.

import type { Disk } from "./disk.ts";
import type { Journal } from "./journal.ts";
import { forgetNames } from "./part_names.ts";
import { isPartName } from "./part_paths.ts";
import type { PartsRun } from "./parts.ts";
import type { Steps } from "./steps.ts";

/** Rows of one transaction: some milliseconds of the store's time. */
export const ROWS_A_STEP = 256;

export interface Forgetting {
  readonly key: Uint8Array;
  readonly journal: Journal;
  readonly run: PartsRun;
  readonly partsDirectory: string;
  readonly disk: Disk;
  /** Parts that are kept, by their path in the manifest: what failed may be resumed. */
  readonly keep: ReadonlyMap<string, string>;
  /** Within the last transaction, where something is kept. */
  readonly touch: () => void;
}

/** Rows first, then their parts: a part without a row is swept, a row without a part is a lie. */
export function* forgetting(context: Forgetting): Steps<void> {
  const { key, journal, run, keep } = context;
  const kept = new Set(keep.values());
  for (const table of ["parts", "strays"] as const) {
    for (let after = "";;) {
      const rows = journal.heldAfter(key, { table, after, most: ROWS_A_STEP });
      const last = rows.at(-1);
      if (last === undefined) break;
      after = last.path;
      // A part that outlived the state and is kept has a row among the parts by now.
      const gone = table === "parts" ? rows.filter(({ path }) => !keep.has(path)) : rows;
      const names = gone.map(({ name }) => name).filter((name) => isPartName(name));
      // What a run says of its parts goes before their rows: what is left after a kill is garbage then.
      if (keep.size === 0) forgetNames(context.partsDirectory, names, context.disk);
      journal.transaction(() => gone.forEach((row) => journal.dropHeld(key, { table, row })));
      run.remove(names.filter((name) => !kept.has(name)));
      if (yield) run.forget();
    }
  }
  journal.transaction(() => {
    journal.forgetUnheld(key);
    if (keep.size > 0) context.touch();
  });
  yield* run.sweeping(kept);
}
