// What entries are placed with, and the first of them: directories, made before any file is put in place.
// In steps, with a look anew wherever others had their turn; one that cannot be made fails alone.

import { toSftpxError } from "../base/errors.ts";
import type { EntryFailure } from "../wire/messages.ts";
import type { FileContext } from "./commit_whole.ts";
import type { ModeAndTime } from "./disk.ts";
import type { Journal } from "./journal.ts";
import type { Register } from "./register.ts";
import type { Steps } from "./steps.ts";
import type { Outcome } from "./store.ts";
import { placeDirectory } from "./tree.ts";

/** What entries are placed with. */
export interface PlacingContext extends FileContext {
  readonly journal: Journal;
  readonly register: Register;
  /** Takes absolute paths of directories with new names in them. */
  readonly touched: Set<string>;
}

export interface DirectoryContext extends PlacingContext {
  /** The directory that entries go into, where it is none of them; relative. */
  readonly base: string | null;
  /** Takes what stood there, by entry; null for those that were made. */
  readonly stood: Map<number, ModeAndTime | null>;
  /** What was seen of directories holds no more. */
  readonly lookAnew: () => void;
}

export function* placingDirectories(
  { transfer: { writeOnce }, register, place, base, stood, lookAnew }: DirectoryContext,
): Steps<Outcome> {
  const failures: EntryFailure[] = [];
  if (base !== null) place.door.enterDirectory(base);
  for (const [entry, directory] of register.directories) {
    try {
      stood.set(entry, placeDirectory(directory, { ...place, writeOnce }));
    } catch (thrown) {
      failures.push(failureOf(entry, thrown));
      register.directories.delete(entry);
    }
    if (yield) lookAnew();
  }
  return { committed: [], changed: [], failures };
}

/** What became of an entry that could not be placed. */
export function failureOf(entry: number, thrown: unknown): EntryFailure {
  const { code, message } = toSftpxError(thrown);
  return { entry, code, message };
}
