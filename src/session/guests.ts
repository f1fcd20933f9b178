// The sessions that a server runs, by number, each with whose it is and where it came from. Takes in no
// more than there is room for, and turns out whoever may be here no longer.

import { SftpxError } from "../base/errors.ts";
import type { Admissions, Caller } from "./admissions.ts";
import { Departed } from "./departed.ts";
import type { JoinableSession } from "./reception.ts";
import type { ServedSession } from "./served_session.ts";
import { requireSessionRoom, type SessionGuest } from "./session_places.ts";

/** A session that runs. */
export interface Guest extends SessionGuest {
  readonly session: ServedSession;
  readonly caller: Caller;
  /** Ends what it does, and only that. */
  readonly stop: AbortController;
}

export class Guests {
  readonly #guests = new Map<number, Guest>();
  readonly #departed = new Departed();

  /** A number for one more session; throws `busy` where there is no room for it. */
  numberFor(next: SessionGuest): number {
    requireSessionRoom(this.#guests.values(), next);
    let session: number;
    do session = crypto.getRandomValues(new Uint32Array(1))[0]!; while (this.#guests.has(session));
    return session;
  }

  add(session: number, guest: Guest): void {
    this.#guests.set(session, guest);
  }

  leave(session: number): void {
    const guest = this.#guests.get(session);
    if (guest === undefined) return;
    this.#guests.delete(session);
    const { session: { key }, caller } = guest;
    this.#departed.add(session, { key, caller, nowMs: performance.now() });
  }

  /**
   * The session that a connection from an address may join, or is late for; null where there is none. A
   * key that is for some addresses only is so for each connection.
   */
  sessionFor(
    { session, address }: { readonly session: number; readonly address: string },
    admissions: Pick<Admissions, "isShutOut">,
  ): JoinableSession | null {
    const guest = this.#guests.get(session);
    const departed = guest ? null : this.#departed.find(session, performance.now());
    const known = guest ?? departed;
    if (known === null || admissions.isShutOut(known.caller, address)) return null;
    if (guest !== undefined) return guest.session;
    return departed && { key: departed.key, hub: null, isOver: true, reserve: () => false };
  }

  /** Keys changed: ends the sessions of those who have none any more. */
  turnOut(admissions: Pick<Admissions, "isShutOut">): void {
    for (const { session, caller, address, stop } of this.#guests.values()) {
      if (!admissions.isShutOut(caller, address)) continue;
      const revoked = new SftpxError("refused", "Cannot go on: this key is no longer authorized");
      stop.abort(revoked);
      session.settled().then(() => session.hub.close("refused", revoked.message));
    }
  }

  /** Settles once nothing is under way in any session. */
  async settled(): Promise<void> {
    await Promise.all([...this.#guests.values()].map(({ session }) => session.settled()));
  }
}
