// Who is charged for what, in the rows of `committed` and `transfers`: columns that decide nothing about
// bytes, so no sum covers them. An account is 32 bytes, of whoever holds a grant.

import type { Statement } from "../runtime/database.ts";
import { bytesOf } from "./journal_rows.ts";

export class AccountTable {
  readonly #sql: (text: string) => Statement;

  constructor(sql: (text: string) => Statement) {
    this.#sql = sql;
  }

  /** Who is charged for a file in place; null for nobody. */
  of(path: string): Uint8Array | null {
    const account = this.#sql("SELECT account FROM committed WHERE path = ?").get(path)
      ?.["account"];
    return account === undefined || account === null ? null : bytesOf(account);
  }

  /** Bytes of a file in place that an account is charged for; null where it is not. */
  chargedBytes(path: string, account: Uint8Array): number | null {
    const row = this.#sql("SELECT bytes FROM committed WHERE path = ? AND account = ?")
      .get(path, account);
    return row === undefined ? null : Number(row["bytes"]);
  }

  /** Paths that an account is charged for, ascending. */
  chargedPaths(
    account: Uint8Array,
    { after, most }: { readonly after: string; readonly most: number },
  ): string[] {
    return this.#sql(
      "SELECT path FROM committed WHERE account = ? AND path > ? ORDER BY path LIMIT ?",
    ).all(account, after, most).map((row) => String(row["path"]));
  }

  /** All that an account is charged for: in place, and held of its transfers. */
  usedBytes(account: Uint8Array): number {
    // As floating point: a planted row must not make the sum fail.
    const placed = this.#sql("SELECT total(bytes) AS n FROM committed WHERE account = ?");
    const held = this.#sql(
      "SELECT total(p.size_bytes) AS n FROM transfers t JOIN parts p ON p.key = t.key " +
        "WHERE t.account = ?",
    );
    return Number(placed.get(account)?.["n"]) + Number(held.get(account)?.["n"]);
  }

  /** Sizes of the parts that are held of a transfer. */
  heldBytes(key: Uint8Array): number {
    const sum = this.#sql("SELECT total(size_bytes) AS n FROM parts WHERE key = ?").get(key);
    return Number(sum?.["n"]);
  }

  /** Whoever goes on with a transfer is charged for what is held of it. */
  charge(key: Uint8Array, account: Uint8Array): void {
    this.#sql("UPDATE transfers SET account = ? WHERE key = ?").run(account, key);
  }

  /** Whether anybody is charged for anything in place. */
  get isUsed(): boolean {
    return this.#sql("SELECT 1 FROM committed WHERE account IS NOT NULL LIMIT 1").get() !==
      undefined;
  }
}
