// Removes what dead processes left below `.sftpx/parts`: every part that no row names, a little at a
// time, since there may be many. It enters no link, and only runs that were there while this process was
// alone in the state: nobody adds a part, or a row about one, to a run that is not its own.

import type { Journal } from "./journal.ts";
import { PartPaths } from "./part_paths.ts";
import { type PartRunsContext, sweepRun } from "./part_runs.ts";
import type { Steps } from "./steps.ts";

/** Rows whose names are read at once. */
const ROWS_A_STEP = 4096;

export interface SweepContext extends PartRunsContext {
  readonly journal: Journal;
}

export class Sweep {
  readonly #steps: Steps<void>;
  readonly #context: SweepContext;
  readonly #paths: PartPaths;
  /** Parts of transfers that were forgotten. */
  readonly #doomed: string[] = [];
  #isDone = false;

  constructor(runs: readonly string[], context: SweepContext) {
    this.#steps = sweep(runs, context);
    this.#context = context;
    this.#paths = new PartPaths(context.partsDirectory, context.disk);
  }

  /** Takes parts of which no row tells any more, in the order of their names. */
  doom(names: readonly string[]): void {
    for (const name of names) this.#doomed.push(name);
  }

  /** Goes on for a while; whether all is done. */
  go(forMs: number): boolean {
    this.#paths.forget();
    const end = performance.now() + forMs;
    while (performance.now() < end) if (!this.#step()) return true;
    return false;
  }

  #step(): boolean {
    const name = this.#doomed.pop();
    if (name !== undefined) {
      this.#remove(name);
      return true;
    }
    if (!this.#isDone) this.#isDone = this.#steps.next(false).done === true;
    return !this.#isDone;
  }

  #remove(name: string): void {
    const shard = name.slice(0, name.lastIndexOf("/"));
    this.#paths.remove(name);
    // The last one of its directory, as far as they come in order.
    if (!this.#doomed.at(-1)?.startsWith(`${shard}/`)) this.#paths.removeEmpty(shard);
  }
}

function* sweep(
  runs: readonly string[],
  { partsDirectory, journal, disk }: SweepContext,
): Steps<void> {
  if (runs.length === 0) return;
  const keep = new Set<string>();
  // A row that is replaced meanwhile comes back behind those that were read, with the same name.
  let rows = journal.namesAfter(0, ROWS_A_STEP);
  for (; rows !== null; rows = journal.namesAfter(rows.last, ROWS_A_STEP)) {
    for (const name of rows.names) keep.add(name);
    yield;
  }
  for (const name of journal.strayNames()) keep.add(name);
  for (const run of runs) yield* sweepRun(run, { partsDirectory, keep, disk });
}
