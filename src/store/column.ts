// A number for each of so many things, in as little room as they need: none while all have the same, four
// bytes each while they are near the first, and eight else. What a page of files is kept in (I8).

/** The whole of what is kept: every value exactly, and how far it may lie from the first. */
export interface Kind<T extends number | bigint> {
  readonly zero: T;
  /** How far a value lies from another; null where four bytes do not hold it. */
  near(value: T, from: T): number | null;
  add(from: T, near: number): T;
  make(count: number): Cells<T>;
}

interface Cells<T> {
  [at: number]: T;
  readonly byteLength: number;
}

/** Numbers that are counted exactly. */
export const NUMBERS: Kind<number> = {
  zero: 0,
  near: (value, from) => nearOf(value - from),
  add: (from, near) => from + near,
  make: (count) => new Float64Array(count),
};

/** Times, of 64 bits with a sign. */
export const TIMES: Kind<bigint> = {
  zero: 0n,
  near: (value, from) => nearOf(Number(value - from)),
  add: (from, near) => from + BigInt(near),
  make: (count) => new BigInt64Array(count),
};

/** What file systems number things with: 64 bits without one. */
export const IDS: Kind<bigint> = { ...TIMES, make: (count) => new BigUint64Array(count) };

export class Column<T extends number | bigint> {
  readonly #count: number;
  readonly #kind: Kind<T>;
  #first: T;
  #near: Int32Array | null = null;
  #far: Cells<T> | null = null;

  /** Of `count` things, each of which has the kind's zero until it is set. */
  constructor(count: number, kind: Kind<T>) {
    this.#count = count;
    this.#kind = kind;
    this.#first = kind.zero;
  }

  /** What the values take. */
  get heldBytes(): number {
    return (this.#near ?? this.#far)?.byteLength ?? 0;
  }

  get(at: number): T {
    if (this.#far !== null) return this.#far[at]!;
    return this.#near === null ? this.#first : this.#kind.add(this.#first, this.#near[at]!);
  }

  /** `isFirst` says that of no other anything was set before. */
  set(at: number, value: T, isFirst = false): void {
    if (isFirst && this.heldBytes === 0) this.#first = value;
    if (this.#far === null) {
      if (this.#near === null && value === this.#first) return;
      const near = this.#kind.near(value, this.#first);
      if (near !== null) {
        this.#near ??= new Int32Array(this.#count);
        this.#near[at] = near;
        return;
      }
      this.#widen();
    }
    this.#far![at] = value;
  }

  #widen(): void {
    const far = this.#kind.make(this.#count);
    for (let at = 0; at < this.#count; at++) far[at] = this.get(at);
    this.#far = far;
    this.#near = null;
  }
}

function nearOf(difference: number): number | null {
  return (difference | 0) === difference ? difference : null;
}
