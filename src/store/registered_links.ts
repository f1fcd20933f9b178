// The links of a manifest, in its order: as many as it names, for all of them are placed after its files.
// Kept as columns, and their targets as what differs from the one before (I8).

import { Slabs } from "../base/slabs.ts";
import type { Spilling } from "../base/spill.ts";
import { Ascending } from "./ascending.ts";
import { Column, TIMES } from "./column.ts";
import { END, PathBlocks } from "./path_blocks.ts";
import type { LinkToPlace } from "./tree.ts";

/** What is kept of one. */
export interface RegisteredLink extends Pick<LinkToPlace, "path" | "target" | "mtimeNs"> {
  readonly entry: number;
}

/** Links whose columns are made together. */
const PAGE_BITS = 9;
const PAGE_LINKS = 1 << PAGE_BITS;

interface Page {
  /** Not 0 for those that are left out. */
  readonly leftOut: Uint8Array;
  readonly mtimes: Column<bigint>;
}

export class RegisteredLinks {
  readonly #final: (entry: number) => string;
  readonly #slabs = new Slabs();
  readonly #entries = new Ascending(this.#slabs);
  readonly #targets: PathBlocks;
  readonly #pages: Page[] = [];

  /** `final` says where an entry goes, always the same. */
  constructor(
    final: (entry: number) => string,
    options: Spilling = {},
  ) {
    this.#final = final;
    this.#targets = new PathBlocks(options);
  }

  /** What they take. */
  get heldBytes(): number {
    const pages = this.#pages.reduce((sum, { mtimes }) => sum + PAGE_LINKS + mtimes.heldBytes, 0);
    return pages + this.#entries.heldBytes + this.#targets.heldBytes;
  }

  /** Entries come in ascending order. Of a target with a NUL character, which no system takes, nothing is
   * kept. */
  add(entry: number, { target, mtimeNs }: Pick<LinkToPlace, "target" | "mtimeNs">): void {
    const at = this.#entries.length & (PAGE_LINKS - 1);
    if (at === 0) {
      const mtimes = new Column(TIMES, { count: PAGE_LINKS, slabs: this.#slabs });
      this.#pages.push({ leftOut: this.#slabs.take(PAGE_LINKS), mtimes });
    }
    this.#pages.at(-1)!.mtimes.set(at, mtimeNs, at === 0);
    this.#entries.add(entry);
    this.#targets.add(target.includes(END) ? "" : target);
  }

  /** It is not to be placed. */
  leaveOut(entry: number): void {
    const number = this.#entries.find(entry);
    if (number !== null) this.#pages[number >>> PAGE_BITS]!.leftOut[number & (PAGE_LINKS - 1)] = 1;
  }

  /** Those to be placed. */
  *[Symbol.iterator](): Generator<RegisteredLink> {
    for (let number = 0; number < this.#entries.length; number++) {
      const [page, at] = [this.#pages[number >>> PAGE_BITS]!, number & (PAGE_LINKS - 1)];
      if (page.leftOut[at] !== 0) continue;
      const entry = this.#entries.at(number);
      yield {
        entry,
        path: this.#final(entry),
        target: this.#targets.path(number),
        mtimeNs: page.mtimes.get(at),
      };
    }
  }
}
