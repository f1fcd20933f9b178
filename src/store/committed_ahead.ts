// Rows of `committed` read ahead of who asks for them: a manifest names its files in the order of the
// table, so that one query answers for many of them. Where that is not so, it reads one row at a time.
// Holds no more than a page (I8), and nothing that was read before the table was written to.

import { comparePaths } from "../base/path.ts";

/** A row with its path, as the table has it. */
export type AheadRow = Record<string, unknown>;

/** Rows from a path on, in the table's order; at most so many. */
type ReadRows = (from: string, most: number) => readonly AheadRow[];

/** What the costs of a query are spread over; more made no difference. */
const MOST_ROWS = 64;

export class CommittedAhead {
  readonly #read: ReadRows;
  #rows: readonly AheadRow[] = [];
  /** The first row that was not passed yet, and the path that was asked for last. */
  #at = 0;
  #asked: string | null = null;
  /** The table has no row behind these. */
  #isLast = false;
  /** How many were asked for at once, and how many of them were wanted. */
  #most = 1;
  #wanted = 0;

  constructor(read: ReadRows) {
    this.#read = read;
  }

  /** The row of a path, or undefined. */
  row(path: string): AheadRow | undefined {
    // Mostly it is the very next one.
    if (this.#asked !== null && this.#rows[this.#at + 1]?.["path"] === path) this.#at++;
    else if (!this.#covers(path)) this.#load(path);
    this.#asked = path;
    const row = this.#rows[this.#at];
    if (row?.["path"] !== path) return undefined;
    this.#wanted++;
    return row;
  }

  /** The table is another from now on. */
  forget(): void {
    this.#rows = [];
    this.#asked = null;
  }

  /** Passes what lies before a path; false where these rows do not say whether it has one. */
  #covers(path: string): boolean {
    if (this.#asked === null || comparePaths(path, this.#asked) < 0) return false;
    for (; this.#at < this.#rows.length; this.#at++) {
      if (comparePaths(String(this.#rows[this.#at]!["path"]), path) >= 0) return true;
    }
    return this.#isLast;
  }

  #load(path: string): void {
    const isWorthIt = this.#wanted * 2 > this.#rows.length;
    this.#most = isWorthIt ? Math.min(2 * this.#most, MOST_ROWS) : 1;
    this.#rows = this.#read(path, this.#most);
    this.#isLast = this.#rows.length < this.#most;
    [this.#at, this.#wanted] = [0, 0];
  }
}
