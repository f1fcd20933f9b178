// A ticket: where a server is, who it is, and a bearer secret that opens it, in one pasteable word:
// `sftpx1` and base32 of
//   version 1 | identity 32 | secret 32 | count 1 | addresses | checksum 4
// with each address as kind 1 (4: IPv4, 6: IPv6, 1: name), 4 or 16 bytes or a length and the name,
// then the port (16 bits, big-endian). The checksum is the head of SHA-256 over a context and all
// before it: it catches a mangled paste and guards against nothing else. A ticket is a secret: no
// error here quotes it (I9).

import { createHash } from "node:crypto";
import { concatBytes, encodeUtf8, equalBytes, fromBase32, toBase32 } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { escapeText } from "../base/text.ts";
import { isWeakKey, KEY_BYTES } from "./ed25519.ts";
import { formatHost, type Host, parseHost } from "./host.ts";
import { sized, statementBytes } from "./statement.ts";

/** What every ticket begins with. */
export const TICKET_PREFIX = "sftpx1";
/** Bytes of a ticket's secret. */
export const TICKET_SECRET_BYTES = 32;

const VERSION = 1;
const CHECKSUM_BYTES = 4;
const KIND = { name: 1, ipv4: 4, ipv6: 6 } as const;

/** Where a server listens. */
export interface TicketAddress {
  /** IPv4, IPv6 without brackets, or a name in ASCII. */
  readonly hostname: string;
  readonly port: number;
}

/** What a ticket says. */
export interface Ticket {
  /** The server's identity, 32 bytes. */
  readonly identity: Uint8Array<ArrayBuffer>;
  /** Bearer secret, 32 bytes (I9). */
  readonly secret: Uint8Array<ArrayBuffer>;
  /** Where the server may be reached, best first; at least one. */
  readonly addresses: readonly TicketAddress[];
}

/** Writes a ticket. Throws `usage` on an address that cannot travel, or too many. */
export function encodeTicket(ticket: {
  readonly identity: Uint8Array;
  readonly secret: Uint8Array;
  readonly addresses: readonly TicketAddress[];
}): string {
  const { addresses } = ticket;
  if (addresses.length < 1 || addresses.length > LIMITS.ticketAddresses) {
    throw new SftpxError(
      "usage",
      `Cannot make a ticket: it has ${addresses.length} addresses, not 1 to ${LIMITS.ticketAddresses}`,
    );
  }
  const body = concatBytes([
    Uint8Array.of(VERSION),
    sized(ticket.identity, KEY_BYTES, "identity"),
    sized(ticket.secret, TICKET_SECRET_BYTES, "secret"),
    Uint8Array.of(addresses.length),
    ...addresses.map(encodeAddress),
  ]);
  const text = TICKET_PREFIX + toBase32(concatBytes([body, checksum(body)]));
  if (text.length > LIMITS.ticketBytes) {
    throw new SftpxError(
      "usage",
      `Cannot make a ticket: its addresses take more than ${LIMITS.ticketBytes} bytes`,
    );
  }
  return text;
}

/** Reads a ticket, blanks around it allowed. Throws `usage`, never quoting it. */
export function decodeTicket(text: string): Ticket {
  const trimmed = text.trim();
  if (!trimmed.startsWith(TICKET_PREFIX)) {
    throw mangled(`it does not begin with ${TICKET_PREFIX}`);
  }
  if (trimmed.length > LIMITS.ticketBytes) {
    throw mangled(`it is longer than ${LIMITS.ticketBytes} characters`);
  }
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = fromBase32(trimmed.slice(TICKET_PREFIX.length));
  } catch {
    throw mangled("a character is wrong or missing"); // the cause could quote a part of it
  }
  if (bytes.byteLength <= CHECKSUM_BYTES) throw mangled("it is cut short");
  const body = bytes.slice(0, -CHECKSUM_BYTES);
  if (!equalBytes(checksum(body), bytes.slice(-CHECKSUM_BYTES))) {
    throw mangled("its checksum does not match; paste it again, whole");
  }
  return decodeBody(new Cursor(body));
}

function decodeBody(cursor: Cursor): Ticket {
  const version = cursor.byte();
  if (version !== VERSION) throw mangled(`its version ${version} is newer than this program`);
  const identity = cursor.take(KEY_BYTES);
  if (isWeakKey(identity)) throw mangled("its identity is no usable key");
  const secret = cursor.take(TICKET_SECRET_BYTES);
  const count = cursor.byte();
  if (count < 1 || count > LIMITS.ticketAddresses) throw mangled(`it has ${count} addresses`);
  const addresses: TicketAddress[] = [];
  for (let i = 0; i < count; i++) addresses.push(decodeAddress(cursor));
  if (!cursor.done) throw mangled("bytes follow its last address");
  return { identity, secret, addresses };
}

function encodeAddress({ hostname, port }: TicketAddress): Uint8Array<ArrayBuffer> {
  const host = parseHost(hostname);
  if (host === null || !Number.isInteger(port) || port < 1 || port > 0xffff) {
    throw new SftpxError(
      "usage",
      `Cannot put "${escapeText(hostname, 300)}" port ${port} into a ticket: it is no address`,
    );
  }
  const portBytes = Uint8Array.of(port >> 8, port & 0xff);
  if (host.kind !== "name") {
    return concatBytes([Uint8Array.of(KIND[host.kind]), host.bytes, portBytes]);
  }
  const name = encodeUtf8(host.name);
  return concatBytes([Uint8Array.of(KIND.name, name.byteLength), name, portBytes]);
}

function decodeAddress(cursor: Cursor): TicketAddress {
  const host = decodeHost(cursor);
  const port = cursor.byte() << 8 | cursor.byte();
  if (port === 0) throw mangled("an address has port 0");
  return { hostname: formatHost(host), port };
}

function decodeHost(cursor: Cursor): Host {
  const kind = cursor.byte();
  switch (kind) {
    case KIND.ipv4:
      return { kind: "ipv4", bytes: cursor.take(4) };
    case KIND.ipv6:
      return { kind: "ipv6", bytes: cursor.take(16) };
    case KIND.name: {
      const text = String.fromCharCode(...cursor.take(cursor.byte()));
      const host = parseHost(text);
      // One value, one text; and a name from a ticket is shown and resolved.
      if (host?.kind !== "name" || host.name !== text) throw mangled("a host name is malformed");
      return host;
    }
    default:
      throw mangled(`an address is of unknown kind ${kind}`);
  }
}

function checksum(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const hash = createHash("sha256").update(statementBytes("sftpx ticket checksum 1", [body]));
  return new Uint8Array(hash.digest()).slice(0, CHECKSUM_BYTES);
}

function mangled(found: string): SftpxError {
  return new SftpxError("usage", `Cannot read ticket: ${found}`);
}

/** Reads a body front to back; running over its end is a mangled ticket. */
class Cursor {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #at = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at === this.#bytes.byteLength;
  }

  byte(): number {
    return this.take(1)[0]!;
  }

  take(count: number): Uint8Array<ArrayBuffer> {
    if (this.#at + count > this.#bytes.byteLength) throw mangled("it is cut short");
    this.#at += count;
    return this.#bytes.slice(this.#at - count, this.#at);
  }
}
