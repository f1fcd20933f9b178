// Paths by number, kept small: in blocks, each path as what differs from the one before. In no order that
// they must have; the more alike neighbours are, the less they take. Of the blocks some MiB stay in memory (I8).

import { decodeUtf8, encodeUtf8 } from "../base/bytes.ts";
import { comparePaths } from "../base/path.ts";
import { SpilledTexts, type Spilling } from "../base/spill.ts";

/** Paths in a block: few enough to unpack at once, many enough to share what they begin with. */
const BLOCK_PATHS = 128;
/** Two characters hold the length shared with the path before; they are ASCII and never the end. */
const SHARED_BITS = 6;
const SHARED_MAX = (1 << (2 * SHARED_BITS)) - 1;
const SHARED_FIRST = 0x40;
const SHARED_MASK = (1 << SHARED_BITS) - 1;
/** Blocks that stay unpacked: files on several lanes are asked for in turn. */
const MOST_UNPACKED = 8;

/** Between two paths; in none of them. */
export const END = "\0";

export class PathBlocks {
  /** Number of the first path of each block, and that path. */
  readonly #numbers: number[] = [];
  readonly #firsts: string[] = [];
  /** Shared length and rest, again and again; not of the last while it is being filled. */
  readonly #packed: SpilledTexts;
  #open: string[] = [];
  #length = 0;
  /** By block, the oldest first. */
  readonly #unpacked = new Map<number, readonly string[]>();

  constructor({ spill }: Spilling = {}) {
    this.#packed = new SpilledTexts({ spill });
  }

  /** How many paths there are. */
  get length(): number {
    return this.#length;
  }

  /** How many blocks there are. */
  get count(): number {
    return this.#numbers.length;
  }

  /** What the packed ones take in memory. */
  get heldBytes(): number {
    return this.#packed.heldBytes;
  }

  add(path: string): void {
    if (this.#open.length === BLOCK_PATHS) this.close();
    if (this.#open.length === 0) {
      this.#numbers.push(this.#length);
      this.#firsts.push(path);
    }
    this.#open.push(path);
    this.#length++;
  }

  /** What comes next begins a block. */
  close(): void {
    if (this.#open.length === 0) return;
    this.#packed.add(encodeUtf8(pack(this.#open)));
    this.#open = [];
  }

  path(number: number): string {
    const block = this.blockOf(number);
    const path = this.paths(block)[number - (this.#numbers[block] ?? 0)];
    if (path === undefined) throw new RangeError(`No path ${number}`);
    return path;
  }

  /** The paths of a block, not to be kept. */
  paths(block: number): readonly string[] {
    const known = this.#unpacked.get(block);
    if (known !== undefined) return known;
    if (block >= this.#packed.length) return this.#open;
    const packed = decodeUtf8(this.#packed.get(block));
    const paths = unpack(this.#firsts[block] ?? "", packed);
    this.#unpacked.set(block, paths);
    const [oldest = block] = this.#unpacked.keys();
    if (this.#unpacked.size > MOST_UNPACKED) this.#unpacked.delete(oldest);
    return paths;
  }

  /** The number of a path of this block, in which paths ascend; null when it is none of them. */
  find(path: string, block: number): number | null {
    const paths = this.paths(block);
    const isBehind = (at: number) => comparePaths(paths[at]!, path) > 0;
    const at = lastNot(isBehind, { low: 0, high: paths.length });
    return paths[at] === path ? (this.#numbers[block] ?? 0) + at : null;
  }

  /** The block that the path of this number is in. */
  blockOf(number: number): number {
    const isBehind = (block: number) => (this.#numbers[block] ?? 0) > number;
    return lastNot(isBehind, { low: 0, high: this.count });
  }

  /** Of blocks in ascending order, the last one whose first path is not behind this; `low - 1` for none. */
  search(path: string, among: { readonly low: number; readonly high: number }): number {
    return lastNot((block) => comparePaths(this.#firsts[block] ?? "", path) > 0, among);
  }
}

function lastNot(
  isBehind: (at: number) => boolean,
  { low, high }: { low: number; high: number },
): number {
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBehind(middle)) high = middle;
    else low = middle + 1;
  }
  return low - 1;
}

function pack(paths: readonly string[]): string {
  let before = paths[0] ?? "";
  return paths.map((path) => {
    const shared = sharedLength(before, path);
    before = path;
    const digits = String.fromCharCode(
      SHARED_FIRST + (shared >>> SHARED_BITS),
      SHARED_FIRST + (shared & SHARED_MASK),
    );
    return digits + path.slice(shared);
  }).join(END);
}

function unpack(first: string, packed: string): string[] {
  let before = first;
  return packed.split(END).map((one) => {
    const [high, low] = [one.charCodeAt(0) - SHARED_FIRST, one.charCodeAt(1) - SHARED_FIRST];
    const shared = (high << SHARED_BITS) | low;
    before = before.slice(0, shared) + one.slice(2);
    return before;
  });
}

/** Ends between characters: half of one would be lost where the rest is made UTF-8. */
function sharedLength(a: string, b: string): number {
  const most = Math.min(a.length, b.length, SHARED_MAX);
  let shared = 0;
  while (shared < most && a[shared] === b[shared]) shared++;
  const isInPair = shared > 0 && (a.charCodeAt(shared - 1) & 0xfc00) === 0xd800;
  return isInPair ? shared - 1 : shared;
}
