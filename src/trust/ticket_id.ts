// What names a ticket without opening anything: the SHA-256 of its secret, or the first digits of that.

import { createHash } from "node:crypto";
import { toHex } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { sized } from "./statement.ts";
import { decodeTicket, TICKET_PREFIX, TICKET_SECRET_BYTES } from "./ticket.ts";

/** Digits of an id that name a ticket. */
const ID_PREFIX = /^[0-9a-f]{4,64}$/;

/** The id of the ticket with this secret. */
export function ticketId(secret: Uint8Array): string {
  const hash = createHash("sha256").update(sized(secret, TICKET_SECRET_BYTES, "secret"));
  return toHex(new Uint8Array(hash.digest()));
}

/** The digits that a name stands for: some itself, or a whole ticket. Throws `usage` for any other. */
export function idPrefix(name: string): string {
  if (name.trim().startsWith(TICKET_PREFIX)) return ticketId(decodeTicket(name).secret);
  const prefix = name.toLowerCase();
  if (!ID_PREFIX.test(prefix)) throw unclear("its name is neither 4 to 64 hex digits nor a ticket");
  return prefix;
}

/** A name that names no ticket, or several. */
export function unclear(found: string): SftpxError {
  return new SftpxError("usage", `Cannot revoke ticket: ${found}`);
}
