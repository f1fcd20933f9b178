// The tickets of this machine's servers, in one private file beside the identity: it outlives a
// killed process, and `serve` and `sftpx ticket` work on it at once. A counted use is spent by a
// committed transfer. The identity that begins one holds the use from then on, for that transfer alone:
// it may resume, nobody else takes its place, and never more transfers commit than were minted. Time
// is an argument.

import { dirname, isAbsolute, join, resolve } from "node:path";
import { toHex } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { escapeText } from "../base/text.ts";
import type { Grant } from "./grant.ts";
import { identityName } from "./identity.ts";
import { RunningUses } from "./running_uses.ts";
import { ServedRoots } from "./served_roots.ts";
import { sized } from "./statement.ts";
import { TICKET_SECRET_BYTES } from "./ticket.ts";
import { idPrefix, ticketId, unclear } from "./ticket_id.ts";
import {
  countUses,
  freeUses,
  type Hold,
  requireValid,
  taken,
  type TicketInfo,
  ticketInfo,
} from "./ticket_record.ts";
import { type HoldKey, type ServerPlace, TicketTable } from "./ticket_table.ts";

export type { TicketInfo, TicketState } from "./ticket_record.ts";
export type { ServerPlace } from "./ticket_table.ts";

/** How long after its expiry a ticket is remembered, to say what became of it. */
const KEPT_MS = 7 * 24 * 60 * 60 * 1000;
/** What names a transfer. */
const PURPOSE_BYTES = 32;

/** Where the tickets of this identity's servers are: with the user's own files, never in ROOT. */
export function ticketBookPath(identityPath: string): string {
  return join(dirname(resolve(identityPath)), "tickets.db");
}

/** What a new ticket is good for. */
export interface MintOptions {
  /** The served directory, absolute and real: on another one the ticket is unknown. */
  readonly root: string;
  /** What its bearer may do there. */
  readonly grant: Grant;
  /** Transfers it may commit; null for any number. */
  readonly uses: number | null;
  /** When it ends, milliseconds since 1970. */
  readonly expiresMs: number;
  readonly nowMs: number;
  /** It outlives a clean stop of the server; one that does not is the server's own. */
  readonly standing: boolean;
}

/** Who presents a ticket, and when. */
export interface BearerOptions {
  /** The client's authenticated identity, 32 bytes. */
  readonly identity: Uint8Array;
  readonly nowMs: number;
}

/** Who begins a transfer, and which one. */
export interface BeginOptions extends BearerOptions {
  /** Names the transfer, 32 bytes: the same one resumes under it, no other one does. */
  readonly purpose: Uint8Array;
}

/** Which tickets are meant, and when. */
export interface ListOptions {
  /** Null for those of every root. */
  readonly root: string | null;
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
  spend(): void;
  /** It broke off and may be resumed: the identity keeps the use, for this transfer. */
  pause(): void;
  /** Nothing came of it: the use is anyone's again, unless an attempt before had paused. */
  release(): void;
}

/** Minted tickets and what is left of them. */
export class TicketBook implements Disposable {
  readonly #table: TicketTable;
  readonly #served: ServedRoots;
  /** Only who claims the root has any. */
  readonly #running = new RunningUses();

  private constructor(path: string) {
    this.#table = new TicketTable(path);
    this.#served = new ServedRoots(path);
  }

  /** Opens the book at `path`, made when there is none. Throws `failed` on a damaged one. */
  static open(path: string): TicketBook {
    return new TicketBook(path);
  }

  /** Mints a ticket; its secret is kept nowhere. Throws `limit` when too many are valid. */
  mint(options: MintOptions): { readonly id: string; readonly secret: Uint8Array<ArrayBuffer> } {
    requireMintable(options);
    const { root, grant, uses, expiresMs, nowMs, standing } = options;
    const secret = crypto.getRandomValues(new Uint8Array(TICKET_SECRET_BYTES));
    const id = ticketId(secret);
    this.#table.change(() => {
      this.#makeRoom(options);
      this.#table.insert({
        id,
        root,
        grant,
        uses,
        usesLeft: uses,
        createdMs: nowMs,
        expiresMs,
        standing,
        closed: null,
        holds: [],
      });
    });
    return { id, secret };
  }

  /** Checks a ticket at authentication. Throws `refused`; changes nothing. */
  redeem(secret: Uint8Array, options: BearerOptions & { readonly root: string }): RedeemedTicket {
    const isOne = secret.byteLength === TICKET_SECRET_BYTES;
    const record = requireValid(isOne ? this.#table.ticket(ticketId(secret)) : null, options);
    const own = identityName(options.identity);
    const isHolder = record.holds.some(({ name }) => name === own);
    if (!isHolder && freeUses(record) < 1) throw taken({ own: false });
    return { id: record.id, grant: record.grant };
  }

  /**
   * Claims a use for a transfer that begins or resumes. Throws `refused` when none is left for this
   * identity or is kept for another transfer of it, `busy` while one runs on its last one or another
   * process serves.
   */
  begin(id: string, { identity, nowMs, purpose }: BeginOptions): TicketUse {
    const found = requireValid(this.#table.ticket(id), { root: null, nowMs });
    if (found.uses === null) return UNCOUNTED;
    this.#claim(found.root);
    const name = identityName(identity);
    const key = { id, name, purpose: toHex(sized(purpose, PURPOSE_BYTES, "purpose")) };
    const resumes = this.#table.change(() => {
      const record = requireValid(this.#table.ticket(id), { root: null, nowMs });
      const mine = record.holds.filter((hold) => hold.name === name);
      const same = mine.filter((hold) => hold.purpose === key.purpose);
      if (this.#running.on(key) < countUses(same)) return true;
      if (freeUses(record) < 1) {
        throw this.#isRunning(id, mine) ? busy() : taken({ own: mine.length > 0 });
      }
      this.#table.hold(key);
      return false;
    });
    this.#running.begin(key);
    return this.#use(key, { resumes });
  }

  /** Tickets of one root, or of all, but those that ended long ago; the newest last. */
  list({ root, nowMs }: ListOptions): readonly TicketInfo[] {
    return this.#table.tickets(root)
      .filter(({ expiresMs }) => expiresMs >= nowMs - KEPT_MS)
      .map((record) => ticketInfo(record, nowMs));
  }

  /** Forgets tickets that open nothing any more, and says which; transfers that run go on. */
  prune(options: ListOptions): readonly TicketInfo[] {
    return this.#table.change(() => {
      const dead = this.list(options).filter(({ state }) => state !== "valid");
      for (const { id } of dead) this.#table.remove(id);
      return dead;
    });
  }

  /**
   * Ends one ticket, named by the first digits of its id or by its whole text; transfers that run go
   * on. Throws `usage` when it names none or several, never quoting what could be a secret (I9).
   */
  revoke(name: string): TicketInfo {
    const prefix = idPrefix(name);
    return this.#table.change(() => {
      const [id, second] = this.#table.idsLike(prefix);
      if (id === undefined) throw unclear("no ticket goes by this name");
      if (second !== undefined) throw unclear("several go by these digits; give more of them");
      this.#table.revoke(id);
      return ticketInfo(this.#table.ticket(id)!, 0); // it is closed: time decides nothing
    });
  }

  /** A clean stop of a root's server: ends its own tickets, not those that stand by themselves. */
  endSession(root: string): void {
    this.#table.change(() => this.#table.endAll(root));
  }

  /** Says where this process serves a root, or that it no longer does. Throws `busy`: another does. */
  announce(root: string, where: ServerPlace | null): void {
    if (where !== null) this.#claim(root);
    this.#table.change(() => this.#table.writeServer(root, where));
    if (where === null) this.#table.guard("save", () => this.#served.release(root));
  }

  /** Where a root is served at this moment; null when it is not. */
  announced(root: string): ServerPlace | null {
    // A killed server leaves what it wrote behind; its claim it does not.
    if (!this.#table.guard("load", () => this.#served.isClaimed(root))) return null;
    return this.#table.server(root);
  }

  /** Closes the file; what it holds stays. */
  close(): void {
    this.#served.close();
    this.#table.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** Forgets what is long over, and insists on a place for one more valid ticket of the root. */
  #makeRoom({ root, nowMs, standing }: MintOptions): void {
    const kept = LIMITS.heldTickets;
    this.#table.forget({ root, nowMs, endedBeforeMs: nowMs - KEPT_MS, kept });
    if (this.#table.countValid(root, nowMs) < LIMITS.heldTickets) return;
    // A server that is killed and started again all day comes up all the same: the oldest of its own
    // tickets makes room.
    if (!standing && this.#table.endOldest(root, nowMs)) return;
    const shown = escapeText(root);
    throw new SftpxError(
      "limit",
      `Cannot make a ticket: ${LIMITS.heldTickets} for "${shown}" are still valid; revoke some`,
    );
  }

  #claim(root: string): void {
    if (this.#table.guard("load", () => this.#served.claim(root))) return;
    const shown = escapeText(root);
    throw new SftpxError("busy", `Cannot serve "${shown}": another process serves it`);
  }

  #isRunning(id: string, holds: readonly Hold[]): boolean {
    return holds.some(({ name, purpose }) => this.#running.on({ id, name, purpose }) > 0);
  }

  #use(key: HoldKey, { resumes }: { readonly resumes: boolean }): TicketUse {
    let settled = false;
    const settle = (change: () => void) => {
      if (settled) return;
      settled = true;
      change();
      // Not reached when that failed: the use stays taken rather than be had twice.
      this.#running.end(key);
    };
    return {
      spend: () =>
        settle(() =>
          this.#table.change(() => {
            if (this.#table.letGo(key)) this.#table.spend(key.id);
          })
        ),
      pause: () => settle(() => {}),
      release: () =>
        settle(() => {
          // Something came of the attempt before: to try again and give up undoes none of it.
          if (!resumes) this.#table.change(() => this.#table.letGo(key));
        }),
    };
  }
}

const UNCOUNTED: TicketUse = { spend: () => {}, pause: () => {}, release: () => {} };

function requireMintable({ root, uses, expiresMs, nowMs }: MintOptions): void {
  if (!isAbsolute(root)) throw new RangeError("A ticket is for an absolute path");
  if (uses !== null && !(Number.isInteger(uses) && uses > 0 && uses <= LIMITS.ticketUses)) {
    throw new RangeError(`A ticket has 1 to ${LIMITS.ticketUses} uses, not ${uses}`);
  }
  if (!Number.isSafeInteger(expiresMs) || expiresMs <= nowMs) {
    throw new RangeError("A ticket ends after it begins");
  }
}

function busy(): SftpxError {
  return new SftpxError("busy", "Cannot begin transfer: another one runs on the same ticket");
}
