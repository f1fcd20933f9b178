// The rows of `parts`, and through them those of `runs`: what is held of files that are not whole. A row
// that does not read as it was written, or with a name that no run of parts makes, is dropped: such a name
// must not become a path.

import { LIMITS } from "../base/limits.ts";
import type { Range } from "../base/ranges.ts";
import type { Statement } from "../runtime/database.ts";
import { isTrue, mergeRuns, packStamp, partOf, type PartRow, partSum } from "./journal_rows.ts";
import { isPartName } from "./part_paths.ts";
import { RunTable } from "./run_table.ts";
import type { ChunkRun, HeldChunks } from "./store.ts";

/** Sums of parts that are kept at hand. */
const MOST_SUMS = 4096;

export class PartTable {
  readonly #sql: (text: string) => Statement;
  readonly #runs: RunTable;
  readonly #readOnly: boolean;
  /** Sums of the latest parts, by row: the sums of their runs go on from them. */
  readonly #sums = new Map<number, number>();

  constructor(sql: (text: string) => Statement, { readOnly }: { readonly readOnly: boolean }) {
    this.#sql = sql;
    this.#runs = new RunTable(sql);
    this.#readOnly = readOnly;
  }

  /** The part held of one path of the manifest. */
  of(key: Uint8Array, path: string): PartRow | null {
    const row = this.#sql("SELECT * FROM parts WHERE key = ? AND path = ?").get(key, path);
    return row === undefined ? null : this.#genuine(row);
  }

  /** Drops every part of a transfer. */
  dropAll(key: Uint8Array): void {
    this.#sql("DELETE FROM runs WHERE part IN (SELECT id FROM parts WHERE key = ?)").run(key);
    this.#sql("DELETE FROM parts WHERE key = ?").run(key);
    this.#sums.clear();
  }

  /** What was done is undone: the sums are of rows as they are no more. */
  forgetSums(): void {
    this.#sums.clear();
  }

  add(key: Uint8Array, part: Omit<PartRow, "id">): number {
    const { path, name } = part;
    const stamp = packStamp(part.stamp);
    const size = BigInt(part.sizeBytes);
    const recordedNs = BigInt.asIntN(64, part.recordedNs);
    const sum = partSum({ key, path, name, size_bytes: size, stamp, recorded_ns: recordedNs });
    const result = this.#sql(
      "INSERT INTO parts (key, path, name, size_bytes, stamp, recorded_ns, sum) " +
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
    ).run(key, path, name, size, stamp, recordedNs, sum);
    const id = Number(result.lastInsertRowid);
    this.#keepSum(id, sum);
    return id;
  }

  drop(id: number): void {
    this.#runs.drop(id);
    this.#sql("DELETE FROM parts WHERE id = ?").run(id);
    this.#sums.delete(id);
  }

  /** A part is of another state of its source from now on: what is journalled of it stays. */
  restamp(id: number, { stamp, recordedNs }: Pick<PartRow, "stamp" | "recordedNs">): void {
    this.#change(id, { stamp: packStamp(stamp), recorded_ns: BigInt.asIntN(64, recordedNs) });
  }

  /** Changes columns of a part, and with them its sum and those of its runs. */
  #change(id: number, changes: Readonly<Record<string, Uint8Array | bigint>>): void {
    const before = this.#sql("SELECT * FROM parts WHERE id = ?").get(id);
    if (before === undefined) return;
    const sum = partSum({ ...before, ...changes });
    const columns = Object.keys(changes).map((column) => `${column} = ?`).join();
    this.#sql(`UPDATE parts SET ${columns}, sum = ? WHERE id = ?`)
      .run(...Object.values(changes), sum, id);
    this.#runs.resum({ id, sum: Number(before["sum"]) }, sum);
    this.#keepSum(id, sum);
  }

  /** A part has another size from now on, and nothing is journalled of it from chunk `cutAt` on. */
  resize(id: number, { sizeBytes, cutAt }: { sizeBytes: number; cutAt: number }): void {
    this.dropChunks(id, [[cutAt, LIMITS.chunksPerFile - cutAt]]);
    this.#change(id, { size_bytes: BigInt(sizeBytes) });
  }

  /** Takes chunks out of what is journalled of a part; answers how many of them it was. */
  dropChunks(part: number, ranges: readonly Range[]): number {
    return this.#runs.dropChunks({ id: part, sum: this.#sumOf(part) }, ranges);
  }

  addRun(part: number, run: ChunkRun): void {
    this.#runs.add({ id: part, sum: this.#sumOf(part) }, run);
  }

  /** Journalled chunks of a part, ascending, merged, later rows winning; none past `chunks`. */
  held(part: number, chunks: number): HeldChunks {
    return mergeRuns(this.#runs.of({ id: part, sum: this.#sumOf(part) }), chunks);
  }

  #genuine(row: Record<string, unknown>): PartRow | null {
    const id = Number(row["id"]);
    if (isPartName(String(row["name"])) && isTrue(row, partSum)) {
      this.#keepSum(id, Number(row["sum"]));
      return partOf(row);
    }
    if (!this.#readOnly) this.drop(id);
    return null;
  }

  #sumOf(part: number): number {
    const known = this.#sums.get(part);
    if (known !== undefined) return known;
    const sum = Number(this.#sql("SELECT sum FROM parts WHERE id = ?").get(part)?.["sum"] ?? 0);
    this.#keepSum(part, sum);
    return sum;
  }

  /** The oldest goes where there are too many: most parts are never asked of again (I8). */
  #keepSum(part: number, sum: number): void {
    this.#sums.set(part, sum);
    if (this.#sums.size <= MOST_SUMS) return;
    const [oldest = part] = this.#sums.keys();
    this.#sums.delete(oldest);
  }
}
