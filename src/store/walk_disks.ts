// What the sources of a walk are looked at through: a user's own by their paths, and what a peer asked for
// confined to the root that it may see (I5). A root is held while the walk goes on, and no longer.

import { DISK, type Disk } from "./disk.ts";
import { openRootDisk, type RootDisk } from "./root_disk.ts";
import type { WalkSource } from "./store.ts";

export class WalkDisks implements Disposable {
  readonly #held = new Map<string, RootDisk>();

  of({ root }: WalkSource): Disk {
    if (root === undefined) return DISK;
    const known = this.#held.get(root) ?? openRootDisk(root, { readOnly: true });
    this.#held.set(root, known);
    return known.disk;
  }

  [Symbol.dispose](): void {
    for (const held of this.#held.values()) held[Symbol.dispose]();
    this.#held.clear();
  }
}
