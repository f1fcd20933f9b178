// One minted ticket as the book keeps it: a row of its tables, what state it is in, and what is
// told about it. Secrets are held as SHA-256 only, so a stolen book opens nothing.

import { SftpxError } from "../base/errors.ts";
import type { Grant } from "./grant.ts";

/** What version 2 of the tables added to `tickets`. */
export const ADDED_COLUMNS: readonly string[] = [
  "  append_only INTEGER NOT NULL DEFAULT 0 CHECK (append_only IN (0, 1))",
  "  quota      INTEGER CHECK (quota >= 0)",
  "  max_file   INTEGER CHECK (max_file >= 0)",
];

/** The tables of a book. What they constrain, a reader may rely on. */
export const TICKET_TABLES = `
CREATE TABLE tickets (
  id         TEXT PRIMARY KEY CHECK (length(id) = 64),
  root       TEXT NOT NULL,
  path       TEXT NOT NULL,
  read       INTEGER NOT NULL CHECK (read IN (0, 1)),
  write      INTEGER NOT NULL CHECK (write IN (0, 1)),
  write_once INTEGER NOT NULL CHECK (write_once IN (0, 1)),
  uses       INTEGER CHECK (uses > 0),
  spent      INTEGER NOT NULL CHECK (spent BETWEEN 0 AND coalesce(uses, 0)),
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  standing   INTEGER NOT NULL CHECK (standing IN (0, 1)),
  closed     TEXT CHECK (closed IN ('revoked', 'ended')),
${ADDED_COLUMNS.join(",\n")}
) STRICT, WITHOUT ROWID;
CREATE INDEX tickets_root ON tickets (root);
CREATE TABLE holds (
  ticket   TEXT NOT NULL REFERENCES tickets ON DELETE CASCADE,
  identity TEXT NOT NULL CHECK (length(identity) = 52),
  purpose  TEXT NOT NULL CHECK (length(purpose) = 64),
  uses     INTEGER NOT NULL CHECK (uses > 0),
  PRIMARY KEY (ticket, identity, purpose)
) STRICT, WITHOUT ROWID;
CREATE TABLE servers (
  root TEXT PRIMARY KEY,
  port INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
  addresses TEXT NOT NULL CHECK (json_type(addresses) = 'array')
) STRICT, WITHOUT ROWID;
`;

/** In SQL, whether a ticket is still good at `:nowMs`; {@linkcode ticketState} is the same. */
export const IS_VALID = "closed IS NULL AND expires_ms > :nowMs AND (uses IS NULL OR spent < uses)";

/** `used`: every transfer it was for has committed. `ended`: by a clean stop of its server. */
export type TicketState = "valid" | "expired" | "used" | "revoked" | "ended";

/** What the book tells about a ticket; no secret. */
export interface TicketInfo {
  /** SHA-256 of the secret, 64 hex digits; names the ticket. */
  readonly id: string;
  /** The served directory it was made for, absolute. */
  readonly root: string;
  readonly grant: Grant;
  /** Transfers it was minted for; null for any number. */
  readonly uses: number | null;
  /** Of these, not yet spent. */
  readonly usesLeft: number | null;
  readonly createdMs: number;
  readonly expiresMs: number;
  /** It outlives a clean stop of the server. */
  readonly standing: boolean;
  readonly state: TicketState;
  /** Identities that hold a use for a transfer they began: a name once for each use. */
  readonly heldBy: readonly string[];
}

/** Uses that one identity holds for one transfer. */
export interface Hold {
  readonly name: string;
  /** What the transfer is for, 64 hex digits. */
  readonly purpose: string;
  readonly uses: number;
}

/** A ticket as its row says; time is no part of it. */
export interface TicketRecord extends Omit<TicketInfo, "state" | "heldBy"> {
  readonly closed: "revoked" | "ended" | null;
  readonly holds: readonly Hold[];
}

/** A row of the tables, as SQLite gives it. */
export type Row = Readonly<Record<string, unknown>>;

/** Reads a row of `tickets`, with the rows of `holds` that belong to it. */
export function ticketRecord(row: Row, holds: readonly Row[]): TicketRecord {
  const uses = row.uses === null ? null : Number(row.uses);
  const { closed } = row;
  return {
    id: String(row.id),
    root: String(row.root),
    grant: {
      read: row.read === 1,
      write: row.write === 1,
      writeOnce: row.write_once === 1,
      ...(row.append_only === 1 ? { appendOnly: true } : {}),
      ...(row.quota === null ? {} : { quotaBytes: Number(row.quota) }),
      ...(row.max_file === null ? {} : { maxFileBytes: Number(row.max_file) }),
      root: String(row.path),
    },
    uses,
    usesLeft: uses === null ? null : uses - Number(row.spent),
    createdMs: Number(row.created_ms),
    expiresMs: Number(row.expires_ms),
    standing: row.standing === 1,
    closed: closed === "revoked" || closed === "ended" ? closed : null,
    holds: holds.map((hold) => ({
      name: String(hold.identity),
      purpose: String(hold.purpose),
      uses: Number(hold.uses),
    })),
  };
}

/** What is told about a ticket at this time. */
export function ticketInfo(record: TicketRecord, nowMs: number): TicketInfo {
  const { closed: _, holds, ...told } = record;
  const heldBy = holds.flatMap(({ name, uses }) => Array<string>(uses).fill(name));
  return { ...told, state: ticketState(record, nowMs), heldBy };
}

/** Why it is no longer good, the earliest cause first; or that it is. */
function ticketState(record: TicketRecord, nowMs: number): TicketState {
  if (record.closed !== null) return record.closed;
  if (record.usesLeft === 0) return "used";
  return record.expiresMs <= nowMs ? "expired" : "valid";
}

/** Insists on a ticket that is good for `root` now. Throws `refused`, saying what became of it. */
export function requireValid(
  record: TicketRecord | null,
  options: { readonly root: string | null; readonly nowMs: number },
): TicketRecord {
  // A ticket of another directory is not told apart: what else is served here is nobody's business.
  if (record === null || (options.root !== null && record.root !== options.root)) {
    throw refused("it is unknown here");
  }
  const state = ticketState(record, options.nowMs);
  switch (state) {
    case "valid":
      return record;
    case "expired":
      throw refused("it has expired");
    case "used":
      throw refused("it is used up");
    case "revoked":
      throw refused("it was revoked");
    case "ended":
      throw refused("it ended when its server was stopped");
  }
}

/** Uses that nobody has spent or holds. */
export function freeUses(record: TicketRecord): number {
  return record.usesLeft === null ? Infinity : record.usesLeft - countUses(record.holds);
}

export function countUses(holds: readonly Hold[]): number {
  return holds.reduce((sum, { uses }) => sum + uses, 0);
}

/** The error of a ticket whose last uses are held: by other peers, or for another transfer. */
export function taken({ own }: { readonly own: boolean }): SftpxError {
  return refused(
    own
      ? "it is kept for the transfer that was begun with it"
      : "another peer began what it is for",
  );
}

function refused(found: string): SftpxError {
  return new SftpxError("refused", `Cannot accept ticket: ${found}`);
}
