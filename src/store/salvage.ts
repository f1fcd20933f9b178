// Parts that outlived the state which knew them: found by what their runs say of themselves, and noted
// as strays, to be verified by reading. Only for a process that is alone in the state.

import type { Disk } from "./disk.ts";
import type { Journal } from "./journal.ts";
import { readNames } from "./part_names.ts";
import { NAMES_FILE, RUN_NAME } from "./part_paths.ts";

/** Where parts may have outlived the state. */
export interface SalvagedParts {
  readonly partsDirectory: string;
  readonly disk: Disk;
}

/**
 * Notes every part that its run can name, of runs that the state knows nothing of: it was begun anew, or
 * lost what it had not written into the database itself.
 */
export function salvage(journal: Journal, parts: SalvagedParts): void {
  const runs = runsIn(parts).filter(({ run }) => !journal.knowsRun(run));
  if (runs.length === 0) return;
  journal.transaction(() => {
    // The newest last: of two parts of one entry, it has more of what is wanted.
    for (const { run, touchedNs } of runs) noteRun(journal, { ...parts, run, touchedNs });
  });
}

function noteRun(
  journal: Journal,
  { partsDirectory, disk, run, touchedNs }: SalvagedParts & {
    readonly run: string;
    readonly touchedNs: bigint;
  },
): void {
  const directory = `${partsDirectory}/${run}`;
  const names = readNames(directory, run);
  if (names === null) return;
  const standing = partsIn(directory, { run, disk });
  const { header } = names;
  let found = 0;
  for (const part of names.parts) {
    if (!standing.has(part.name)) continue;
    journal.addStray(header.key, part);
    found++;
  }
  // A transfer that the state does know keeps its chunk size: that of its other parts.
  if (found > 0 && journal.transfer(header.key) === null) {
    journal.transfers.add({ ...header, touchedNs, frontier: null });
  }
}

/** Runs of parts that say what they are of, the one that was last added to last. */
function runsIn(
  { partsDirectory, disk }: SalvagedParts,
): { readonly run: string; readonly touchedNs: bigint }[] {
  return directoriesIn(partsDirectory, disk).filter((run) => RUN_NAME.test(run)).flatMap((run) => {
    const stat = disk.look(`${partsDirectory}/${run}/${NAMES_FILE}`);
    return stat === null ? [] : [{ run, touchedNs: stat.mtimeNs }];
  }).sort((a, b) => a.touchedNs < b.touchedNs ? -1 : 1);
}

/** Names of the parts of a run that are there. */
function partsIn(
  directory: string,
  { run, disk }: { readonly run: string; readonly disk: Disk },
): ReadonlySet<string> {
  const names = directoriesIn(directory, disk).flatMap((shard) =>
    disk.list(`${directory}/${shard}`)
      .filter(({ name, kind }) =>
        kind === null ? disk.look(`${directory}/${shard}/${name}`)?.isFile() : kind === "file"
      )
      .map(({ name }) => `${run}/${shard}/${name}`)
  );
  return new Set(names);
}

function directoriesIn(directory: string, disk: Disk): string[] {
  if (!(disk.look(directory)?.isDirectory() ?? false)) return [];
  return disk.list(directory).map(({ name }) => name)
    .filter((name) => disk.look(`${directory}/${name}`)?.isDirectory());
}
