// What the windows of all TLS connections of a process may grow by, together (I8): peers whose readers
// stall make us hold no more than that, besides the first windows that everybody has. Of what there is,
// nobody has more than is left for the others.

import type { SpareBlocks } from "./held.ts";

/** Where the windows of one connection take what they grow by. */
export interface Windows {
  /** Memory of what all of them held. */
  readonly spare: SpareBlocks;
  /** Takes so much, all or nothing. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

export class WindowBudget implements Windows {
  /** Of all: many connections that each held a lot once keep no more for later than one. */
  readonly spare: SpareBlocks = [];
  #leftBytes: number;
  /** What is taken for each that shares it. */
  readonly #taken = new Map<string, number>();

  constructor(bytes: number) {
    this.#leftBytes = bytes;
  }

  get leftBytes(): number {
    return this.#leftBytes;
  }

  take(bytes: number): boolean {
    if (bytes > this.#leftBytes) return false;
    this.#leftBytes -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#leftBytes += bytes;
  }

  /**
   * The same for one of several, all of whose connections count together: it never has more than it
   * leaves. The first one gets half, and whoever keeps it leaves as much for the next.
   */
  shareOf(source: string): Windows {
    return {
      spare: this.spare,
      take: (bytes) => {
        const taken = (this.#taken.get(source) ?? 0) + bytes;
        if (taken > this.#leftBytes - bytes || !this.take(bytes)) return false;
        this.#taken.set(source, taken);
        return true;
      },
      give: (bytes) => {
        const taken = (this.#taken.get(source) ?? 0) - bytes;
        if (taken > 0) this.#taken.set(source, taken);
        else this.#taken.delete(source);
        this.give(bytes);
      },
    };
  }
}
