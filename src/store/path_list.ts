// The paths of a manifest, kept small: in order, each as what differs from the one before. Answers
// whether a path is among them; asked in order it unpacks each block once. Refuses nothing, but says
// when it was not filled in ascending order, begun anew at most once, and cannot answer.

import { comparePaths, foldPath } from "../base/path.ts";

/** Paths in a block: few enough to unpack at once, many enough to share what they begin with. */
const BLOCK_PATHS = 128;
/** Two characters hold the length shared with the path before; they are ASCII and never the end. */
const SHARED_BITS = 6;
const SHARED_MAX = (1 << (2 * SHARED_BITS)) - 1;
const SHARED_FIRST = 0x40;
const SHARED_MASK = (1 << SHARED_BITS) - 1;
const END = "\0";

/** Sections a manifest has at most. */
const SECTIONS = 2;

export class PathList {
  /** The last one is being filled. */
  readonly #sections: Section[] = [new Section()];
  #isOrdered = true;
  /** Folded path to a spelling of it; made when it is first asked for. */
  #folded: Map<string, string> | null = null;

  /** False when a path came that is not behind the one before it, for a second time. */
  get isOrdered(): boolean {
    return this.#isOrdered;
  }

  add(path: string): void {
    if (path.includes(END)) this.#isOrdered = false;
    if (!this.#isOrdered || this.#sections.at(-1)?.add(path)) return;
    const section = new Section();
    section.add(path);
    this.#isOrdered = this.#sections.push(section) <= SECTIONS;
  }

  has(path: string): boolean {
    return this.#sections.some((section) => section.has(path));
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
    for (const section of this.#sections) yield* section;
  }
}

/** Paths in strictly ascending order. */
class Section {
  /** First path of each block, and the blocks: shared length and rest, again and again. */
  readonly #firsts: string[] = [];
  readonly #blocks: string[] = [];
  #open: string[] = [];
  #last: string | null = null;
  #unpacked: { readonly block: number; readonly paths: ReadonlySet<string> } | null = null;

  /** False when the path is not behind the last one, and not taken. */
  add(path: string): boolean {
    if (this.#last !== null && comparePaths(this.#last, path) >= 0) return false;
    this.#last = path;
    this.#open.push(path);
    if (this.#open.length === BLOCK_PATHS) this.#pack();
    return true;
  }

  has(path: string): boolean {
    if (this.#open.length > 0) this.#pack();
    const block = this.#blockOf(path);
    if (block < 0) return false;
    if (this.#unpacked?.block !== block) {
      this.#unpacked = { block, paths: new Set(this.#unpack(block)) };
    }
    return this.#unpacked.paths.has(path);
  }

  *[Symbol.iterator](): Generator<string> {
    if (this.#open.length > 0) this.#pack();
    for (let block = 0; block < this.#blocks.length; block++) yield* this.#unpack(block);
  }

  #pack(): void {
    const first = this.#open[0] ?? "";
    let before = first;
    const packed = this.#open.map((path) => {
      const shared = sharedLength(before, path);
      before = path;
      const digits = String.fromCharCode(
        SHARED_FIRST + (shared >>> SHARED_BITS),
        SHARED_FIRST + (shared & SHARED_MASK),
      );
      return digits + path.slice(shared);
    });
    this.#firsts.push(first);
    this.#blocks.push(packed.join(END));
    this.#open = [];
  }

  #unpack(block: number): string[] {
    let before = this.#firsts[block] ?? "";
    return (this.#blocks[block] ?? "").split(END).map((packed) => {
      const [high, low] = [
        packed.charCodeAt(0) - SHARED_FIRST,
        packed.charCodeAt(1) - SHARED_FIRST,
      ];
      const shared = (high << SHARED_BITS) | low;
      before = before.slice(0, shared) + packed.slice(2);
      return before;
    });
  }

  /** The last block whose first path is not behind this one; -1 for none. */
  #blockOf(path: string): number {
    let low = 0;
    let high = this.#firsts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (comparePaths(this.#firsts[middle] ?? "", path) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

function sharedLength(a: string, b: string): number {
  const most = Math.min(a.length, b.length, SHARED_MAX);
  let shared = 0;
  while (shared < most && a[shared] === b[shared]) shared++;
  return shared;
}
