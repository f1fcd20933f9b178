// The sources of a push on this machine: which of them there are, and what of them travels. With
// several, one that is missing fails alone.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import type { WalkOptions, WalkSource } from "../store/store.ts";
import type { OfferedSource } from "../wire/messages.ts";
import { checkDelete } from "./delete_check.ts";
import { listedPaths } from "./listed_paths.ts";
import type { PushOptions } from "./options.ts";
import { endsOpen, type ResolvedSource, resolveLocalSource } from "./sources.ts";

/** Sources as they are walked and offered, in parallel; and those that are not there. */
export interface PushSources {
  readonly walks: readonly WalkSource[];
  readonly offered: readonly OfferedSource[];
  readonly missing: readonly { readonly path: string; readonly error: SftpxError }[];
  /** Whether what they do not have is removed at the destination. */
  readonly deletes: boolean;
}

/** Finds the sources of a push; refuses what cannot be meant. Throws when none is there. */
export async function localSources(options: PushOptions): Promise<PushSources> {
  const { files, sources: given } = options;
  if (files !== null && given.length > 1) {
    throw new SftpxError("usage", "Cannot send listed files: they are of one source only");
  }
  const found: ResolvedSource[] = [];
  const missing: { path: string; error: SftpxError }[] = [];
  for (const path of given) {
    try {
      // What a list names is below its source: the source's own name does not travel.
      const opens = files !== null || endsOpen(path);
      found.push(await resolveLocalSource(path, { opens }));
    } catch (thrown) {
      missing.push({ path, error: toSftpxError(thrown) });
    }
  }
  if (found.length === 0) throw missing[0]!.error;
  const offered = found.map((source) => source.offered);
  if (files !== null && !offered.every(({ contents }) => contents)) {
    throw new SftpxError("usage", "Cannot send listed files: their source is not a directory");
  }
  const deletes = checkDelete(options, offered);
  return { walks: found.map((source) => source.walk), offered, missing, deletes };
}

/** What of the sources is walked. */
export function localWalk({ filters, files: given, links }: PushOptions): WalkOptions {
  const files = given === null ? null : listedPaths(given);
  const walk = links === "skip" ? { filters, links: false } : { filters };
  return files === null ? walk : { ...walk, files };
}
