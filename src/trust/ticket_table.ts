// The rows of a ticket book: every statement that reads or changes them, each change one
// transaction. What may be changed when is the book's to decide.

import { type Database, inTransaction } from "../runtime/database.ts";
import { openTicketFile, ticketFileError } from "./ticket_file.ts";
import { IS_VALID, type Row, type TicketRecord, ticketRecord } from "./ticket_record.ts";

type Values = Record<string, string | number | null>;

/** Whose use of which ticket, and for what. */
export interface HoldKey {
  readonly id: string;
  /** The identity's. */
  readonly name: string;
  /** 64 hex digits. */
  readonly purpose: string;
}

/** Where a server is. */
export interface ServerPlace {
  /** Port it listens on. */
  readonly port: number;
  /** What it puts into its own tickets. */
  readonly addresses: readonly { readonly hostname: string; readonly port: number }[];
}

/** The tables of one book. */
export class TicketTable {
  readonly #path: string;
  readonly #database: Database;

  /** Opens the book at `path`, made when there is none. */
  constructor(path: string) {
    this.#path = path;
    this.#database = openTicketFile(path);
  }

  /** One change of the book, seen whole by every process or not at all. */
  change<T>(body: () => T): T {
    return this.guard("save", () => inTransaction(this.#database, body));
  }

  /** Runs what touches the book's files, with errors that name it. */
  guard<T>(action: "load" | "save", body: () => T): T {
    try {
      return body();
    } catch (thrown) {
      throw ticketFileError(thrown, { action, path: this.#path });
    }
  }

  ticket(id: string): TicketRecord | null {
    const [row] = this.#all("SELECT * FROM tickets WHERE id = :id", { id });
    return row === undefined ? null : this.#record(row);
  }

  /** Tickets of a root, or of all; the newest last. */
  tickets(root: string | null): readonly TicketRecord[] {
    const rows = this.#all(
      "SELECT * FROM tickets WHERE :root IS NULL OR root = :root ORDER BY created_ms, id",
      { root },
    );
    return rows.map((row) => this.#record(row));
  }

  /** At most two ids that begin with these hex digits. */
  idsLike(prefix: string): readonly string[] {
    const glob = `${prefix}*`;
    const rows = this.#all("SELECT id FROM tickets WHERE id GLOB :glob LIMIT 2", { glob });
    return rows.map(({ id }) => String(id));
  }

  insert({ id, root, grant, uses, createdMs, expiresMs, standing }: TicketRecord): void {
    this.#run(
      "INSERT INTO tickets VALUES (:id, :root, :path, :read, :write, :writeOnce, :uses, 0, " +
        ":createdMs, :expiresMs, :standing, NULL, :appendOnly, :quota, :maxFile)",
      {
        id,
        root,
        path: grant.root,
        read: Number(grant.read),
        write: Number(grant.write),
        writeOnce: Number(grant.writeOnce),
        appendOnly: Number(grant.appendOnly ?? false),
        quota: grant.quotaBytes ?? null,
        maxFile: grant.maxFileBytes ?? null,
        uses,
        createdMs,
        expiresMs,
        standing: Number(standing),
      },
    );
  }

  /** Forgets tickets that ended before a time, and of a root's dead ones all but the newest. */
  forget(options: {
    readonly root: string;
    readonly nowMs: number;
    readonly endedBeforeMs: number;
    readonly kept: number;
  }): void {
    const { root, nowMs, endedBeforeMs, kept } = options;
    this.#run("DELETE FROM tickets WHERE expires_ms < :endedBeforeMs", { endedBeforeMs });
    this.#run(
      `DELETE FROM tickets WHERE id IN (SELECT id FROM tickets
         WHERE root = :root AND NOT (${IS_VALID})
         ORDER BY created_ms DESC, id LIMIT -1 OFFSET :kept)`,
      { root, nowMs, kept },
    );
  }

  countValid(root: string, nowMs: number): number {
    const sql = `SELECT count(*) AS n FROM tickets WHERE root = :root AND ${IS_VALID}`;
    return Number(this.#all(sql, { root, nowMs })[0]?.n);
  }

  /** Ends the oldest valid ticket that is the server's own; false when there is none. */
  endOldest(root: string, nowMs: number): boolean {
    return this.#run(
      `UPDATE tickets SET closed = 'ended' WHERE id = (SELECT id FROM tickets
         WHERE root = :root AND standing = 0 AND ${IS_VALID} ORDER BY created_ms, id LIMIT 1)`,
      { root, nowMs },
    );
  }

  /** Ends all of a root that are the server's own. */
  endAll(root: string): void {
    this.#run(
      "UPDATE tickets SET closed = 'ended' WHERE root = :root AND standing = 0 AND closed IS NULL",
      { root },
    );
  }

  revoke(id: string): void {
    this.#run("UPDATE tickets SET closed = 'revoked' WHERE id = :id AND closed IS NULL", { id });
  }

  /** Forgets one ticket, with what is held of it. */
  remove(id: string): void {
    this.#run("DELETE FROM tickets WHERE id = :id", { id });
  }

  /** Holds one more use for an identity's transfer. */
  hold({ id, name, purpose }: HoldKey): void {
    this.#run(
      "INSERT INTO holds VALUES (:id, :name, :purpose, 1) " +
        "ON CONFLICT DO UPDATE SET uses = uses + 1",
      { id, name, purpose },
    );
  }

  /** Holds one use less; false when none was held, as the ticket is forgotten. */
  letGo({ id, name, purpose }: HoldKey): boolean {
    const values = { id, name, purpose };
    const mine = "WHERE ticket = :id AND identity = :name AND purpose = :purpose";
    return this.#run(`DELETE FROM holds ${mine} AND uses = 1`, values) ||
      this.#run(`UPDATE holds SET uses = uses - 1 ${mine}`, values);
  }

  spend(id: string): void {
    this.#run("UPDATE tickets SET spent = spent + 1 WHERE id = :id", { id });
  }

  /** Where a root's server wrote down last that it is. */
  server(root: string): ServerPlace | null {
    const [row] = this.#all("SELECT * FROM servers WHERE root = :root", { root });
    if (row === undefined) return null;
    return { port: Number(row.port), addresses: JSON.parse(String(row.addresses)) };
  }

  writeServer(root: string, place: ServerPlace | null): void {
    if (place === null) {
      this.#run("DELETE FROM servers WHERE root = :root", { root });
      return;
    }
    const addresses = JSON.stringify(
      place.addresses.map(({ hostname, port }) => ({ hostname, port })),
    );
    this.#run("INSERT OR REPLACE INTO servers VALUES (:root, :port, :addresses)", {
      root,
      port: place.port,
      addresses,
    });
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }

  #record(row: Row): TicketRecord {
    const id = String(row.id);
    const sql = "SELECT * FROM holds WHERE ticket = :id ORDER BY identity, purpose";
    const holds = this.#all(sql, { id });
    return ticketRecord(row, holds);
  }

  #all(sql: string, values: Values): readonly Row[] {
    return this.guard("load", () => this.#database.prepare(sql).all(values));
  }

  /** Whether any row changed. */
  #run(sql: string, values: Values): boolean {
    return Number(this.#database.prepare(sql).run(values).changes) > 0;
  }
}
