// Who may come in, and what for: by the ticket that is shown, else by the authorized key. Nothing is
// open by default: without either nobody gets in. The keys are read anew while the server runs, when it
// is told to and when their file is seen to have changed; the tickets are looked up each time, because
// other processes make and revoke them too.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { fromHex } from "../base/bytes.ts";
import { LIMITS } from "../base/limits.ts";
import { type AuthorizedKeys, keyRefusal, loadAuthorizedKeys } from "../trust/authorized_keys.ts";
import { FileWatch } from "../trust/file_watch.ts";
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
  /** How often the keys' file is looked at, at most; `LIMITS.keysLookMs` by default. */
  readonly keysLookMs?: number;
  /** The clock that keys and tickets end by; `Date.now` by default. */
  readonly nowMs?: () => number;
}

/** A client at the door: its proved identity, and its ticket if it has one. */
export interface Caller {
  readonly identity: Uint8Array;
  readonly ticket: Uint8Array | null;
}

export class Admissions {
  readonly #options: AdmissionsOptions;
  readonly #book: TicketBook;
  readonly #watch: FileWatch | null;
  readonly #nowMs: () => number;
  #keys: AuthorizedKeys | null = null;
  #reloads: Promise<unknown> = Promise.resolve();

  private constructor(options: AdmissionsOptions, book: TicketBook, watch: FileWatch | null) {
    this.#options = options;
    this.#book = book;
    this.#watch = watch;
    this.#nowMs = options.nowMs ?? Date.now;
  }

  static async open(options: AdmissionsOptions): Promise<Admissions> {
    const { authorizedKeysPath: path, identityPath, keysLookMs = LIMITS.keysLookMs } = options;
    const watch = path === null ? null : await FileWatch.begin(path, { everyMs: keysLookMs });
    const keys = path === null ? null : await loadAuthorizedKeys(path);
    const book = TicketBook.open(ticketBookPath(identityPath));
    const admissions = new Admissions(options, book, watch);
    admissions.#keys = keys;
    return admissions;
  }

  /** Says where this root is served. Throws `busy` when another process serves it. */
  announce(place: ServerPlace): void {
    this.#book.announce(this.#options.root, place);
  }

  /** Makes the server's own ticket, which ends with it; its secret. */
  mint({ once }: { readonly once: boolean }): Uint8Array<ArrayBuffer> {
    const { root, access } = this.#options;
    const nowMs = this.#nowMs();
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
   * What a client that comes from this address may do. A ticket that is shown decides, what it
   * refuses included: the same ticket means the same place and rights whoever shows it. The key counts
   * where none is. Throws `refused`, and `unauthorized` where there is neither.
   */
  grantOf({ identity, ticket }: Caller, address: string): Admitted {
    const { root, access } = this.#options;
    const most = grantOfAccess(access);
    if (ticket !== null) {
      const bearer = { root, identity, nowMs: this.#nowMs() };
      const { id, grant } = lookedUp(() => this.#book.redeem(ticket, bearer));
      return { grant: narrowGrant(most, grant), by: "ticket", account: fromHex(id) };
    }
    const key = this.#keys?.find(identity) ?? null;
    if (key === null) {
      const found = "it has no ticket and is not authorized";
      throw new SftpxError("unauthorized", `Cannot take the client in: ${found}`);
    }
    const found = keyRefusal(key, { address, nowMs: this.#nowMs() });
    if (found === null) return { grant: narrowGrant(most, key.grant), by: "key" };
    throw new SftpxError("refused", `Cannot take the client in: ${found}`);
  }

  /**
   * Claims a use of the ticket by which a client may do what it begins, for the transfer of this key;
   * null where its own key lets it, because it shows none.
   */
  claimTicket({ identity, ticket }: Caller, purpose: Uint8Array): TicketUse | null {
    if (ticket === null) return null;
    const bearer = { identity, nowMs: this.#nowMs() };
    const { root } = this.#options;
    return lookedUp(() => {
      const { id } = this.#book.redeem(ticket, { root, ...bearer });
      return this.#book.begin(id, { ...bearer, purpose });
    });
  }

  /** Whether a key is among the authorized ones, whatever it may do now. */
  knows(identity: Uint8Array): boolean {
    return (this.#keys?.find(identity) ?? null) !== null;
  }

  /** Whether a client that was let in by its key no longer would be, or not from this address. */
  isShutOut({ identity, ticket }: Caller, address: string): boolean {
    if (ticket !== null) return false;
    const key = this.#keys?.find(identity) ?? null;
    return key === null || keyRefusal(key, { address, nowMs: this.#nowMs() }) !== null;
  }

  /** Whether the keys' file is another one than was read last, and long enough so to be whole. */
  async haveKeysChanged(): Promise<boolean> {
    return await this.#watch?.hasChanged() ?? false;
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

/** What the book says of a ticket. Where it lies is no matter of whoever shows one, should it fail. */
function lookedUp<T>(look: () => T): T {
  try {
    return look();
  } catch (thrown) {
    const { code, cause } = toSftpxError(thrown);
    if (thrown instanceof SftpxError && cause === undefined) throw thrown;
    const found = "the server's ticket book cannot be used";
    throw new SftpxError(code, `Cannot take the client in: ${found}`, { cause: thrown });
  }
}
