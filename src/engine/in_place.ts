// Entries under their final names, and those that had to be changed for it: what a receipt counts, and
// what a user hears of with `-v`. Either end keeps one; an entry that fails after all counts no more.

import { RangeSet } from "../base/ranges.ts";
import type { EntryReport } from "./report.ts";
import type { RootLog } from "./root.ts";

/** What is in place, entries that failed left out. */
export interface InPlaceCounts {
  readonly files: number;
  readonly bytes: number;
  readonly changed: number;
}

export class InPlace {
  readonly #log: RootLog;
  readonly #tells: boolean;
  readonly #settled = new RangeSet();
  readonly #changed = new RangeSet();
  #filesDone = 0;
  #bytes = 0;
  /** Changed entries not told yet; and of the run that is being told, what is left. */
  readonly #news = new RangeSet();
  #run = { next: 0, end: 0 };
  /** Next entry to look at for what is unchanged; null while any may still be changed. */
  #cursor: number | null = null;

  constructor(log: RootLog, { tellEntries }: { readonly tellEntries: boolean }) {
    this.#log = log;
    this.#tells = tellEntries;
  }

  /** Files that are or were in place: never falls (I10). */
  get filesDone(): number {
    return this.#filesDone;
  }

  /** Entries that had to be changed, whatever became of them: never falls either. */
  get changed(): number {
    return this.#changed.size;
  }

  has(index: number): boolean {
    return this.#settled.has(index);
  }

  /** Entries are in place; false when some of them were before, or there are no such entries. */
  settle(first: number, count = 1): boolean {
    if (!grow(this.#settled, { first, count, limit: this.#log.length })) return false;
    for (let index = first; index < first + count; index++) {
      if (!this.#log.isFile(index)) continue;
      this.#filesDone++;
      this.#bytes += this.#log.sizeBytes(index);
    }
    return true;
  }

  /** Entries in place had to be changed; false when some were called so before, or are not there. */
  change(first: number, count = 1): boolean {
    const before = this.#settled.size;
    if (first + count > this.#log.length) return false;
    this.#settled.add(first, count);
    if (this.#settled.size !== before) return false;
    if (!grow(this.#changed, { first, count, limit: this.#log.length })) return false;
    if (this.#tells) this.#news.add(first, count);
    return true;
  }

  /** What it came to. */
  counts(failed: ReadonlySet<number>): InPlaceCounts {
    const counts = { files: this.#filesDone, bytes: this.#bytes, changed: this.#changed.size };
    for (const index of failed) {
      if (!this.#settled.has(index)) continue;
      if (this.#changed.has(index)) counts.changed--;
      if (!this.#log.isFile(index)) continue;
      counts.files--;
      counts.bytes -= this.#log.sizeBytes(index);
    }
    return counts;
  }

  /** Nothing is changed from here on: what is in place and was not, is told as unchanged. */
  end(): void {
    if (this.#tells) this.#cursor ??= 0;
  }

  /** The next entry to tell, or null; `failed` ones are told elsewhere. */
  poll(failed: ReadonlySet<number>): EntryReport | null {
    for (let index = this.#next(); index !== null; index = this.#next()) {
      if (failed.has(index)) continue;
      const result = this.#changed.has(index) ? "done" : "unchanged";
      return { ...this.#log.describe(index), result };
    }
    return null;
  }

  #next(): number | null {
    if (this.#run.next === this.#run.end) {
      const [[first, count] = [0, 0]] = this.#news.drain(1);
      this.#run = { next: first, end: first + count };
    }
    if (this.#run.next < this.#run.end) return this.#run.next++;
    if (this.#cursor === null) return null;
    while (this.#cursor < this.#log.length) {
      const index = this.#cursor++;
      if (this.#settled.has(index) && !this.#changed.has(index)) return index;
    }
    return null;
  }
}

/** Adds a range whose every number is below `limit` and new; false, with no telling what is in it. */
function grow(
  set: RangeSet,
  { first, count, limit }: { first: number; count: number; limit: number },
): boolean {
  if (first + count > limit) return false;
  const before = set.size;
  set.add(first, count);
  return set.size === before + count;
}
