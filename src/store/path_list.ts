// The paths of a manifest, kept small: answers which one was added at which place, and whether a path
// is among them; asked in order it unpacks each block once. Refuses nothing, but says when it was not
// filled in ascending order, begun anew at most once, and then does not know what is among them.

import { comparePaths, foldPath } from "../base/path.ts";
import type { Spilling } from "../base/spill.ts";
import { END, PathBlocks } from "./path_blocks.ts";

/** Sections a manifest has at most, each in ascending order. */
const SECTIONS = 2;

export class PathList {
  readonly #blocks: PathBlocks;
  /** First path of each section, by number. */
  readonly #sections: number[] = [];
  #last: string | null = null;
  #isOrdered = true;
  /** Folded path to a spelling of it; made when it is first asked for. */
  #folded: Map<string, string> | null = null;

  constructor(options: Spilling = {}) {
    this.#blocks = new PathBlocks(options);
  }

  /** False when a path came that is not behind the one before it, for a second time. */
  get isOrdered(): boolean {
    return this.#isOrdered;
  }

  /** What is held of them. */
  get heldBytes(): number {
    return this.#blocks.heldBytes;
  }

  add(path: string): void {
    if (path.includes(END)) this.#isOrdered = false;
    const isBehind = this.#last !== null && comparePaths(this.#last, path) < 0;
    if (this.#isOrdered && !isBehind) {
      this.#sections.push(this.#blocks.length);
      this.#isOrdered = this.#sections.length <= SECTIONS;
      // A section begins with a block: what lies before one is never looked for in another.
      this.#blocks.close();
    }
    this.#last = path;
    this.#blocks.add(path.includes(END) ? "" : path);
  }

  /** The path that was added after `number` others; of one with a NUL character nothing is kept. */
  path(number: number): string {
    return this.#blocks.path(number);
  }

  has(path: string): boolean {
    return this.find(path) !== null;
  }

  /** How many paths were added before this one; null when it is not among them. */
  find(path: string): number | null {
    for (const section of this.#sections.keys()) {
      const found = this.#findIn(section, path);
      if (found !== null) return found;
    }
    return null;
  }

  /** A path that is the same name where case and normalisation are ignored; null when none is. */
  foldsTo(path: string): string | null {
    if (this.#folded === null) {
      this.#folded = new Map();
      for (const known of this) this.#folded.set(foldPath(known), known);
    }
    return this.#folded.get(foldPath(path)) ?? null;
  }

  *[Symbol.iterator](): Generator<string> {
    for (let block = 0; block < this.#blocks.count; block++) yield* this.#blocks.paths(block);
  }

  #findIn(section: number, path: string): number | null {
    const blocks = this.#blocks;
    const [from = 0, end = blocks.length] = this.#sections.slice(section, section + 2);
    if (from === end) return null;
    const first = blocks.blockOf(from);
    const block = blocks.search(path, { low: first, high: blocks.blockOf(end - 1) + 1 });
    return block < first ? null : blocks.find(path, block);
  }
}
