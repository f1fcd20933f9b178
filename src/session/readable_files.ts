// Before a dry run announces what a walk found: files that this process may not read are left out as the
// real run would fail them. None is read; only those are opened whose mode does not let everybody read.

import * as fs from "node:fs";
import type { FoundEntries } from "../engine/sender.ts";
import { openToRead, readError } from "../pool/files.ts";
import type { EntryTaker } from "./walk_feed.ts";

/** Bits that let everybody read, whoever it is. */
const ALL_MAY_READ = 0o444;

/** The taker of a walk of this user's own files, without those that cannot be read. */
export function readableFiles(taker: EntryTaker): EntryTaker {
  return {
    get wantsEntries() {
      return taker.wantsEntries;
    },
    addEntries: (found) => taker.addEntries(readable(found, taker)),
    omit: (omission) => taker.omit(omission),
    endEntries: () => taker.endEntries(),
  };
}

function readable(found: FoundEntries, taker: Pick<EntryTaker, "omit">): FoundEntries {
  const kept = found.entries.map(({ path, kind, sizeBytes, mode }, at) => {
    // Of one that holds nothing, there is nothing to read.
    if (kind !== "file" || sizeBytes === 0) return true;
    if ((mode & ALL_MAY_READ) === ALL_MAY_READ) return true;
    const error = refusal(found.paths[at]!);
    if (error?.code !== "source_unreadable") return true;
    taker.omit({ path, code: error.code, message: error.message });
    return false;
  });
  if (!kept.includes(false)) return found;
  const isKept = (_: unknown, at: number) => kept[at]!;
  return {
    entries: found.entries.filter(isKept),
    paths: found.paths.filter(isKept),
    sources: found.sources.filter(isKept),
  };
}

/** Why a file cannot be opened, or null. */
function refusal(path: string): ReturnType<typeof readError> | null {
  try {
    fs.closeSync(openToRead(path));
    return null;
  } catch (thrown) {
    return readError(thrown, path);
  }
}
