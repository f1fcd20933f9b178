// The rows of `transfers`: what broke off, or goes on, and when something of it was last made durable.
// Much of a row is a peer's making, so what goes on changes its short columns only.

import type { Statement } from "../runtime/database.ts";
import { bytesOf, type TransferRow, transferSum } from "./journal_rows.ts";

export class TransferTable {
  readonly #sql: (text: string) => Statement;

  constructor(sql: (text: string) => Statement) {
    this.#sql = sql;
  }

  /** A row left by parts since dropped takes the new chunk size and keeps its beginning. */
  add(row: TransferRow, account: Uint8Array | null = null): void {
    const given = JSON.stringify(row.given);
    const { key, destination, peer, startedNs, touchedNs, frontier, moreGiven = 0 } = row;
    const sum = transferSum({ key, destination, chunk_bytes: BigInt(row.chunkBytes), peer, given });
    this.#sql(
      "INSERT INTO transfers VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, random(), ?) " +
        "ON CONFLICT (key) DO UPDATE SET destination = excluded.destination, " +
        "chunk_bytes = excluded.chunk_bytes, peer = excluded.peer, given = excluded.given, " +
        "more_given = excluded.more_given, touched_ns = excluded.touched_ns, " +
        "frontier = excluded.frontier, sum = excluded.sum, account = excluded.account",
    ).run(
      key,
      destination,
      row.chunkBytes,
      startedNs,
      peer,
      given,
      moreGiven,
      touchedNs,
      frontier,
      sum,
      account,
    );
  }

  /** Sets what changes of a transfer while it goes on; false when there is no row of it. */
  touch(
    key: Uint8Array,
    { touchedNs, frontier }: Pick<TransferRow, "touchedNs" | "frontier">,
  ): boolean {
    const { changes } = this.#sql("UPDATE transfers SET touched_ns = ?, frontier = ? WHERE key = ?")
      .run(touchedNs, frontier, key);
    return changes > 0;
  }

  /** Keys of transfers that were last journalled before a moment, oldest first; null for all. */
  keysBefore(beforeNs: bigint | null, most = -1): Uint8Array[] {
    const rows = beforeNs === null
      ? this.#sql("SELECT key FROM transfers ORDER BY touched_ns LIMIT ?").all(most)
      : this.#sql("SELECT key FROM transfers WHERE touched_ns < ? ORDER BY touched_ns LIMIT ?")
        .all(beforeNs, most);
    return rows.map((row) => bytesOf(row["key"]));
  }

  /** Keys of a peer's transfers but the newest ones, so many of them, and one. */
  keysBeyond(
    newest: number,
    { peer, except }: { readonly peer: Uint8Array; readonly except: Uint8Array },
  ): Uint8Array[] {
    return this.#sql(
      "SELECT key FROM transfers WHERE peer = ? AND key <> ? " +
        "ORDER BY touched_ns DESC LIMIT -1 OFFSET ?",
    ).all(peer, except, newest).map((row) => bytesOf(row["key"]));
  }
}
