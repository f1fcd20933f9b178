// The end of one transfer in its store: links, modes of files and of directories, in this order, then
// what was named is made durable and what is known of the transfer forgotten. In steps, with a look anew
// wherever others had their turn. An entry that cannot be placed fails alone.

import { osError } from "../base/os_error.ts";
import type { EntryFailure } from "../wire/messages.ts";
import type { ChunkJournal } from "./chunk_journal.ts";
import { changeMode } from "./commit_whole.ts";
import { forgetting, ROWS_A_STEP } from "./forgetting.ts";
import type { CommittedRow } from "./journal_rows.ts";
import { checkLink, type LinkNames, type LinkRules } from "./links.ts";
import { failureOf, type PlacingContext } from "./placing.ts";
import type { Steps } from "./steps.ts";
import type { Outcome } from "./store.ts";
import type { RegisteredDirectory } from "./registered_directories.ts";
import { NameSync } from "./name_sync.ts";
import type { RegisteredLink } from "./registered_links.ts";
import { finishDirectory, placeLink } from "./tree.ts";

export interface FinishContext extends PlacingContext {
  readonly chunks: ChunkJournal;
  readonly partsDirectory: string;
  readonly linkRules: LinkRules;
  readonly linkNames: LinkNames;
  /** What was seen of directories holds no more. */
  readonly lookAnew: () => void;
}

interface Naming extends FinishContext {
  readonly names: NameSync;
}

export function* finishing(context: FinishContext): Steps<Outcome> {
  const { register } = context;
  const failures: EntryFailure[] = [];
  const committed: number[] = [];
  const changed: number[] = [];
  const attempt = (entry: number, place: () => boolean, counts: boolean) => {
    try {
      if (place()) changed.push(entry);
      if (counts) committed.push(entry);
    } catch (thrown) {
      failures.push(failureOf(entry, thrown));
    }
  };
  for (const link of register.links) {
    attempt(link.entry, () => finishLink(link, context), true);
    if (yield) context.lookAnew();
  }
  let rows: CommittedRow[] = [];
  for (const change of register.modes) {
    attempt(change.entry, () => {
      const { row, changed } = changeMode(change, context);
      rows.push(row);
      return changed;
    }, false);
    if (rows.length >= ROWS_A_STEP) {
      record(rows, context);
      rows = [];
    }
    if (yield) context.lookAnew();
  }
  record(rows, context);
  const naming: Naming = { ...context, names: new NameSync(context) };
  for (const directory of register.directories.deepestFirst()) {
    attempt(directory.entry, () => finishOne(directory, naming), true);
    if (yield) context.lookAnew();
  }
  yield* syncTouched(naming);
  yield* forgetAll(context);
  return { committed, changed, failures };
}

function finishLink(
  link: RegisteredLink,
  { transfer: { writeOnce }, run: { scratch }, place, touched, ...context }: FinishContext,
): boolean {
  const { linkRules: rules, linkNames: names } = context;
  const { door } = place;
  // By now others may stand there than when it was announced.
  checkLink(link, { rules, door, names });
  names.changed(link.path);
  const hasChanged = placeLink({ ...link, writeOnce, scratch }, place);
  // Also where it stood: an attempt that was killed may have placed it, and no record tells.
  touched.add(door.parentOf(link.path));
  return hasChanged;
}

/** Under a write-once grant the modes and times of what stood there before stay. */
function finishOne(directory: RegisteredDirectory, { transfer, place, names }: Naming): boolean {
  if (directory.stood !== null && transfer.writeOnce) return false;
  return finishDirectory(directory, { ...place, modes: transfer.policy.modes, names });
}

function* syncTouched({ touched, place: { disk }, names }: Naming): Steps<void> {
  try {
    for (const directory of touched.rest()) {
      if (!names.takes(disk.look(directory))) disk.syncDirectory(directory);
      yield;
    }
    names.sync();
  } catch (thrown) {
    throw osError(thrown, "make the names of committed files durable");
  }
}

/** Files of which the mode alone changed are recorded as they stand now. */
function record(rows: readonly CommittedRow[], { journal }: FinishContext): void {
  try {
    journal.transaction(() => rows.forEach((row) => journal.addCommitted(row)));
  } catch (thrown) {
    throw osError(thrown, "record changed modes");
  }
}

/** Everything that is known of the transfer. */
function* forgetAll(context: FinishContext): Steps<void> {
  const { transfer, journal, run, register, chunks, partsDirectory, place: { disk } } = context;
  try {
    const open = [...register.files.values().filter((file) => file.row !== null)];
    yield* forgetting({
      key: transfer.key,
      journal,
      run,
      partsDirectory,
      disk,
      keep: new Map(open.map(({ path, part }) => [path, part])),
      // All is done but what failed: a resume has nothing else to begin with.
      touch: () => chunks.touch(open[0]?.path ?? null),
    });
  } catch (thrown) {
    throw osError(thrown, "forget a finished transfer");
  }
}
