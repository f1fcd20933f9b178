// The rows of `runs`: verified chunks of a part, a run of them each. A row that does not read as it was
// written is as none. Rows about the same chunk say the same of it, since each is true (I2): it is no
// matter which of them is written anew.

import type { Range } from "../base/ranges.ts";
import type { Statement } from "../runtime/database.ts";
import { DIGEST_BYTES } from "../wire/frame.ts";
import { cutRun, isTrue, runOf, runSum } from "./journal_rows.ts";
import type { ChunkRun } from "./store.ts";

/** A row of `parts`. The sums of its runs go on from its own: a run of another part is none of it. */
export interface PartKey {
  readonly id: number;
  readonly sum: number;
}

export class RunTable {
  readonly #sql: (text: string) => Statement;

  constructor(sql: (text: string) => Statement) {
    this.#sql = sql;
  }

  add({ id, sum }: PartKey, { first, digests }: ChunkRun): void {
    this.#sql("INSERT INTO runs (part, first, digests, sum) VALUES (?, ?, ?, ?)")
      .run(id, first, digests, runSum({ first: BigInt(first), digests }, sum));
  }

  /** The runs of a part as they were written, in this order. */
  of({ id, sum }: PartKey): ChunkRun[] {
    return this.#sql("SELECT first, digests, sum FROM runs WHERE part = ? ORDER BY id")
      .all(id)
      .filter((row) => isTrue(row, (values) => runSum(values, sum)))
      .flatMap((row) => runOf(row) ?? []);
  }

  /** The part has another sum from now on. */
  resum(before: PartKey, sum: number): void {
    const runs = this.of(before);
    this.drop(before.id);
    for (const run of runs) this.add({ ...before, sum }, run);
  }

  drop(id: number): void {
    this.#sql("DELETE FROM runs WHERE part = ?").run(id);
  }

  /** Takes chunks out; answers how many there were. */
  dropChunks(part: PartKey, ranges: readonly Range[]): number {
    const dropped = new Set<number>();
    for (const [first, count] of ranges) {
      const end = first + count;
      for (const row of this.#overlapping(part.id, first, end)) {
        this.#sql("DELETE FROM runs WHERE id = ?").run(Number(row["id"]));
        if (!isTrue(row, (values) => runSum(values, part.sum))) continue;
        const run = runOf(row);
        if (run === null) continue;
        const { within, rest } = cutRun(run, { first, end });
        for (const chunk of within) dropped.add(chunk);
        for (const run of rest) this.add(part, run);
      }
    }
    return dropped.size;
  }

  #overlapping(id: number, first: number, end: number): Record<string, unknown>[] {
    return this.#sql(
      "SELECT id, first, digests, sum FROM runs " +
        `WHERE part = ? AND first < ? AND first + length(digests) / ${DIGEST_BYTES} > ?`,
    ).all(id, end, first);
  }
}
