// One minted ticket as the book keeps it, and the book's file: JSON, version 1. Secrets are held as
// SHA-256 only, so a stolen book opens nothing. The reader takes exactly what the writer writes.

import { IDENTITY_NAME_CHARS } from "./identity.ts";
import type { Grant } from "./grant.ts";

/** A ticket the server minted. */
export interface TicketRecord {
  /** SHA-256 of the secret, 64 hex digits; names the ticket and is no secret. */
  readonly id: string;
  readonly expiresMs: number;
  /** Transfers it may still commit; null for any number. */
  readonly uses: number | null;
  /** Identities that hold a use for a transfer they began: a name once for each use. */
  readonly held: readonly string[];
  readonly grant: Grant;
}

const VERSION = 1;

/** The book's text. */
export function formatTicketBook(records: Iterable<TicketRecord>): string {
  const tickets = Array.from(records, ({ id, expiresMs, uses, held, grant }) => {
    const { read, write, writeOnce } = grant;
    return { id, expiresMs, uses, held, grant: { read, write, writeOnce } };
  });
  return JSON.stringify({ v: VERSION, tickets }) + "\n";
}

/** Reads a book, or says in a few words why it is none. */
export function parseTicketBook(text: string): TicketRecord[] | string {
  let book: unknown;
  try {
    book = JSON.parse(text);
  } catch {
    return "it is no JSON"; // the parser's message would quote the file
  }
  if (!isObject(book)) return "it is no object";
  if (book.v !== VERSION) return `its version is not ${VERSION}`;
  if (!Array.isArray(book.tickets)) return "it lists no tickets";
  const records: TicketRecord[] = [];
  for (const [index, value] of book.tickets.entries()) {
    const record = parseRecord(value);
    if (record === null) return `ticket ${index} is malformed`;
    if (records.some(({ id }) => id === record.id)) return `ticket ${index} stands twice`;
    records.push(record);
  }
  return records;
}

function parseRecord(value: unknown): TicketRecord | null {
  if (!isObject(value)) return null;
  const { id, expiresMs, uses, held } = value;
  const grant = parseGrant(value.grant);
  if (typeof id !== "string" || !/^[0-9a-f]{64}$/.test(id)) return null;
  if (typeof expiresMs !== "number" || !Number.isSafeInteger(expiresMs)) return null;
  if (uses !== null && (typeof uses !== "number" || !Number.isSafeInteger(uses) || uses < 1)) {
    return null;
  }
  if (!Array.isArray(held) || !held.every(isIdentityName) || held.length > (uses ?? 0)) return null;
  return grant === null ? null : { id, expiresMs, uses, held, grant };
}

function parseGrant(value: unknown): Grant | null {
  if (!isObject(value)) return null;
  const { read, write, writeOnce } = value;
  if (typeof read !== "boolean" || typeof write !== "boolean" || typeof writeOnce !== "boolean") {
    return null;
  }
  return { read, write, writeOnce };
}

function isIdentityName(value: unknown): value is string {
  return typeof value === "string" && value.length === IDENTITY_NAME_CHARS;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
