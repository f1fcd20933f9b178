// Parts that outlived the state which knew them: found by what their runs say of themselves, and noted
// as strays, to be verified by reading. Only for a process that is alone in the state.

import * as fs from "node:fs";
import { lookAt } from "./disk.ts";
import type { Journal } from "./journal.ts";
import { readNames } from "./part_names.ts";
import { NAMES_FILE, RUN_NAME } from "./part_paths.ts";

/**
 * Notes every part that its run can name, of runs that the state knows nothing of: it was begun anew, or
 * lost what it had not written into the database itself.
 */
export function salvage(journal: Journal, partsDirectory: string): void {
  const runs = runsIn(partsDirectory).filter(({ run }) => !journal.knowsRun(run));
  if (runs.length === 0) return;
  journal.transaction(() => {
    // The newest last: of two parts of one entry, it has more of what is wanted.
    for (const { run, touchedNs } of runs) noteRun(journal, { partsDirectory, run, touchedNs });
  });
}

function noteRun(
  journal: Journal,
  { partsDirectory, run, touchedNs }: {
    readonly partsDirectory: string;
    readonly run: string;
    readonly touchedNs: bigint;
  },
): void {
  const directory = `${partsDirectory}/${run}`;
  const names = readNames(directory, run);
  if (names === null) return;
  const standing = partsIn(directory, run);
  const { header } = names;
  let found = 0;
  for (const part of names.parts) {
    if (!standing.has(part.name)) continue;
    journal.addStray(header.key, part);
    found++;
  }
  // A transfer that the state does know keeps its chunk size: that of its other parts.
  if (found > 0 && journal.transfer(header.key) === null) {
    journal.addTransfer({ ...header, touchedNs, frontier: null });
  }
}

/** Runs of parts that say what they are of, the one that was last added to last. */
function runsIn(partsDirectory: string): { readonly run: string; readonly touchedNs: bigint }[] {
  return directoriesIn(partsDirectory).filter((run) => RUN_NAME.test(run)).flatMap((run) => {
    const stat = lookAt(`${partsDirectory}/${run}/${NAMES_FILE}`);
    return stat === null ? [] : [{ run, touchedNs: stat.mtimeNs }];
  }).sort((a, b) => a.touchedNs < b.touchedNs ? -1 : 1);
}

/** Names of the parts of a run that are there. */
function partsIn(directory: string, run: string): ReadonlySet<string> {
  const names = directoriesIn(directory).flatMap((shard) =>
    fs.readdirSync(`${directory}/${shard}`, { withFileTypes: true })
      .filter((entry) => entry.isFile()).map(({ name }) => `${run}/${shard}/${name}`)
  );
  return new Set(names);
}

function directoriesIn(directory: string): string[] {
  if (!(lookAt(directory)?.isDirectory() ?? false)) return [];
  return fs.readdirSync(directory, { withFileTypes: true })
    .filter((found) => found.isDirectory()).map(({ name }) => name);
}
