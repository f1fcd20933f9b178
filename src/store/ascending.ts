// Numbers that ascend, each found again by what place it came at: the entries of one kind among all of a
// manifest. In columns, four bytes each while they are near to each other (I8).

import type { Slabs } from "../base/slabs.ts";
import { Column, NUMBERS } from "./column.ts";

const PAGE_BITS = 9;
const PAGE_NUMBERS = 1 << PAGE_BITS;

export class Ascending {
  readonly #slabs: Slabs;
  readonly #pages: Column<number>[] = [];
  #length = 0;

  constructor(slabs: Slabs) {
    this.#slabs = slabs;
  }

  get length(): number {
    return this.#length;
  }

  /** What they take. */
  get heldBytes(): number {
    return this.#pages.reduce((sum, page) => sum + page.heldBytes, 0);
  }

  /** Greater than all before it. */
  add(number: number): void {
    const at = this.#length & (PAGE_NUMBERS - 1);
    if (at === 0) {
      this.#pages.push(new Column(NUMBERS, { count: PAGE_NUMBERS, slabs: this.#slabs }));
    }
    this.#pages.at(-1)!.set(at, number, at === 0);
    this.#length++;
  }

  /** The number that came after `place` others. */
  at(place: number): number {
    return this.#pages[place >>> PAGE_BITS]!.get(place & (PAGE_NUMBERS - 1));
  }

  /** How many came before a number; null when it is not among them. */
  find(number: number): number | null {
    let [low, high] = [0, this.#length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.at(middle) < number) low = middle + 1;
      else high = middle;
    }
    return low < this.#length && this.at(low) === number ? low : null;
  }
}
