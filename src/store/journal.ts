// What `state.db` remembers: parts with their verified chunks, and files we committed. A row about
// bytes is written only after the bytes are durable (I2); the callers keep that order.

import {
  type Database,
  inTransaction,
  type Statement,
  synchronousOf,
} from "../runtime/database.ts";
import {
  bytesOf,
  type CommittedRow,
  DIGEST_BYTES,
  mergeRuns,
  packStamp,
  partOf,
  type PartRow,
  transferOf,
  type TransferRow,
  unpackStamp,
} from "./journal_rows.ts";
import { isPartName } from "./parts.ts";
import type { ChunkRun, Resumable } from "./store.ts";

/** What a dry run asks the journal. */
export type JournalReader = Pick<
  Journal,
  "transfer" | "part" | "parts" | "holds" | "holdsAny" | "runs" | "committed"
>;

/** What is left of an interrupted transfer; whether it is running is for locks to say. */
export type Interrupted = Omit<Resumable, "running">;

export class Journal {
  readonly #database: Database;
  readonly #statements = new Map<string, Statement>();
  readonly #readOnly: boolean;

  constructor(database: Database, options: { readonly readOnly?: boolean } = {}) {
    this.#database = database;
    this.#readOnly = options.readOnly ?? false;
  }

  transaction<T>(body: () => T): T {
    return inTransaction(this.#database, body);
  }

  /** A transaction that a power loss cannot take back, whatever the journal mode. */
  durably(body: () => void): void {
    this.#database.exec("PRAGMA synchronous = FULL");
    try {
      inTransaction(this.#database, body);
    } finally {
      this.#database.exec(`PRAGMA synchronous = ${synchronousOf(this.#database)}`);
    }
  }

  transfer(key: Uint8Array): TransferRow | null {
    const row = this.#sql("SELECT * FROM transfers WHERE key = ?").get(key);
    return row === undefined ? null : transferOf(row);
  }

  /** A row left by parts since dropped takes the new chunk size and keeps its beginning. */
  addTransfer(row: TransferRow): void {
    this.#sql(
      "INSERT INTO transfers VALUES (?, ?, ?, ?, ?, ?, ?, ?) " +
        "ON CONFLICT (key) DO UPDATE SET chunk_bytes = excluded.chunk_bytes, " +
        "touched_ns = excluded.touched_ns, frontier = excluded.frontier",
    ).run(
      row.key,
      row.destination,
      row.chunkBytes,
      row.startedNs,
      row.peer,
      JSON.stringify(row.given),
      row.touchedNs,
      row.frontier,
    );
  }

  /** Forgets a transfer and every part of it, but those under `keep` (entry paths). */
  forget(key: Uint8Array, keep: ReadonlySet<string>): void {
    for (const part of this.parts(key)) {
      if (!keep.has(part.path)) this.dropPart(part.id);
    }
    if (this.#sql("SELECT 1 FROM parts WHERE key = ? LIMIT 1").get(key) === undefined) {
      this.#sql("DELETE FROM transfers WHERE key = ?").run(key);
    }
  }

  /** The part held of one path of the manifest. */
  part(key: Uint8Array, path: string): PartRow | null {
    const row = this.#sql("SELECT * FROM parts WHERE key = ? AND path = ?").get(key, path);
    return row === undefined ? null : this.#genuine([partOf(row)])[0] ?? null;
  }

  /** Whether a part is held of a path of the manifest or, with `below`, of one below it. */
  holds(key: Uint8Array, path: string, { below }: { readonly below: boolean }): boolean {
    const one = "SELECT 1 FROM parts WHERE key = ? AND path = ? LIMIT 1";
    if (this.#sql(one).get(key, path) !== undefined) return true;
    const more = "SELECT 1 FROM parts WHERE key = ? AND path > ? AND path < ? LIMIT 1";
    // "0" is what follows "/" (SQLite compares text by its UTF-8 bytes).
    return below && this.#sql(more).get(key, `${path}/`, `${path}0`) !== undefined;
  }

  /** Whether any part is held. */
  holdsAny(key: Uint8Array): boolean {
    return this.#sql("SELECT 1 FROM parts WHERE key = ? LIMIT 1").get(key) !== undefined;
  }

  /** Rows with a name that no run of parts makes are dropped: such a name must not become a path. */
  parts(key: Uint8Array): PartRow[] {
    return this.#genuine(this.#sql("SELECT * FROM parts WHERE key = ?").all(key).map(partOf));
  }

  /** Names under `.sftpx/parts` of every journalled part, whoever's it is. */
  partNames(): Set<string> {
    const rows = this.#sql("SELECT * FROM parts").all().map(partOf);
    return new Set(this.#genuine(rows).map((row) => row.name));
  }

  #genuine(rows: readonly PartRow[]): PartRow[] {
    return rows.filter((row) => {
      if (isPartName(row.name)) return true;
      if (!this.#readOnly) this.dropPart(row.id);
      return false;
    });
  }

  addPart(key: Uint8Array, part: Omit<PartRow, "id">): number {
    const result = this.#sql(
      "INSERT INTO parts (key, path, name, size_bytes, stamp, recorded_ns) " +
        "VALUES (?, ?, ?, ?, ?, ?)",
    ).run(
      key,
      part.path,
      part.name,
      BigInt(part.sizeBytes),
      packStamp(part.stamp),
      BigInt.asIntN(64, part.recordedNs),
    );
    return Number(result.lastInsertRowid);
  }

  dropPart(id: number): void {
    this.#sql("DELETE FROM runs WHERE part = ?").run(id);
    this.#sql("DELETE FROM parts WHERE id = ?").run(id);
  }

  addRun(part: number, run: ChunkRun): void {
    this.#sql("INSERT INTO runs (part, first, digests) VALUES (?, ?, ?)")
      .run(part, run.first, run.digests);
  }

  /** Journalled chunks of a part, ascending, merged, later rows winning; none past `chunks`. */
  runs(part: number, chunks: number): ChunkRun[] {
    const rows = this.#sql("SELECT first, digests FROM runs WHERE part = ? ORDER BY id").all(part);
    return mergeRuns(
      rows.map((row) => ({ first: Number(row["first"]), digests: bytesOf(row["digests"]) })),
      chunks,
    );
  }

  committed(path: string): CommittedRow | null {
    const row = this.#sql("SELECT * FROM committed WHERE path = ?").get(path);
    if (row === undefined) return null;
    return {
      path,
      digest: bytesOf(row["digest"]),
      chunkBytes: Number(row["chunk_bytes"]),
      mtimeNs: BigInt(row["mtime_ns"] as bigint),
      stamp: unpackStamp(bytesOf(row["stamp"])),
    };
  }

  addCommitted(row: CommittedRow): void {
    this.#sql("INSERT OR REPLACE INTO committed VALUES (?, ?, ?, ?, ?)").run(
      row.path,
      row.digest,
      row.chunkBytes,
      BigInt.asIntN(64, row.mtimeNs),
      packStamp(row.stamp),
    );
  }

  /** What stood there is gone; a row about it would only take room. */
  dropCommitted(path: string): void {
    this.#sql("DELETE FROM committed WHERE path = ?").run(path);
  }

  /** Whether any chunk is journalled. */
  get hasResumable(): boolean {
    return this.#sql(
      "SELECT 1 FROM transfers t JOIN parts p ON p.key = t.key " +
        "JOIN runs r ON r.part = p.id LIMIT 1",
    ).get() !== undefined;
  }

  /** Transfers with journalled chunks, oldest first. */
  interrupted(): Interrupted[] {
    const transfers = this.#sql("SELECT * FROM transfers ORDER BY started_ns").all().map(
      transferOf,
    );
    return transfers.flatMap((transfer) => {
      const parts = this.parts(transfer.key).flatMap((part) => {
        const heldBytes = this.#heldBytes(part, transfer.chunkBytes);
        return heldBytes === null ? [] : [{ heldBytes, totalBytes: part.sizeBytes }];
      });
      if (parts.length === 0) return [];
      const { chunkBytes: _, ...told } = transfer;
      return [{
        ...told,
        files: parts.length,
        heldBytes: parts.reduce((sum, part) => sum + part.heldBytes, 0),
        totalBytes: parts.reduce((sum, part) => sum + part.totalBytes, 0),
      }];
    });
  }

  /** Bytes of the chunks journalled of a part, without reading a digest; null for no row at all. */
  #heldBytes(part: PartRow, chunkBytes: number): number | null {
    const rows = this.#sql(
      "SELECT first, length(digests) AS bytes FROM runs WHERE part = ? ORDER BY first",
    ).all(part.id);
    if (rows.length === 0) return null;
    let held = 0;
    let reached = 0;
    for (const row of rows) {
      const first = Math.max(Number(row["first"]), reached);
      const end = Number(row["first"]) + Math.floor(Number(row["bytes"]) / DIGEST_BYTES);
      const from = Math.min(first * chunkBytes, part.sizeBytes);
      held += Math.max(Math.min(end * chunkBytes, part.sizeBytes) - from, 0);
      reached = Math.max(end, reached);
    }
    return held;
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #sql(text: string): Statement {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.#database.prepare(text);
      // Nanoseconds do not fit into a number.
      statement.setReadBigInts(true);
      this.#statements.set(text, statement);
    }
    return statement;
  }
}
