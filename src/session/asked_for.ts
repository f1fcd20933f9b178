// What a pull holds its server to: its own filters and list of files, whatever the server makes of them.
// A server that sends more than that could put a file where the user excluded it on purpose.

import { Filter } from "../base/filter.ts";
import type { IsAsked } from "../engine/manifest_check.ts";
import { listedPaths } from "./listed_paths.ts";
import type { PullOptions } from "./options.ts";

/**
 * Whether an entry may come; null where all may. It is for a manifest in which every directory comes
 * before what is in it, so that what an excluded directory holds need not be known by its own path.
 */
export function askedFor(
  { filters, files: given }: Pick<PullOptions, "filters" | "files">,
): IsAsked | null {
  const files = given === null ? null : listedPaths(given);
  if (filters.length === 0 && files === null) return null;
  const filter = new Filter(filters);
  const isListed = files === null ? () => true : listedOnly(files);
  return (entry) => isListed(entry) && !filter.excludes(entry.path, entry.kind === "directory");
}

/** What is listed, what it holds, and the directories above it. */
function listedOnly(files: readonly string[]): IsAsked {
  const listed = new Set(files);
  const above = new Set(files.flatMap(parentsOf));
  return ({ path, kind }) =>
    listed.has(path) || parentsOf(path).some((parent) => listed.has(parent)) ||
    kind === "directory" && above.has(path);
}

/** The directories above a path, the nearest first. */
function parentsOf(path: string): string[] {
  const parents: string[] = [];
  for (let at = path.lastIndexOf("/"); at > 0; at = path.lastIndexOf("/", at - 1)) {
    parents.push(path.slice(0, at));
  }
  return parents;
}
