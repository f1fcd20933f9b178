// What is kept of registered files, one column for each thing, over memory that comes to be another block's.
// Every value as it is: what is far from the others takes no more room than what is near.

import type { Stamp } from "../wire/messages.ts";
import type { OpenFile } from "./chunk_journal.ts";

/** Files whose columns are one block, by number. */
export const BLOCK_BITS = 9;
export const BLOCK_FILES: number = 1 << BLOCK_BITS;
/** A stamp, in five columns. */
export const STAMP_BYTES: number = 5 * 8;
/** Bytes of a file: two stamps, five numbers, a time, a mode, its part and flags. */
export const COLUMNS_BYTES: number = 2 * STAMP_BYTES + 6 * 8 + 2 * 4 + 2 + 1;

const OPEN = 1;
const STRAY = 2;
const STALE = 4;
const STANDS = 8;

/** What a row's number is kept as where there is none. */
const NONE = -1;

/** Takes one column after the other out of memory that is aligned for numbers: the widest come first. */
export class ColumnsOf {
  readonly #buffer: ArrayBufferLike;
  readonly #count: number;
  #at: number;

  constructor({ buffer, byteOffset }: Uint8Array, count: number) {
    this.#buffer = buffer;
    this.#count = count;
    this.#at = byteOffset;
  }

  numbers(): Float64Array {
    return new Float64Array(this.#buffer, this.#take(8), this.#count);
  }

  times(): BigInt64Array {
    return new BigInt64Array(this.#buffer, this.#take(8), this.#count);
  }

  ids(): BigUint64Array {
    return new BigUint64Array(this.#buffer, this.#take(8), this.#count);
  }

  integers(): Uint32Array {
    return new Uint32Array(this.#buffer, this.#take(4), this.#count);
  }

  shorts(): Uint16Array {
    return new Uint16Array(this.#buffer, this.#take(2), this.#count);
  }

  /** So many bytes each. */
  bytes(each: number): Uint8Array {
    return new Uint8Array(this.#buffer, this.#take(each), each * this.#count);
  }

  #take(bytes: number): number {
    this.#at += bytes * this.#count;
    return this.#at - bytes * this.#count;
  }
}

/** Stamps, by number. */
export class StampColumns {
  readonly #devices: BigUint64Array;
  readonly #inodes: BigUint64Array;
  readonly #sizes: Float64Array;
  readonly #mtimes: BigInt64Array;
  readonly #ctimes: BigInt64Array;

  constructor(columns: ColumnsOf) {
    [this.#devices, this.#inodes] = [columns.ids(), columns.ids()];
    this.#sizes = columns.numbers();
    [this.#mtimes, this.#ctimes] = [columns.times(), columns.times()];
  }

  put(at: number, { device, inode, sizeBytes, mtimeNs, ctimeNs }: Stamp): void {
    this.#devices[at] = device;
    this.#inodes[at] = inode;
    this.#sizes[at] = sizeBytes;
    this.#mtimes[at] = mtimeNs;
    this.#ctimes[at] = ctimeNs;
  }

  get(at: number): Stamp {
    return {
      device: this.#devices[at]!,
      inode: this.#inodes[at]!,
      sizeBytes: this.#sizes[at]!,
      mtimeNs: this.#mtimes[at]!,
      ctimeNs: this.#ctimes[at]!,
    };
  }
}

/** The columns of so many files, each by its number among them. */
export class FileColumns {
  readonly stamps: StampColumns;
  readonly #standing: StampColumns;
  readonly mtimes: BigInt64Array;
  readonly sizes: Float64Array;
  readonly growths: Float64Array;
  readonly charges: Float64Array;
  readonly undurable: Float64Array;
  readonly #rows: Float64Array;
  readonly modes: Uint32Array;
  /** Which run has its part, and for which entry. */
  readonly runs: Uint16Array;
  readonly partEntries: Uint32Array;
  readonly #flags: Uint8Array;

  constructor(memory: Uint8Array, count: number) {
    const columns = new ColumnsOf(memory, count);
    [this.stamps, this.#standing] = [new StampColumns(columns), new StampColumns(columns)];
    this.mtimes = columns.times();
    [this.sizes, this.growths, this.charges] = [
      columns.numbers(),
      columns.numbers(),
      columns.numbers(),
    ];
    [this.undurable, this.#rows] = [columns.numbers(), columns.numbers()];
    [this.modes, this.partEntries] = [columns.integers(), columns.integers()];
    this.runs = columns.shorts();
    this.#flags = columns.bytes(1);
  }

  /** None of them is open. */
  clear(): void {
    this.#flags.fill(0);
  }

  put(at: number, file: OpenFile): void {
    const { standing } = file;
    this.#flags[at] = OPEN | (file.isStray ? STRAY : 0) | (file.isStale ? STALE : 0) |
      (standing === null ? 0 : STANDS);
    this.sizes[at] = file.sizeBytes;
    this.growths[at] = file.growthBytes;
    this.charges[at] = file.chargedBytes;
    this.undurable[at] = file.undurable;
    this.mtimes[at] = file.mtimeNs;
    this.modes[at] = file.mode;
    this.setRow(at, file.row);
    this.stamps.put(at, file.stamp);
    if (standing !== null) this.#standing.put(at, standing);
  }

  isOpen(at: number): boolean {
    return this.#is(at, OPEN);
  }

  close(at: number): void {
    this.#flags[at] = 0;
  }

  isStray(at: number): boolean {
    return this.#is(at, STRAY);
  }

  isStale(at: number): boolean {
    return this.#is(at, STALE);
  }

  setStale(at: number, isStale: boolean): void {
    this.#flags[at] = (this.#flags[at]! & ~STALE) | (isStale ? STALE : 0);
  }

  /** Null where nothing stands. */
  standingAt(at: number): Stamp | null {
    return this.#is(at, STANDS) ? this.#standing.get(at) : null;
  }

  /** Null where there is none. */
  rowAt(at: number): number | null {
    const row = this.#rows[at]!;
    return row === NONE ? null : row;
  }

  setRow(at: number, row: number | null): void {
    this.#rows[at] = row ?? NONE;
  }

  #is(at: number, flag: number): boolean {
    return (this.#flags[at]! & flag) !== 0;
  }
}
