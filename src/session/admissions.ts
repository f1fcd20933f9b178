// Who may come in, and what for: by the ticket that is shown, else by the authorized key. Nothing is
// open by default: without either nobody gets in. The keys can be read anew while the server runs; the tickets are
// looked up each time, because other processes make and revoke them too.

import { SftpxError } from "../base/errors.ts";
import { type AuthorizedKeys, loadAuthorizedKeys } from "../trust/authorized_keys.ts";
import { type Access, type Admitted, grantOfAccess, narrowGrant } from "../trust/grant.ts";
import {
  type ServerPlace,
  TicketBook,
  ticketBookPath,
  type TicketUse,
} from "../trust/ticket_book.ts";

/** How long a ticket of `serve` is good for. */
const TICKET_LIFE_MS = 24 * 60 * 60 * 1000;

export interface AdmissionsOptions {
  readonly identityPath: string;
  /** Directory served, absolute and real. */
  readonly root: string;
  /** What anybody may do at most. */
  readonly access: Access;
  readonly authorizedKeysPath: string | null;
}

/** A client at the door: its proved identity, and its ticket if it has one. */
export interface Caller {
  readonly identity: Uint8Array;
  readonly ticket: Uint8Array | null;
}

export class Admissions {
  readonly #options: AdmissionsOptions;
  readonly #book: TicketBook;
  #keys: AuthorizedKeys | null;
  #reloads: Promise<unknown> = Promise.resolve();

  private constructor(options: AdmissionsOptions, book: TicketBook, keys: AuthorizedKeys | null) {
    this.#options = options;
    this.#book = book;
    this.#keys = keys;
  }

  static async open(options: AdmissionsOptions): Promise<Admissions> {
    const { authorizedKeysPath, identityPath } = options;
    const keys = authorizedKeysPath === null ? null : await loadAuthorizedKeys(authorizedKeysPath);
    return new Admissions(options, TicketBook.open(ticketBookPath(identityPath)), keys);
  }

  /** Says where this root is served. Throws `busy` when another process serves it. */
  announce(place: ServerPlace): void {
    this.#book.announce(this.#options.root, place);
  }

  /** Makes the server's own ticket, which ends with it; its secret. */
  mint({ once }: { readonly once: boolean }): Uint8Array<ArrayBuffer> {
    const { root, access } = this.#options;
    const nowMs = Date.now();
    const { secret } = this.#book.mint({
      root,
      uses: once ? 1 : null,
      expiresMs: nowMs + TICKET_LIFE_MS,
      nowMs,
      grant: grantOfAccess(access),
      standing: false,
    });
    return secret;
  }

  /**
   * What a client may do. A ticket that is shown decides, what it refuses included: the same ticket
   * means the same place and rights whoever shows it. The key counts where none is. Throws `refused`.
   */
  grantOf({ identity, ticket }: Caller): Admitted {
    const { root, access } = this.#options;
    const most = grantOfAccess(access);
    if (ticket !== null) {
      const { grant } = this.#book.redeem(ticket, { root, identity, nowMs: Date.now() });
      return { grant: narrowGrant(most, grant), by: "ticket" };
    }
    const authorized = this.#keys?.lookup(identity) ?? null;
    if (authorized !== null) return { grant: narrowGrant(most, authorized), by: "key" };
    throw new SftpxError(
      "refused",
      "Cannot take the client in: it has no ticket and is not authorized",
    );
  }

  /**
   * Claims a use of the ticket by which a client may do what it begins, for the transfer of this key;
   * null where its own key lets it, because it shows none.
   */
  claimTicket({ identity, ticket }: Caller, purpose: Uint8Array): TicketUse | null {
    if (ticket === null) return null;
    const bearer = { identity, nowMs: Date.now() };
    const { root } = this.#options;
    const { id } = this.#book.redeem(ticket, { root, ...bearer });
    return this.#book.begin(id, { ...bearer, purpose });
  }

  /** Whether a client that was let in by its key no longer would be. */
  isShutOut({ identity, ticket }: Caller): boolean {
    return ticket === null && (this.#keys?.lookup(identity) ?? null) === null;
  }

  /** Reads the authorized keys anew; their number. Where that fails, the old ones hold. */
  reload(): Promise<number | null> {
    const path = this.#options.authorizedKeysPath;
    const reloaded = this.#reloads.then(async () => {
      if (path === null) return null;
      this.#keys = await loadAuthorizedKeys(path);
      return this.#keys.size;
    });
    // One after the other: what was read last is what was asked for last.
    this.#reloads = reloaded.catch(() => {});
    return reloaded;
  }

  /** A clean stop: the server's own tickets end with it. */
  end(): void {
    try {
      this.#book.endSession(this.#options.root);
      this.#book.announce(this.#options.root, null);
    } finally {
      this.#book.close();
    }
  }

  /** The server never began: nothing ends, nothing is kept. */
  close(): void {
    this.#book.close();
  }
}
