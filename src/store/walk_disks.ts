// What the sources of a walk are looked at through: what a peer asked for confined to the root that it may
// see (I5), and a user's own directories held as well, since a look beneath one costs a fifth of one by its
// path. A root is held while the walk goes on, and no longer.

import type { BigIntStats } from "node:fs";
import { Beneath } from "../runtime/beneath.ts";
import { BeneathDisk } from "./beneath_disk.ts";
import { DISK, type Disk } from "./disk.ts";
import { openRootDisk, ownDisk, type RootDisk } from "./root_disk.ts";
import type { WalkSource } from "./store.ts";

/** A user's own directories that are held: descriptors are few, sources may be many. */
const MOST_OWN = 16;

export class WalkDisks implements Disposable {
  readonly #held = new Map<string, RootDisk>();

  /** For a source, by where it is: links to it are gone already. */
  of({ path, root }: Pick<WalkSource, "path" | "root">): Disk {
    if (root === undefined) return this.#own(path);
    const known = this.#held.get(root) ?? openRootDisk(root, { readOnly: true });
    this.#held.set(root, known);
    return known.disk;
  }

  /** By its path where it is no directory, or nothing can be held here. */
  #own(path: string): Disk {
    const known = this.#held.get(path)?.disk;
    if (known !== undefined || this.#held.size >= MOST_OWN) return known ?? DISK;
    const beneath = heldOrNone(path);
    if (beneath === null) return DISK;
    const disk = new OwnDisk(path, beneath);
    this.#held.set(path, { ...ownDisk(disk), [Symbol.dispose]: () => beneath[Symbol.dispose]() });
    return disk;
  }

  /** Others had their turn: every way is gone anew. */
  forget(): void {
    for (const { disk } of this.#held.values()) disk.forget?.();
  }

  [Symbol.dispose](): void {
    for (const held of this.#held.values()) held[Symbol.dispose]();
    this.#held.clear();
  }
}

/** The directory itself is looked at by its path: another one may have come there meanwhile. */
class OwnDisk extends BeneathDisk {
  readonly #path: string;

  constructor(path: string, beneath: Beneath) {
    super(path, beneath);
    this.#path = path;
  }

  override look(path: string): BigIntStats | null {
    return path === this.#path ? DISK.look(path) : super.look(path);
  }
}

function heldOrNone(path: string): Beneath | null {
  try {
    return Beneath.open(path, "read");
  } catch {
    return null; // What is wrong with it shows where it is looked at.
  }
}
