// Files that came with the manifest and of which the store has not said yet what is there: most of a tree
// may stand as it should, and is never more than this. Kept in a few bytes each, apart from V8's heap: an
// object for each would live just long enough for its collector to move it twice. Which may come is not
// decided here.

import type { Stamp } from "../wire/messages.ts";

/** What is kept of one, beside what the root log knows. */
export interface AnnouncedFile {
  readonly sparse?: boolean | undefined;
  readonly stamp?: Stamp | undefined;
}

/** Few: who names one file among many directories has a page for each. */
const PAGE_BITS = 5;
const PAGE_FILES = 1 << PAGE_BITS;
const STAMP_BYTES = 40;

const OPEN = 1;
const SPARSE = 2;
const STAMPED = 4;

class Page {
  /** Files in it. */
  open = 0;
  readonly #flags = new Uint8Array(PAGE_FILES);
  /** Made with the first one. */
  #stamps: DataView | null = null;

  has(at: number): boolean {
    return (this.#flags[at]! & OPEN) !== 0;
  }

  put(at: number, { sparse, stamp }: AnnouncedFile): void {
    this.#flags[at] = OPEN | (sparse === true ? SPARSE : 0) |
      (stamp === undefined ? 0 : STAMPED);
    this.open++;
    if (stamp === undefined) return;
    const view = this.#stamps ??= new DataView(new ArrayBuffer(PAGE_FILES * STAMP_BYTES));
    const from = at * STAMP_BYTES;
    view.setBigUint64(from, stamp.device);
    view.setBigUint64(from + 8, stamp.inode);
    view.setFloat64(from + 16, stamp.sizeBytes);
    view.setBigInt64(from + 24, stamp.mtimeNs);
    view.setBigInt64(from + 32, stamp.ctimeNs);
  }

  get(at: number): AnnouncedFile {
    const flags = this.#flags[at]!;
    return {
      ...((flags & SPARSE) === 0 ? {} : { sparse: true }),
      ...((flags & STAMPED) === 0 ? {} : { stamp: this.#stamp(at * STAMP_BYTES) }),
    };
  }

  delete(at: number): void {
    this.#flags[at] = 0;
    this.open--;
  }

  #stamp(from: number): Stamp {
    const view = this.#stamps!;
    return {
      device: view.getBigUint64(from),
      inode: view.getBigUint64(from + 8),
      sizeBytes: view.getFloat64(from + 16),
      mtimeNs: view.getBigInt64(from + 24),
      ctimeNs: view.getBigInt64(from + 32),
    };
  }
}

export class AnnouncedFiles {
  /** A page goes with its last file: they are answered in the order in which they came. */
  readonly #pages = new Map<number, Page>();

  /** How many pages are held. */
  get pages(): number {
    return this.#pages.size;
  }

  add(index: number, file: AnnouncedFile): void {
    const number = index >>> PAGE_BITS;
    let page = this.#pages.get(number);
    if (page === undefined) this.#pages.set(number, page = new Page());
    page.put(index & (PAGE_FILES - 1), file);
  }

  /** Takes one out; null where it is none of them. */
  take(index: number): AnnouncedFile | null {
    const at = index & (PAGE_FILES - 1);
    const page = this.#pages.get(index >>> PAGE_BITS);
    if (page === undefined || !page.has(at)) return null;
    const file = page.get(at);
    this.delete(index);
    return file;
  }

  /** Forgets one; false where it is none of them. */
  delete(index: number): boolean {
    const at = index & (PAGE_FILES - 1);
    const number = index >>> PAGE_BITS;
    const page = this.#pages.get(number);
    if (page === undefined || !page.has(at)) return false;
    page.delete(at);
    if (page.open === 0) this.#pages.delete(number);
    return true;
  }
}
