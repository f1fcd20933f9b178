// What entries are placed with, and the first of them: directories, made before any file is put in place.
// In steps, with a look anew wherever others had their turn; one that cannot be made fails alone.

import { osError } from "../base/os_error.ts";
import type { EntryFailure } from "../wire/messages.ts";
import type { FileContext } from "./commit_whole.ts";
import type { Journal } from "./journal.ts";
import type { Register } from "./register.ts";
import type { Steps } from "./steps.ts";
import type { Outcome } from "./store.ts";
import type { Touched } from "./touched.ts";
import { placeDirectory } from "./tree.ts";

/** What entries are placed with. */
export interface PlacingContext extends FileContext {
  readonly journal: Journal;
  readonly register: Register;
  /** Takes absolute paths of directories with new names in them. */
  readonly touched: Touched;
}

export interface DirectoryContext extends PlacingContext {
  /** The directory that entries go into, where it is none of them; relative. */
  readonly base: string | null;
  /** An attempt before was not finished: it may have made what stands. */
  readonly goesOn: boolean;
  /** What was seen of directories holds no more. */
  readonly lookAnew: () => void;
}

export function* placingDirectories(
  { transfer: { writeOnce }, register, place, base, goesOn, touched, lookAnew }: DirectoryContext,
): Steps<Outcome> {
  const failures: EntryFailure[] = [];
  const { door } = place;
  if (base !== null) {
    door.enterDirectory(base);
    for (const path of goesOn ? downTo(base) : []) touched.add(door.parentOf(path));
  }
  for (const directory of register.directories) {
    try {
      directory.stood = placeDirectory(directory, { ...place, writeOnce });
      if (goesOn && directory.stood !== null) touched.add(door.parentOf(directory.path));
    } catch (thrown) {
      failures.push(failureOf(directory.entry, thrown));
      register.directories.leaveOut(directory.entry);
    }
    if (yield) lookAnew();
  }
  return { committed: [], changed: [], failures };
}

/** A path, and all those above it. */
function downTo(path: string): readonly string[] {
  const parts = path === "" ? [] : path.split("/");
  return parts.map((_, i) => parts.slice(0, i + 1).join("/"));
}

/** What became of an entry that could not be placed. */
export function failureOf(entry: number, thrown: unknown): EntryFailure {
  const { code, message } = osError(thrown, "place it");
  return { entry, code, message };
}
