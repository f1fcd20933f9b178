// The rows of `committed`: files that we put in place, as they were then. A row that does not read as it
// was written counts as none; one that is lost costs a re-hash.

import type { Statement } from "../runtime/database.ts";
import type { AccountTable } from "./account_table.ts";
import { CommittedAhead } from "./committed_ahead.ts";
import {
  COMMITTED_COLUMNS,
  committedOf,
  type CommittedRow,
  committedSum,
  packStamp,
} from "./journal_rows.ts";

/** Who made a record, and who is charged for it. */
export interface RecordMaker {
  /** Key of the transfer that put the file in place. */
  readonly by?: Uint8Array | null;
  /** Absent for what was kept as it stood: whoever was charged for it stays so. */
  readonly account?: Uint8Array | null;
}

const NOBODY: RecordMaker = {};
const ADD = "INSERT OR REPLACE INTO committed VALUES (?, ?, ?, ?, ?, ?, " +
  "(SELECT attempt FROM transfers WHERE key = ?), ?, ?)";

export class CommittedTable {
  readonly #sql: (text: string) => Statement;
  readonly #accounts: AccountTable;
  readonly #ahead: CommittedAhead;

  constructor(sql: (text: string) => Statement, accounts: AccountTable) {
    this.#sql = sql;
    this.#accounts = accounts;
    // Asked of every file of a tree: columns that are not looked at cost a third of it.
    const rows = `SELECT ${COMMITTED_COLUMNS} FROM committed WHERE path >= ? ORDER BY path LIMIT ?`;
    this.#ahead = new CommittedAhead((from, most) => this.#sql(rows).all(from, most));
  }

  get isEmpty(): boolean {
    return this.#sql("SELECT 1 FROM committed LIMIT 1").get() === undefined;
  }

  of(path: string): CommittedRow | null {
    const row = this.#ahead.row(path);
    return row === undefined ? null : committedOf(row);
  }

  /** What was read is no more to be relied on: something was written, or taken back. */
  forgetRead(): void {
    this.#ahead.forget();
  }

  /** Whether a record was made by a transfer of this key that is not finished yet. */
  isOwn(path: string, key: Uint8Array): boolean {
    const own = "SELECT 1 FROM committed c JOIN transfers t ON t.attempt = c.attempt " +
      "WHERE c.path = ? AND t.key = ?";
    return this.#sql(own).get(path, key) !== undefined;
  }

  add(row: CommittedRow, { by = null, account }: RecordMaker = NOBODY): void {
    this.forgetRead();
    const { path, digest, chunkBytes } = row;
    const charged = account === undefined ? this.#accounts.of(path) : account;
    const stamp = packStamp(row.stamp);
    const mtimeNs = BigInt.asIntN(64, row.mtimeNs);
    const values = { path, digest, chunk_bytes: BigInt(chunkBytes), mtime_ns: mtimeNs, stamp };
    this.#sql(ADD).run(
      path,
      digest,
      chunkBytes,
      mtimeNs,
      stamp,
      committedSum(values),
      by,
      charged,
      BigInt(row.stamp.sizeBytes),
    );
  }

  /** What stood there is gone; a row about it would only take room. */
  drop(path: string): void {
    this.forgetRead();
    this.#sql("DELETE FROM committed WHERE path = ?").run(path);
  }
}
