// Where a transfer would go on if it broke off now: the first entry registered, in the order it was
// announced in, that has something left to be made durable. What failed is none of these. A hint only:
// it decides what a resume begins with, never what it comes to. Costs nothing an entry but a step once.

import { comparePaths } from "../base/path.ts";
import type { OpenFile } from "./chunk_journal.ts";

/** Files that are open. */
interface FilesByEntry {
  get(entry: number): Pick<OpenFile, "path" | "undurable"> | undefined;
}

export class Frontier {
  /** Where the attempt before stopped; null when this is the first. */
  readonly #from: string | null;
  readonly #files: FilesByEntry;
  /** No entry before this one awaits anything. */
  #at = 0;
  #end = 0;
  #last: string | null = null;
  /** An entry at or behind `from` was registered: what lay before it was announced, or will be last. */
  #isPastFrom: boolean;
  /** Entries that failed before they were registered. */
  readonly #leftOut = new Set<number>();

  /** `files` are those open, by entry; `from` is where the attempt before stopped. */
  constructor(files: FilesByEntry, from: string | null) {
    this.#files = files;
    this.#from = from;
    this.#isPastFrom = from === null;
  }

  /** The next entry was registered, whatever became of it. */
  add(path: string): void {
    this.#end++;
    this.#last = path;
    this.#isPastFrom ||= this.#from !== null && comparePaths(path, this.#from) >= 0;
  }

  /** Entries that failed, or stand as they are to be: a resume need not begin with them. */
  leaveOut(entries: readonly number[]): void {
    for (const entry of entries) {
      const file = this.#files.get(entry);
      if (file !== undefined) file.undurable = 0;
      else if (entry >= this.#end) this.#leftOut.add(entry);
    }
  }

  /** An entry has something left to do again. */
  reopen(entry: number): void {
    this.#at = Math.min(this.#at, entry);
  }

  /** Path of the manifest at which a resume is to begin; null while nothing is registered. */
  get path(): string | null {
    for (; this.#at < this.#end; this.#at++) {
      const file = this.#files.get(this.#at);
      const awaits = file !== undefined && file.undurable > 0;
      if (awaits && !this.#leftOut.delete(this.#at)) return file.path;
    }
    // A sender that does not begin at `from` has not reached what the attempt before had not.
    return this.#isPastFrom ? this.#last : this.#from;
  }
}
