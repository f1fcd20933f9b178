// A number for each of so many things, in as little room as they need: none while all have the same, four
// bytes each while they are near the first, and eight else. What directories and links are kept in (I8), in slabs.

import type { Slabs } from "../base/slabs.ts";

/** The whole of what is kept: every value exactly, and how far it may lie from the first. */
export interface Kind<T extends number | bigint> {
  readonly zero: T;
  /** How far a value lies from another; null where four bytes do not hold it. */
  near(value: T, from: T): number | null;
  add(from: T, near: number): T;
  /** Over memory that is as large as that takes. */
  make(memory: ArrayBufferLike, atBytes: number, count: number): Cells<T>;
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
  make: (...memory) => new Float64Array(...memory),
};

/** Times, of 64 bits with a sign. */
export const TIMES: Kind<bigint> = {
  zero: 0n,
  near: (value, from) => nearOf(Number(value - from)),
  add: (from, near) => from + BigInt(near),
  make: (...memory) => new BigInt64Array(...memory),
};

const NEAR_BYTES = 4;
const FAR_BYTES = 8;

export class Column<T extends number | bigint> {
  readonly #count: number;
  readonly #kind: Kind<T>;
  readonly #slabs: Slabs;
  #first: T;
  #near: Int32Array | null = null;
  #far: Cells<T> | null = null;

  /** Of `count` things, each of which has the kind's zero until it is set. */
  constructor(kind: Kind<T>, { count, slabs }: { readonly count: number; readonly slabs: Slabs }) {
    this.#count = count;
    this.#kind = kind;
    this.#slabs = slabs;
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
        this.#near ??= this.#makeNear();
        this.#near[at] = near;
        return;
      }
      this.#widen();
    }
    this.#far![at] = value;
  }

  #makeNear(): Int32Array {
    const { buffer, byteOffset } = this.#slabs.take(NEAR_BYTES * this.#count);
    return new Int32Array(buffer, byteOffset, this.#count);
  }

  #widen(): void {
    const { buffer, byteOffset } = this.#slabs.take(FAR_BYTES * this.#count);
    const far = this.#kind.make(buffer, byteOffset, this.#count);
    for (let at = 0; at < this.#count; at++) far[at] = this.get(at);
    this.#far = far;
    this.#near = null;
  }
}

function nearOf(difference: number): number | null {
  return (difference | 0) === difference ? difference : null;
}
