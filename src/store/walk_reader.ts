// What a walk reads of the disk: where its sources lead, and the names in directories that are still
// those it saw (I5). What was held, or seen to stand, counts for one step: then others had their turn.

import type { BigIntStats } from "node:fs";
import { dirname } from "node:path";
import type { PathTree } from "./path_tree.ts";
import type { BatchInTheMaking } from "./walk_batch.ts";
import { WalkDirectory } from "./walk_directory.ts";
import { WalkDisks } from "./walk_disks.ts";
import { notSent } from "./walk_entry.ts";
import { add, joined, type Origin } from "./walk_items.ts";
import { lookAtSource, sourcePath, statAt } from "./walk_source.ts";
import type { WalkSource } from "./store.ts";

/** What of a directory is taken, and where to. */
export interface Within {
  readonly items: Map<string, Origin[]>;
  readonly listed: PathTree | null;
  /** Whether a name is of the section that is walked. */
  readonly isIn: (name: string) => boolean;
}

export class WalkReader implements Disposable {
  readonly #disks = new WalkDisks();
  readonly #notices: Pick<BatchInTheMaking, "note">;
  #step = 0;

  constructor(notices: Pick<BatchInTheMaking, "note">) {
    this.#notices = notices;
  }

  [Symbol.dispose](): void {
    this.#disks[Symbol.dispose]();
  }

  /** Others had their turn: every directory is looked at anew before anything of it is. */
  beginStep(): void {
    this.#step++;
    this.#disks.forget();
  }

  /** Where a source begins; throws when it is not as it is to be. */
  originOf(source: WalkSource, index: number): Origin {
    const { contents, name, root } = source;
    const path = sourcePath(source);
    const disk = this.#disks.of({ ...source, path });
    const stat = lookAtSource(source, { path, disk });
    const origin = { path, source: index, disk };
    if (contents) return { ...origin, directory: this.#directory({ path, disk }, name, stat) };
    if (root === undefined || path === root) return { ...origin, directory: null };
    const above = { path: dirname(path), disk };
    return { ...origin, directory: this.#directory(above, name, statAt(above)) };
  }

  /** An origin that is a directory, to read names from. */
  opened(origin: Origin, path: string, stat: BigIntStats): Origin {
    return { ...origin, directory: this.#directory(origin, path, stat) };
  }

  /** Whether the directory of an origin is still the one seen; says once when it is not. */
  isThere({ directory }: Origin): boolean {
    if (directory === null || directory.isGone) return directory === null;
    if (directory.stands(this.#step)) return true;
    const { shown } = directory;
    this.#notices.note(notSent(shown, "source_missing", "it went away during the walk"));
    return false;
  }

  /** Puts what a directory holds into `items`: all of it, and what was listed, there or not. */
  names(path: string, origin: Origin, within: Within): void {
    if (!this.isThere(origin)) return;
    const { items, listed, isIn } = within;
    if (listed === null || listed.isWhole) this.#list(path, origin, within);
    if (listed === null) return;
    for (const name of listed.names) {
      if (items.has(name) || !isIn(name)) continue;
      add(items, name, { ...origin, path: joined(origin.path, name) });
    }
  }

  #list(path: string, origin: Origin, { items, isIn }: Within): void {
    const { source, disk, directory } = origin;
    for (const { name } of disk.list(origin.path)) {
      if (!isIn(name)) continue;
      const below = joined(origin.path, name);
      const known = items.get(name)?.at(-1);
      if (known !== undefined && known.source === source && known.path === below) {
        // Two names that are not UTF-8 and look alike; neither can be opened.
        const shown = path === "" ? name : `${path}/${name}`;
        this.#notices.note(notSent(shown, "bad_name", "it is not UTF-8"));
      } else {
        add(items, name, { path: below, source, disk, directory });
      }
    }
  }

  #directory(at: Pick<Origin, "path" | "disk">, shown: string, stat: BigIntStats): WalkDirectory {
    return new WalkDirectory(at, { shown, stat, step: this.#step });
  }
}
