// Which names of a directory a walk takes now: all of them, or with `from` first those that `isFromOn`
// it, then the others. Remembers the directories that have some of both; text only.

import { isFromOn } from "../base/path.ts";
import type { Item } from "./walk_items.ts";

export class WalkSections {
  readonly #from: string | null;
  readonly #above: Item[] = [];
  #section: "first" | "second" = "first";

  /** Null for a walk of one section. */
  constructor(from: string | null) {
    this.#from = from;
  }

  /** Directories above `from` that were read, as they were then, each above the next. */
  get above(): readonly Item[] {
    return this.#above;
  }

  get isSecond(): boolean {
    return this.#section === "second";
  }

  /** The first section is through; false when there is no second. */
  beginSecond(): boolean {
    this.#section = "second";
    return this.#from !== null;
  }

  /** Whether a name is of this section, in the directory whose paths begin with `prefix`. */
  namesIn(prefix: string): (name: string) => boolean {
    const from = this.#from;
    // What a directory beside `from` holds is of one section.
    if (from === null || !from.startsWith(prefix)) return () => true;
    const below = from.slice(prefix.length);
    const isFirst = this.#section === "first";
    return (name) => isFromOn(name, below) === isFirst;
  }

  /** A directory was read: when `from` is below it, some of its names are of the other section. */
  opened(directory: Item): void {
    if (this.#section === "first" && this.#from?.startsWith(`${directory.path}/`)) {
      this.#above.push(directory);
    }
  }
}
