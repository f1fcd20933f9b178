// The files of a transfer that are registered and not yet in place, by entry: as many as its manifest
// names, for none is put in place before that is closed (I1). Kept as columns, some forty bytes for each
// (I8); a file as an object is a view, alive as long as somebody uses it.

import { Slabs } from "../base/slabs.ts";
import type { Stamp } from "../wire/messages.ts";
import type { OpenFile } from "./chunk_journal.ts";
import { Column, IDS, type Kind, NUMBERS, TIMES } from "./column.ts";

/** What follows from an entry's number, always the same. */
export interface RegisteredNames {
  /** Its path in the manifest. */
  path(entry: number): string;
  /** Where a path of the manifest goes. */
  final(path: string): string;
  /** The part of a file that has none from before. */
  part(entry: number): string;
}

/** Files whose columns are made, and given up, together. */
const PAGE_BITS = 9;
const PAGE_FILES = 1 << PAGE_BITS;

const OPEN = 1;
const STRAY = 2;
const STALE = 4;

/** What a row's number is kept as where there is none. */
const NONE = -1;

class Page {
  /** Files in it that are open. */
  open = 0;
  readonly flags: Uint8Array;
  readonly modes: Column<number>;
  readonly sizes: Column<number>;
  /** Beyond the size. */
  readonly growths: Column<number>;
  readonly charges: Column<number>;
  readonly rows: Column<number>;
  readonly undurable: Column<number>;
  readonly mtimes: Column<bigint>;
  /** Of stamps; their sizes and times are mostly those of the entries, so they are kept beyond these. */
  readonly stampSizes: Column<number>;
  readonly stampMtimes: Column<bigint>;
  readonly ctimes: Column<bigint>;
  readonly devices: Column<bigint>;
  readonly inodes: Column<bigint>;
  /** Names that do not follow from the number. */
  readonly paths = new Map<number, string>();
  readonly finals = new Map<number, string>();
  readonly parts = new Map<number, string>();
  readonly standing = new Map<number, Stamp>();

  constructor(slabs: Slabs) {
    const of = <T extends number | bigint>(kind: Kind<T>) =>
      new Column(kind, { count: PAGE_FILES, slabs });
    this.flags = slabs.take(PAGE_FILES);
    [this.modes, this.sizes, this.growths] = [of(NUMBERS), of(NUMBERS), of(NUMBERS)];
    [this.charges, this.rows, this.undurable] = [of(NUMBERS), of(NUMBERS), of(NUMBERS)];
    [this.stampSizes, this.mtimes, this.stampMtimes] = [of(NUMBERS), of(TIMES), of(TIMES)];
    [this.ctimes, this.devices, this.inodes] = [of(TIMES), of(IDS), of(IDS)];
  }

  get heldBytes(): number {
    const { modes, sizes, growths, charges, rows, undurable, mtimes } = this;
    const { stampSizes, stampMtimes, ctimes, devices, inodes } = this;
    const entries = [modes, sizes, growths, charges, rows, undurable, mtimes];
    const stamps = [stampSizes, stampMtimes, ctimes, devices, inodes];
    return [...entries, ...stamps].reduce((sum, column) => sum + column.heldBytes, PAGE_FILES);
  }

  put(at: number, file: OpenFile, isFirst: boolean): void {
    const { sizeBytes, mtimeNs, stamp } = file;
    this.flags[at] = OPEN | (file.isStray ? STRAY : 0) | (file.isStale ? STALE : 0);
    this.modes.set(at, file.mode, isFirst);
    this.sizes.set(at, sizeBytes, isFirst);
    this.growths.set(at, file.growthBytes - sizeBytes, isFirst);
    this.charges.set(at, file.chargedBytes, isFirst);
    this.rows.set(at, file.row ?? NONE, isFirst);
    this.undurable.set(at, file.undurable, isFirst);
    this.mtimes.set(at, mtimeNs, isFirst);
    this.stampSizes.set(at, stamp.sizeBytes - sizeBytes, isFirst);
    this.stampMtimes.set(at, BigInt.asIntN(64, stamp.mtimeNs - mtimeNs), isFirst);
    this.ctimes.set(at, stamp.ctimeNs, isFirst);
    this.devices.set(at, stamp.device, isFirst);
    this.inodes.set(at, stamp.inode, isFirst);
  }

  stamp(at: number): Stamp {
    return {
      device: this.devices.get(at),
      inode: this.inodes.get(at),
      sizeBytes: this.sizes.get(at) + this.stampSizes.get(at),
      mtimeNs: BigInt.asIntN(64, this.mtimes.get(at) + this.stampMtimes.get(at)),
      ctimeNs: this.ctimes.get(at),
    };
  }

  forget(at: number): void {
    for (const names of [this.paths, this.finals, this.parts, this.standing]) names.delete(at);
  }
}

export class RegisteredFiles {
  readonly #pages = new Map<number, Page>();
  readonly #names: RegisteredNames;
  /** A page goes with its last file, and a slab with its last page: files end about as they began. */
  readonly #slabs = new Slabs();
  #size = 0;

  constructor(names: RegisteredNames) {
    this.#names = names;
  }

  get size(): number {
    return this.#size;
  }

  /** How many pages of columns are held for them. */
  get pages(): number {
    return this.#pages.size;
  }

  /** What they take. */
  get heldBytes(): number {
    return this.#pages.values().reduce((sum, page) => sum + page.heldBytes, 0);
  }

  get(entry: number): OpenFile | undefined {
    const page = this.#pages.get(entry >>> PAGE_BITS);
    const at = entry & (PAGE_FILES - 1);
    if (page === undefined || (page.flags[at]! & OPEN) === 0) return undefined;
    return new View(entry, { page, names: this.#names });
  }

  /** Keeps what is said of a file; the object itself is not kept. */
  set(entry: number, file: OpenFile): void {
    const number = entry >>> PAGE_BITS;
    const page = this.#pages.get(number) ?? new Page(this.#slabs);
    this.#pages.set(number, page);
    const at = entry & (PAGE_FILES - 1);
    const isFirst = page.open === 0;
    if ((page.flags[at]! & OPEN) === 0) {
      page.open++;
      this.#size++;
    }
    page.put(at, file, isFirst);
    page.forget(at);
    const path = this.#names.path(entry);
    if (file.path !== path) page.paths.set(at, file.path);
    if (file.final !== this.#names.final(file.path)) page.finals.set(at, file.final);
    if (file.part !== this.#names.part(entry)) page.parts.set(at, file.part);
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
    page.forget(at);
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

/** One file, read from its columns; what may be changed is changed there. */
class View implements OpenFile {
  readonly #entry: number;
  readonly #at: number;
  readonly #page: Page;
  readonly #names: RegisteredNames;

  constructor(
    entry: number,
    { page, names }: { readonly page: Page; readonly names: RegisteredNames },
  ) {
    this.#entry = entry;
    this.#at = entry & (PAGE_FILES - 1);
    this.#page = page;
    this.#names = names;
  }

  get path(): string {
    return this.#page.paths.get(this.#at) ?? this.#names.path(this.#entry);
  }

  get final(): string {
    return this.#page.finals.get(this.#at) ?? this.#names.final(this.path);
  }

  get sizeBytes(): number {
    return this.#page.sizes.get(this.#at);
  }

  get mode(): number {
    return this.#page.modes.get(this.#at);
  }

  get mtimeNs(): bigint {
    return this.#page.mtimes.get(this.#at);
  }

  get stamp(): Stamp {
    return this.#page.stamp(this.#at);
  }

  get part(): string {
    return this.#page.parts.get(this.#at) ?? this.#names.part(this.#entry);
  }

  get standing(): Stamp | null {
    return this.#page.standing.get(this.#at) ?? null;
  }

  get isStray(): boolean {
    return (this.#page.flags[this.#at]! & STRAY) !== 0;
  }

  get growthBytes(): number {
    return this.sizeBytes + this.#page.growths.get(this.#at);
  }

  get chargedBytes(): number {
    return this.#page.charges.get(this.#at);
  }

  get row(): number | null {
    const row = this.#page.rows.get(this.#at);
    return row === NONE ? null : row;
  }

  set row(row: number | null) {
    this.#page.rows.set(this.#at, row ?? NONE);
  }

  get isStale(): boolean {
    return (this.#page.flags[this.#at]! & STALE) !== 0;
  }

  set isStale(isStale: boolean) {
    const flags = this.#page.flags[this.#at]! & ~STALE;
    this.#page.flags[this.#at] = flags | (isStale ? STALE : 0);
  }

  get undurable(): number {
    return this.#page.undurable.get(this.#at);
  }

  set undurable(undurable: number) {
    this.#page.undurable.set(this.#at, undurable);
  }
}
