// Which runs of parts lie below `.sftpx/parts`, and how one goes: every part of it that is not to stay, and
// what that leaves empty. What has no place there goes as well, a link itself: it may lead to a user's files,
// and is never entered.

import type { Disk } from "./disk.ts";
import { NAMES_FILE, namesIn, removeIfEmpty, removeIfNameless } from "./part_paths.ts";
import type { Steps } from "./steps.ts";

/** Names of parts that stay. */
export type KeptParts = Pick<ReadonlySet<string>, "has">;

export interface PartRunsContext {
  readonly partsDirectory: string;
  readonly disk: Disk;
}

/** Names of the runs there are. */
export function runsOfParts({ partsDirectory, disk }: PartRunsContext): string[] {
  return isDirectory(partsDirectory, disk) ? directoriesIn(partsDirectory, { disk }) : [];
}

/** Removes what is to go of a run; a peer decides how much there is of it. */
export function* sweepRun(
  run: string,
  { partsDirectory, keep, disk }: PartRunsContext & { readonly keep: KeptParts },
): Steps<void> {
  const directory = `${partsDirectory}/${run}`;
  if (!isDirectory(directory, disk)) return;
  let isEmpty = true;
  for (const shard of directoriesIn(directory, { disk, spare: NAMES_FILE })) {
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

/** Real directories in a directory; anything else is removed, but the file that is spared. */
function directoriesIn(
  directory: string,
  { disk, spare }: { readonly disk: Disk; readonly spare?: string },
): string[] {
  const names: string[] = [];
  for (const name of namesIn(directory, disk)) {
    const stat = disk.look(`${directory}/${name}`);
    if (stat?.isDirectory()) names.push(name);
    else if (name !== spare || !stat?.isFile()) disk.remove(`${directory}/${name}`);
  }
  return names;
}

function isDirectory(path: string, disk: Disk): boolean {
  return disk.look(path)?.isDirectory() ?? false;
}
