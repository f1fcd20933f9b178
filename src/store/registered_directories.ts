// The directories of a manifest, in its order: as many as it names, for all of them are finished last.
// Kept as columns, some twenty bytes for each (I8); a directory as an object is a view, alive as long as
// somebody uses it. One that is left out stays known: names may have come into it all the same.

import { Slabs } from "../base/slabs.ts";
import { Ascending } from "./ascending.ts";
import { Column, NUMBERS, TIMES } from "./column.ts";
import type { ModeAndTime } from "./disk.ts";
import type { DirectoryToPlace } from "./tree.ts";

/** One directory; what may be changed is changed where it is kept. */
export interface RegisteredDirectory extends DirectoryToPlace {
  readonly entry: number;
  /** What stood there before it was placed; null for nothing. */
  stood: ModeAndTime | null;
  /** There are new names in it, yet to be made durable. */
  isTouched: boolean;
}

/** Directories whose columns are made together. */
const PAGE_BITS = 9;
const PAGE_DIRECTORIES = 1 << PAGE_BITS;

const PLACED = 1;
const STOOD = 2;
const TOUCHED = 4;

class Page {
  readonly flags: Uint8Array;
  readonly modes: Column<number>;
  readonly mtimes: Column<bigint>;
  readonly stoodModes: Column<number>;
  readonly stoodMtimes: Column<bigint>;
  /** Of no directory anything is kept of what stood there. */
  hasStood = false;

  constructor(slabs: Slabs) {
    const numbers = () => new Column(NUMBERS, { count: PAGE_DIRECTORIES, slabs });
    const times = () => new Column(TIMES, { count: PAGE_DIRECTORIES, slabs });
    this.flags = slabs.take(PAGE_DIRECTORIES);
    [this.modes, this.stoodModes] = [numbers(), numbers()];
    [this.mtimes, this.stoodMtimes] = [times(), times()];
  }

  get heldBytes(): number {
    return [this.modes, this.mtimes, this.stoodModes, this.stoodMtimes]
      .reduce((sum, column) => sum + column.heldBytes, PAGE_DIRECTORIES);
  }
}

export class RegisteredDirectories {
  readonly #final: (entry: number) => string;
  readonly #pages: Page[] = [];
  readonly #slabs = new Slabs();
  readonly #entries = new Ascending(this.#slabs);

  /** `final` says where an entry goes, always the same. */
  constructor(final: (entry: number) => string) {
    this.#final = final;
  }

  /** What they take. */
  get heldBytes(): number {
    return this.#pages.reduce((sum, page) => sum + page.heldBytes, this.#entries.heldBytes);
  }

  /** Entries come in ascending order. */
  add(entry: number, { mode, mtimeNs }: Pick<DirectoryToPlace, "mode" | "mtimeNs">): void {
    const at = this.#entries.length & (PAGE_DIRECTORIES - 1);
    if (at === 0) this.#pages.push(new Page(this.#slabs));
    const page = this.#pages.at(-1)!;
    page.flags[at] = PLACED;
    page.modes.set(at, mode, at === 0);
    page.mtimes.set(at, mtimeNs, at === 0);
    this.#entries.add(entry);
  }

  /** The directory that an entry is, to be placed or not; null where it is none. */
  get(entry: number): RegisteredDirectory | null {
    return this.#get(entry);
  }

  /** It is not to be placed. */
  leaveOut(entry: number): void {
    this.#get(entry)?.leaveOut();
  }

  /** Those to be placed, each behind those above it. */
  *[Symbol.iterator](): Generator<RegisteredDirectory> {
    for (let number = 0; number < this.#entries.length; number++) {
      if (this.#has(number, PLACED)) yield this.#view(number);
    }
  }

  /** The same, each before those above it. */
  *deepestFirst(): Generator<RegisteredDirectory> {
    for (let number = this.#entries.length - 1; number >= 0; number--) {
      if (this.#has(number, PLACED)) yield this.#view(number);
    }
  }

  /** Those with new names in them, also what is not to be placed. */
  *touched(): Generator<RegisteredDirectory> {
    for (let number = 0; number < this.#entries.length; number++) {
      if (this.#has(number, TOUCHED)) yield this.#view(number);
    }
  }

  #get(entry: number): View | null {
    const number = this.#entries.find(entry);
    return number === null ? null : this.#view(number);
  }

  #has(number: number, flag: number): boolean {
    return (this.#page(number).flags[number & (PAGE_DIRECTORIES - 1)]! & flag) !== 0;
  }

  #page(number: number): Page {
    return this.#pages[number >>> PAGE_BITS]!;
  }

  #view(number: number): View {
    return new View(this.#page(number), {
      at: number & (PAGE_DIRECTORIES - 1),
      entry: this.#entries.at(number),
      final: this.#final,
    });
  }
}

/** One directory, read from its columns. */
class View implements RegisteredDirectory {
  readonly entry: number;
  readonly #page: Page;
  readonly #at: number;
  readonly #final: (entry: number) => string;

  constructor(
    page: Page,
    { at, entry, final }: {
      readonly at: number;
      readonly entry: number;
      readonly final: (entry: number) => string;
    },
  ) {
    this.#page = page;
    this.#at = at;
    this.entry = entry;
    this.#final = final;
  }

  get path(): string {
    return this.#final(this.entry);
  }

  get mode(): number {
    return this.#page.modes.get(this.#at);
  }

  get mtimeNs(): bigint {
    return this.#page.mtimes.get(this.#at);
  }

  get stood(): ModeAndTime | null {
    if ((this.#page.flags[this.#at]! & STOOD) === 0) return null;
    const { stoodModes, stoodMtimes } = this.#page;
    return { mode: BigInt(stoodModes.get(this.#at)), mtimeNs: stoodMtimes.get(this.#at) };
  }

  set stood(stood: ModeAndTime | null) {
    this.#flag(STOOD, stood !== null);
    if (stood === null) return;
    const page = this.#page;
    page.stoodModes.set(this.#at, Number(stood.mode), !page.hasStood);
    page.stoodMtimes.set(this.#at, stood.mtimeNs, !page.hasStood);
    page.hasStood = true;
  }

  get isTouched(): boolean {
    return (this.#page.flags[this.#at]! & TOUCHED) !== 0;
  }

  set isTouched(isTouched: boolean) {
    this.#flag(TOUCHED, isTouched);
  }

  leaveOut(): void {
    this.#flag(PLACED, false);
  }

  #flag(flag: number, isSet: boolean): void {
    const others = this.#page.flags[this.#at]! & ~flag;
    this.#page.flags[this.#at] = others | (isSet ? flag : 0);
  }
}
