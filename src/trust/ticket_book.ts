// The tickets a server has minted, kept in one private file so that they outlive a killed process.
// A counted use is spent by a committed transfer. The identity that begins one holds the use from
// then on: it may resume, nobody else takes its place, and never more transfers commit than were
// minted. Time is an argument. One process owns a book: its caller holds the ROOT's lock.

import { createHash } from "node:crypto";
import { toHex } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { escapeText } from "../base/text.ts";
import type { Grant } from "./grant.ts";
import { identityName } from "./identity.ts";
import { sized } from "./statement.ts";
import { TICKET_SECRET_BYTES } from "./ticket.ts";
import { formatTicketBook, parseTicketBook, type TicketRecord } from "./ticket_record.ts";
import { readTrustFile, removeTrustFile, replaceTrustFile } from "./trust_file.ts";

const FILE = { what: "ticket book", secret: true } as const;
const FULL: Grant = { read: true, write: true, writeOnce: false };

/** What a new ticket is good for. */
export interface MintOptions {
  /** Transfers it may commit; null for any number. */
  readonly uses: number | null;
  /** When it ends, milliseconds since 1970. */
  readonly expiresMs: number;
  readonly nowMs: number;
  /** What its bearer may do; reading and writing by default. */
  readonly grant?: Grant;
}

/** Who presents a ticket, and when. */
export interface BearerOptions {
  /** The client's authenticated identity, 32 bytes. */
  readonly identity: Uint8Array;
  readonly nowMs: number;
}

/** A ticket that was accepted. */
export interface RedeemedTicket {
  /** Names the ticket in {@linkcode TicketBook.begin}; no secret. */
  readonly id: string;
  readonly grant: Grant;
}

/** The claim of one running transfer on its ticket. Settle it once; later calls do nothing. */
export interface TicketUse {
  /** The transfer committed: a counted use is gone. */
  spend(): Promise<void>;
  /** It broke off and may be resumed: the identity keeps the use. */
  pause(): void;
  /** It ended with nothing to resume: the use is anyone's again. */
  release(): Promise<void>;
}

/** Minted tickets and what is left of them. */
export class TicketBook {
  readonly #path: string;
  readonly #records = new Map<string, TicketRecord>();
  /** Running transfers by ticket and identity; of this process only, so a crash frees them. */
  readonly #running = new Map<string, number>();
  #saved: Promise<void> = Promise.resolve();

  private constructor(path: string, records: readonly TicketRecord[]) {
    this.#path = path;
    for (const record of records) this.#records.set(record.id, record);
  }

  /** Opens the book at `path`, empty when there is no file. */
  static async open(path: string): Promise<TicketBook> {
    const text = await readTrustFile(path, FILE);
    const records = text === null ? [] : parseTicketBook(text);
    if (typeof records === "string") {
      throw new SftpxError("failed", `Cannot load ticket book "${escapeText(path)}": ${records}`);
    }
    return new TicketBook(path, records);
  }

  /** Mints a ticket; the answer is its secret, which is kept nowhere. */
  async mint(options: MintOptions): Promise<Uint8Array<ArrayBuffer>> {
    const { uses, expiresMs, nowMs } = options;
    if (uses !== null && !(Number.isInteger(uses) && uses > 0 && uses <= LIMITS.ticketUses)) {
      throw new RangeError(`A ticket has 1 to ${LIMITS.ticketUses} uses, not ${uses}`);
    }
    if (!Number.isSafeInteger(expiresMs) || expiresMs <= nowMs) {
      throw new RangeError("A ticket ends after it begins");
    }
    this.#dropExpired(nowMs);
    if (this.#records.size >= LIMITS.heldTickets) {
      throw new SftpxError("limit", `Cannot make a ticket: ${LIMITS.heldTickets} are still valid`);
    }
    const secret = crypto.getRandomValues(new Uint8Array(TICKET_SECRET_BYTES));
    const id = ticketId(secret);
    this.#records.set(id, { id, expiresMs, uses, held: [], grant: options.grant ?? FULL });
    try {
      await this.#save();
    } catch (thrown) {
      this.#records.delete(id);
      throw thrown;
    }
    return secret;
  }

  /** Checks a ticket at authentication. Throws `refused`; changes nothing. */
  redeem(secret: Uint8Array, options: BearerOptions): RedeemedTicket {
    const known = secret.byteLength === TICKET_SECRET_BYTES;
    const record = this.#valid(known ? ticketId(secret) : "", options.nowMs);
    const name = identityName(options.identity);
    if (!record.held.includes(name) && freeUses(record) < 1) throw taken();
    return { id: record.id, grant: record.grant };
  }

  /**
   * Claims a use for a transfer that begins or resumes. Throws `refused` when none is left for this
   * identity, `busy` while another transfer of it runs on its last one.
   */
  async begin(id: string, options: BearerOptions): Promise<TicketUse> {
    const record = this.#valid(id, options.nowMs);
    if (record.uses === null) return UNCOUNTED;
    const name = identityName(options.identity);
    const mine = record.held.filter((holder) => holder === name).length;
    const running = this.#running.get(id + name) ?? 0;
    if (running >= mine) {
      if (freeUses(record) < 1) throw mine > 0 ? busy() : taken();
      this.#records.set(id, { ...record, held: [...record.held, name] });
    }
    this.#running.set(id + name, running + 1);
    const use = this.#use(id, name);
    try {
      if (running >= mine) await this.#save();
    } catch (thrown) {
      await use.release().catch(() => {});
      throw thrown;
    }
    return use;
  }

  /** Ends every ticket: a clean stop. */
  async clear(): Promise<void> {
    this.#records.clear();
    await this.#saved.catch(() => {});
    await removeTrustFile(this.#path, FILE);
  }

  #valid(id: string, nowMs: number): TicketRecord {
    const record = this.#records.get(id);
    if (record === undefined) {
      throw new SftpxError("refused", "Cannot accept ticket: it is unknown, ended or used up");
    }
    if (record.expiresMs <= nowMs) {
      throw new SftpxError("refused", "Cannot accept ticket: it has expired");
    }
    return record;
  }

  #use(id: string, name: string): TicketUse {
    let settled = false;
    const settle = (): boolean => {
      if (settled) return false;
      settled = true;
      const running = (this.#running.get(id + name) ?? 1) - 1;
      if (running > 0) this.#running.set(id + name, running);
      else this.#running.delete(id + name);
      return true;
    };
    return {
      spend: async () => settle() ? await this.#giveBack(id, name, { spent: 1 }) : undefined,
      pause: () => void settle(),
      release: async () => settle() ? await this.#giveBack(id, name, { spent: 0 }) : undefined,
    };
  }

  async #giveBack(id: string, name: string, options: { readonly spent: 0 | 1 }): Promise<void> {
    const record = this.#records.get(id);
    if (record === undefined || record.uses === null) return; // cleared or expired meanwhile
    const held = record.held.toSpliced(record.held.indexOf(name), 1);
    const uses = record.uses - options.spent;
    if (uses > 0) this.#records.set(id, { ...record, uses, held });
    else this.#records.delete(id);
    await this.#save();
  }

  #dropExpired(nowMs: number): void {
    for (const { id, expiresMs } of this.#records.values()) {
      if (expiresMs <= nowMs) this.#records.delete(id);
    }
  }

  /** Writes one after the other, each the state of its moment. */
  #save(): Promise<void> {
    const before = this.#saved.catch(() => {});
    this.#saved = before.then(() =>
      replaceTrustFile(this.#path, formatTicketBook(this.#records.values()), FILE)
    );
    return this.#saved;
  }
}

const UNCOUNTED: TicketUse = {
  spend: () => Promise.resolve(),
  pause: () => {},
  release: () => Promise.resolve(),
};

function freeUses(record: TicketRecord): number {
  return record.uses === null ? Infinity : record.uses - record.held.length;
}

function ticketId(secret: Uint8Array): string {
  const hash = createHash("sha256").update(sized(secret, TICKET_SECRET_BYTES, "secret"));
  return toHex(new Uint8Array(hash.digest()));
}

function taken(): SftpxError {
  return new SftpxError("refused", "Cannot accept ticket: another peer began what it is for");
}

function busy(): SftpxError {
  return new SftpxError("busy", "Cannot begin transfer: another one runs on the same ticket");
}
