// The files of a transfer that are registered and not yet in place, by entry: as many as its manifest
// names, for none is put in place before that is closed (I1). Kept as columns, some hundred bytes and
// the path for each (I8); a file as an object is a view, alive as long as somebody uses it.

import type { Stamp } from "../wire/messages.ts";
import type { OpenFile } from "./chunk_journal.ts";

/** Files whose columns are made, and given up, together. */
const PAGE_BITS = 9;
const PAGE_FILES = 1 << PAGE_BITS;

const OPEN = 1;
const STRAY = 2;
const STALE = 4;

/** What a number is kept as that may be null. */
const NONE = NaN;

class Page {
  /** Files in it that are open. */
  open = 0;
  readonly flags = new Uint8Array(PAGE_FILES);
  readonly modes = new Uint32Array(PAGE_FILES);
  readonly sizes = new Float64Array(PAGE_FILES);
  readonly growths = new Float64Array(PAGE_FILES);
  readonly charges = new Float64Array(PAGE_FILES);
  readonly rows = new Float64Array(PAGE_FILES);
  readonly undurable = new Float64Array(PAGE_FILES);
  readonly mtimes = new BigInt64Array(PAGE_FILES);
  readonly stamps = new StampColumns();
  readonly paths: string[] = [];
  /** Finals and parts that do not follow from path and number. */
  readonly finals = new Map<number, string>();
  readonly parts = new Map<number, string>();
  readonly standing = new Map<number, Stamp>();
}

class StampColumns {
  readonly #sizes = new Float64Array(PAGE_FILES);
  readonly #ids = new BigUint64Array(2 * PAGE_FILES);
  readonly #times = new BigInt64Array(2 * PAGE_FILES);

  set(at: number, { device, inode, sizeBytes, mtimeNs, ctimeNs }: Stamp): void {
    this.#sizes[at] = sizeBytes;
    this.#ids[2 * at] = device;
    this.#ids[2 * at + 1] = inode;
    this.#times[2 * at] = mtimeNs;
    this.#times[2 * at + 1] = ctimeNs;
  }

  get(at: number): Stamp {
    return {
      device: this.#ids[2 * at]!,
      inode: this.#ids[2 * at + 1]!,
      sizeBytes: this.#sizes[at]!,
      mtimeNs: this.#times[2 * at]!,
      ctimeNs: this.#times[2 * at + 1]!,
    };
  }
}

export class RegisteredFiles {
  readonly #pages = new Map<number, Page>();
  readonly #partOf: (entry: number) => string;
  #size = 0;

  /** `partOf` names the part of a file that has none from before; it must always name the same. */
  constructor(partOf: (entry: number) => string) {
    this.#partOf = partOf;
  }

  get size(): number {
    return this.#size;
  }

  /** How many pages of columns are held for them. */
  get pages(): number {
    return this.#pages.size;
  }

  get(entry: number): OpenFile | undefined {
    const page = this.#pages.get(entry >>> PAGE_BITS);
    const at = entry & (PAGE_FILES - 1);
    if (page === undefined || (page.flags[at]! & OPEN) === 0) return undefined;
    return new View(entry, { page, partOf: this.#partOf });
  }

  /** Keeps what is said of a file; the object itself is not kept. */
  set(entry: number, file: OpenFile): void {
    const number = entry >>> PAGE_BITS;
    const page = this.#pages.get(number) ?? new Page();
    this.#pages.set(number, page);
    const at = entry & (PAGE_FILES - 1);
    if ((page.flags[at]! & OPEN) === 0) {
      page.open++;
      this.#size++;
    }
    page.flags[at] = OPEN | (file.isStray ? STRAY : 0) | (file.isStale ? STALE : 0);
    page.modes[at] = file.mode;
    page.sizes[at] = file.sizeBytes;
    page.growths[at] = file.growthBytes;
    page.charges[at] = file.chargedBytes;
    page.rows[at] = file.row ?? NONE;
    page.undurable[at] = file.undurable;
    page.mtimes[at] = file.mtimeNs;
    page.stamps.set(at, file.stamp);
    page.paths[at] = file.path;
    forget(page, at);
    if (file.final !== file.path) page.finals.set(at, file.final);
    if (file.part !== this.#partOf(entry)) page.parts.set(at, file.part);
    if (file.standing !== null) page.standing.set(at, file.standing);
  }

  delete(entry: number): boolean {
    const number = entry >>> PAGE_BITS;
    const page = this.#pages.get(number);
    const at = entry & (PAGE_FILES - 1);
    if (page === undefined || (page.flags[at]! & OPEN) === 0) return false;
    this.#size--;
    if (--page.open === 0) return this.#pages.delete(number);
    page.flags[at] = 0;
    page.paths[at] = "";
    forget(page, at);
    return true;
  }

  *values(): Generator<OpenFile> {
    for (const [number, { flags }] of this.#pages) {
      for (let at = 0; at < PAGE_FILES; at++) {
        if ((flags[at]! & OPEN) !== 0) yield this.get((number << PAGE_BITS) + at)!;
      }
    }
  }
}

function forget(page: Page, at: number): void {
  page.finals.delete(at);
  page.parts.delete(at);
  page.standing.delete(at);
}

/** One file, read from its columns; what may be changed is changed there. */
class View implements OpenFile {
  readonly #entry: number;
  readonly #at: number;
  readonly #page: Page;
  readonly #partOf: (entry: number) => string;

  constructor(
    entry: number,
    { page, partOf }: { readonly page: Page; readonly partOf: (entry: number) => string },
  ) {
    this.#entry = entry;
    this.#at = entry & (PAGE_FILES - 1);
    this.#page = page;
    this.#partOf = partOf;
  }

  get path(): string {
    return this.#page.paths[this.#at]!;
  }

  get final(): string {
    return this.#page.finals.get(this.#at) ?? this.path;
  }

  get sizeBytes(): number {
    return this.#page.sizes[this.#at]!;
  }

  get mode(): number {
    return this.#page.modes[this.#at]!;
  }

  get mtimeNs(): bigint {
    return this.#page.mtimes[this.#at]!;
  }

  get stamp(): Stamp {
    return this.#page.stamps.get(this.#at);
  }

  get part(): string {
    return this.#page.parts.get(this.#at) ?? this.#partOf(this.#entry);
  }

  get standing(): Stamp | null {
    return this.#page.standing.get(this.#at) ?? null;
  }

  get isStray(): boolean {
    return (this.#page.flags[this.#at]! & STRAY) !== 0;
  }

  get growthBytes(): number {
    return this.#page.growths[this.#at]!;
  }

  get chargedBytes(): number {
    return this.#page.charges[this.#at]!;
  }

  get row(): number | null {
    const row = this.#page.rows[this.#at]!;
    return Number.isNaN(row) ? null : row;
  }

  set row(row: number | null) {
    this.#page.rows[this.#at] = row ?? NONE;
  }

  get isStale(): boolean {
    return (this.#page.flags[this.#at]! & STALE) !== 0;
  }

  set isStale(isStale: boolean) {
    const flags = this.#page.flags[this.#at]! & ~STALE;
    this.#page.flags[this.#at] = flags | (isStale ? STALE : 0);
  }

  get undurable(): number {
    return this.#page.undurable[this.#at]!;
  }

  set undurable(undurable: number) {
    this.#page.undurable[this.#at] = undurable;
  }
}
