// Removes what dead processes left below `.sftpx/parts`: every part that no row names, a little at a
// time, since there may be many. It enters no link, and only runs that were there while this process was
// alone in the state: nobody adds a part, or a row about one, to a run that is not its own.

import { osCode } from "../base/os_error.ts";
import type { Disk } from "./disk.ts";
import type { Journal } from "./journal.ts";
import { NAMES_FILE, PartPaths, removeIfEmpty, removeIfNameless } from "./part_paths.ts";

/** Rows whose names are read at once. */
const ROWS_A_STEP = 4096;

export interface SweepContext {
  readonly partsDirectory: string;
  readonly journal: Journal;
  readonly disk: Disk;
}

export class Sweep {
  readonly #steps: Generator<void>;
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
    if (!this.#isDone) this.#isDone = this.#steps.next().done === true;
    return !this.#isDone;
  }

  #remove(name: string): void {
    const shard = name.slice(0, name.lastIndexOf("/"));
    this.#paths.remove(name);
    // The last one of its directory, as far as they come in order.
    if (!this.#doomed.at(-1)?.startsWith(`${shard}/`)) this.#paths.removeEmpty(shard);
  }
}

/** Names of the runs of parts there are; whatever else is among them goes. */
export function runsOfParts(partsDirectory: string, disk: Disk): string[] {
  return directoriesIn(partsDirectory, { disk, spare: [] });
}

function* sweep(
  runs: readonly string[],
  { partsDirectory, journal, disk }: SweepContext,
): Generator<void> {
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

function* sweepRun(
  run: string,
  { partsDirectory, keep, disk }: {
    readonly partsDirectory: string;
    readonly keep: ReadonlySet<string>;
    readonly disk: Disk;
  },
): Generator<void> {
  const directory = `${partsDirectory}/${run}`;
  let isEmpty = true;
  for (const shard of directoriesIn(directory, { disk, spare: [NAMES_FILE] })) {
    for (const name of namesIn(`${directory}/${shard}`, disk)) {
      if (keep.has(`${run}/${shard}/${name}`)) continue;
      disk.removeTree(`${directory}/${shard}/${name}`);
      yield;
    }
    if (!removeIfEmpty(`${directory}/${shard}`, disk)) isEmpty = false;
    yield;
  }
  if (isEmpty) removeIfNameless(directory, disk);
}

/** Real directories in a directory; anything else is removed, a link itself, but what is spared. */
function directoriesIn(
  directory: string,
  { disk, spare }: { readonly disk: Disk; readonly spare: readonly string[] },
): string[] {
  if (!(disk.look(directory)?.isDirectory() ?? false)) return [];
  const names: string[] = [];
  for (const name of namesIn(directory, disk)) {
    const stat = disk.look(`${directory}/${name}`);
    if (stat?.isDirectory()) names.push(name);
    else if (!spare.includes(name) || !stat?.isFile()) disk.remove(`${directory}/${name}`);
  }
  return names;
}

/** None where the directory is gone: another process may sweep as well. */
function namesIn(directory: string, disk: Disk): string[] {
  try {
    return disk.list(directory).map(({ name }) => name);
  } catch (thrown) {
    if (osCode(thrown) === "ENOENT") return [];
    throw thrown;
  }
}
