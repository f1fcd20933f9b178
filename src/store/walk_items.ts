// The names a walk still has before it: where each comes from on disk, and in which order they travel.
// Sorting only; looks at no disk.

import { comparePaths } from "../base/path.ts";
import type { Disk } from "./disk.ts";
import type { PathTree } from "./path_tree.ts";
import type { WalkDirectory } from "./walk_directory.ts";

/** UTF-16 units that may sort otherwise than their UTF-8 bytes do. */
const UNORDERED = /[\ud800-\uffff]/;

/** One place on disk that a manifest path comes from. */
export interface Origin {
  readonly path: string;
  readonly source: number;
  /** What it is looked at and read through. */
  readonly disk: Disk;
  /** Where its name was read; of an item of `contents`, where the names in it are. Null for a source
   * that a user names: it is what its path leads to. */
  readonly directory: WalkDirectory | null;
}

/** A name in a directory; several origins where several sources offer it. */
export interface Item {
  readonly path: string;
  readonly origins: Origin[];
  /** Sorts a directory's contents behind siblings such as `a-b` ("-" is less than "/"). */
  readonly contents: boolean;
  /** What of it was listed in `files`; null where all below it goes. */
  readonly listed: PathTree | null;
}

/** Puts one more origin of a name into a directory's items. */
export function add(items: Map<string, Origin[]>, name: string, origin: Origin): void {
  const known = items.get(name);
  if (known === undefined) items.set(name, [origin]);
  else known.push(origin);
}

/** Descending, so that `pop` takes the least. */
export function sorted(
  prefix: string,
  items: Map<string, Origin[]>,
  listed: PathTree | null,
): Item[] {
  const names = [...items.keys()];
  if (names.some((name) => UNORDERED.test(name))) names.sort((a, b) => comparePaths(b, a));
  else names.sort().reverse();
  return names.map((name) => ({
    path: prefix + name,
    origins: items.get(name) ?? [],
    contents: false,
    listed: listed?.below(name) ?? null,
  }));
}

/** Puts a directory's contents where they belong among its siblings still to come. */
export function insert(level: Item[], item: Item): void {
  const key = keyOf(item);
  let at = level.length;
  for (; at > 0; at--) {
    const sibling = level[at - 1];
    if (sibling === undefined || comparePaths(keyOf(sibling), key) > 0) break;
  }
  level.splice(at, 0, item);
}

function keyOf(item: Item): string {
  return item.contents ? `${item.path}/` : item.path;
}

export function joined(directory: string, name: string): string {
  return directory.endsWith("/") ? directory + name : `${directory}/${name}`;
}
