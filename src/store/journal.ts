// What `state.db` remembers: parts with their verified chunks, and files we committed. A row about
// bytes is written only after the bytes are durable (I2); the callers keep that order. A row that does
// not read as it was written counts as none.

import type { Range } from "../base/ranges.ts";
import {
  type Database,
  inTransaction,
  type Statement,
  synchronousOf,
} from "../runtime/database.ts";
import { type Interrupted, interruptedIn } from "./interrupted.ts";
import { type CommittedRow, isTrue, type PartRow } from "./journal_rows.ts";
import { type StrayRow, transferOf, type TransferRow, transferSum } from "./journal_rows.ts";
import { isPartName } from "./part_paths.ts";
import { PartTable } from "./part_table.ts";
import { AccountTable } from "./account_table.ts";
import { CommittedTable, type RecordMaker } from "./committed_table.ts";
import type { ChunkRun, HeldChunks } from "./store.ts";
import { TransferTable } from "./transfer_table.ts";

/** What a dry run asks the journal. */
export type JournalReader =
  & Pick<
    Journal,
    | "transfer"
    | "part"
    | "stray"
    | "holds"
    | "holdsAny"
    | "held"
    | "committed"
    | "isOwn"
  >
  & {
    readonly accounts: Pick<
      AccountTable,
      "chargedBytes" | "chargedPaths" | "usedBytes" | "heldBytes"
    >;
  };

/** Parts, and parts found again when the state was begun anew. */
type HeldTable = "parts" | "strays";

export class Journal {
  readonly #database: Database;
  readonly #statements = new Map<string, Statement>();
  readonly #readOnly: boolean;
  readonly transfers = new TransferTable((text) => this.#sql(text));
  /** Who is charged for what. */
  readonly accounts = new AccountTable((text) => this.#sql(text));
  readonly #parts: PartTable;
  readonly #committed = new CommittedTable((text) => this.#sql(text), this.accounts);

  constructor(database: Database, options: { readonly readOnly?: boolean } = {}) {
    this.#database = database;
    this.#readOnly = options.readOnly ?? false;
    this.#parts = new PartTable((text) => this.#sql(text), { readOnly: this.#readOnly });
  }

  transaction<T>(body: () => T): T {
    try {
      return inTransaction(this.#database, body);
    } catch (thrown) {
      this.#parts.forgetSums();
      this.#committed.forgetRead();
      throw thrown;
    }
  }

  /** A transaction that a power loss cannot take back, nor any before it, whatever the journal mode. */
  durably<T>(body: () => T): T {
    this.#database.exec("PRAGMA synchronous = FULL");
    try {
      return this.transaction(body);
    } finally {
      this.#database.exec(`PRAGMA synchronous = ${synchronousOf(this.#database)}`);
    }
  }

  /** As `durably`, into the database itself: a `-wal` that somebody removes cannot take it back either. */
  irrevocably(body: () => void): void {
    this.durably(body);
    this.#database.exec("PRAGMA wal_checkpoint(PASSIVE)");
  }

  transfer(key: Uint8Array): TransferRow | null {
    const row = this.#sql("SELECT * FROM transfers WHERE key = ?").get(key);
    if (row === undefined) return null;
    if (isTrue(row, transferSum)) return transferOf(row);
    // Its chunk size may be wrong, and with it whatever its parts are said to hold.
    if (!this.#readOnly) this.transaction(() => this.forget(key));
    return null;
  }

  /** Forgets a transfer and every part of it. */
  forget(key: Uint8Array): void {
    this.#parts.dropAll(key);
    this.#sql("DELETE FROM strays WHERE key = ?").run(key);
    this.forgetUnheld(key);
  }

  /** Rows of a transfer's parts, or of those found again, behind a path; by path. */
  heldAfter(
    key: Uint8Array,
    { table, after, most }: {
      readonly table: HeldTable;
      readonly after: string;
      readonly most: number;
    },
  ): { readonly path: string; readonly name: string }[] {
    const some = `SELECT path, name FROM ${table} WHERE key = ? AND path > ? ORDER BY path LIMIT ?`;
    return this.#sql(some).all(key, after, most)
      .map((row) => ({ path: String(row["path"]), name: String(row["name"]) }));
  }

  /** Drops one of these rows, and what is journalled of the part. */
  dropHeld(
    key: Uint8Array,
    { table, row }: { readonly table: HeldTable; readonly row: { readonly path: string } },
  ): void {
    if (table === "parts") {
      const found = this.#sql("SELECT id FROM parts WHERE key = ? AND path = ?").get(key, row.path);
      if (found !== undefined) this.dropPart(Number(found["id"]));
    } else {
      this.#sql("DELETE FROM strays WHERE key = ? AND path = ?").run(key, row.path);
    }
  }

  /** Forgets a transfer, unless something is held of it. */
  forgetUnheld(key: Uint8Array): void {
    if (!this.holdsAny(key)) this.#sql("DELETE FROM transfers WHERE key = ?").run(key);
  }

  /** The part held of one path of the manifest. */
  part(key: Uint8Array, path: string): PartRow | null {
    return this.#parts.of(key, path);
  }

  /** A part of one path of the manifest that was found when the state was begun anew. */
  stray(key: Uint8Array, path: string): StrayRow | null {
    const row = this.#sql("SELECT * FROM strays WHERE key = ? AND path = ?").get(key, path);
    if (row === undefined) return null;
    const stray = { path, name: String(row["name"]), sizeBytes: Number(row["size_bytes"]) };
    return isPartName(stray.name) ? stray : null;
  }

  addStray(key: Uint8Array, { path, name, sizeBytes }: StrayRow): void {
    this.#sql("INSERT OR REPLACE INTO strays VALUES (?, ?, ?, ?)")
      .run(key, path, name, BigInt(sizeBytes));
  }

  /** Whether a part is held of a path of the manifest or, with `below`, of one below it. */
  holds(key: Uint8Array, path: string, { below }: { readonly below: boolean }): boolean {
    return ["parts", "strays"].some((table) => {
      const one = `SELECT 1 FROM ${table} WHERE key = ? AND path = ? LIMIT 1`;
      if (this.#sql(one).get(key, path) !== undefined) return true;
      const more = `SELECT 1 FROM ${table} WHERE key = ? AND path > ? AND path < ? LIMIT 1`;
      // "0" is what follows "/" (SQLite compares text by its UTF-8 bytes).
      return below && this.#sql(more).get(key, `${path}/`, `${path}0`) !== undefined;
    });
  }

  /** Whether any part is held. */
  holdsAny(key: Uint8Array): boolean {
    return ["parts", "strays"].some((table) =>
      this.#sql(`SELECT 1 FROM ${table} WHERE key = ? LIMIT 1`).get(key) !== undefined
    );
  }

  /** Names under `.sftpx/parts` of all that is held of a transfer. */
  fileNames(key: Uint8Array): string[] {
    const rows = this.#sql(
      "SELECT name FROM parts WHERE key = ? UNION SELECT name FROM strays WHERE key = ?",
    ).all(key, key);
    return rows.map((row) => String(row["name"])).filter(isPartName);
  }

  /**
   * Names under `.sftpx/parts` of the parts whose rows follow one, whoever's they are, and the last of
   * these rows; null behind them all. As one text: a tenth of the time that rows take.
   */
  namesAfter(
    id: number,
    count: number,
  ): { readonly last: number; readonly names: string[] } | null {
    const row = this.#sql(
      "SELECT max(id) AS last, group_concat(name, ' ') AS names " +
        "FROM (SELECT id, name FROM parts WHERE id > ? ORDER BY id LIMIT ?)",
    ).get(id, count);
    if (row === undefined || row["last"] === null) return null;
    return { last: Number(row["last"]), names: String(row["names"]).split(" ") };
  }

  /** Whether any part of a run has a row. */
  knowsRun(run: string): boolean {
    const known = "SELECT 1 FROM parts WHERE name GLOB ? UNION ALL " +
      "SELECT 1 FROM strays WHERE name GLOB ? LIMIT 1";
    return this.#sql(known).get(`${run}/*`, `${run}/*`) !== undefined;
  }

  /** Names of all strays. */
  strayNames(): string[] {
    return this.#sql("SELECT name FROM strays").all().map((row) => String(row["name"]));
  }

  addPart(key: Uint8Array, part: Omit<PartRow, "id">): number {
    return this.#parts.add(key, part);
  }

  dropPart(id: number): void {
    this.#parts.drop(id);
  }

  /** A part is of another state of its source from now on: what is journalled of it stays. */
  restamp(id: number, state: Pick<PartRow, "stamp" | "recordedNs">): void {
    this.#parts.restamp(id, state);
  }

  /** A part has another size from now on, and nothing is journalled of it from chunk `cutAt` on. */
  resize(id: number, cut: { sizeBytes: number; cutAt: number }): void {
    this.#parts.resize(id, cut);
  }

  /** Takes chunks out of what is journalled of a part; answers how many of them it was. */
  dropChunks(part: number, ranges: readonly Range[]): number {
    return this.#parts.dropChunks(part, ranges);
  }

  addRun(part: number, run: ChunkRun): void {
    this.#parts.addRun(part, run);
  }

  /** Journalled chunks of a part, ascending, merged, later rows winning; none past `chunks`. */
  held(part: number, chunks: number): HeldChunks {
    return this.#parts.held(part, chunks);
  }

  committed(path: string): CommittedRow | null {
    return this.#committed.of(path);
  }

  /** Whether a record was made by a transfer of this key that is not finished yet. */
  isOwn(path: string, key: Uint8Array): boolean {
    return this.#committed.isOwn(path, key);
  }

  addCommitted(row: CommittedRow, maker: RecordMaker = {}): void {
    this.#committed.add(row, maker);
  }

  dropCommitted(path: string): void {
    this.#committed.drop(path);
  }

  /** Whether a transfer is not finished of which parts are held, files in place recorded, or names removed. */
  get hasResumable(): boolean {
    return this.#sql("SELECT 1 FROM transfers LIMIT 1").get() !== undefined;
  }

  /** Whether any file in place is known as ours. */
  get hasRecords(): boolean {
    return !this.#committed.isEmpty;
  }

  /** Transfers with something to go on with, oldest first. */
  interrupted(): Interrupted[] {
    return interruptedIn(this.#database);
  }

  close(): void {
    this.#statements.clear();
    if (this.#database.isOpen) this.#database.close();
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
