// Sessions that ended a moment ago. A connection that set off to join one while it lasted comes too late,
// which is no attack: a short transfer is over before its further connections are there. Only keys are
// kept, for as long as a connection may be on its way, and of so many sessions as there may be at once.

import { LIMITS } from "../base/limits.ts";
import type { Caller } from "./admissions.ts";

/** What is kept of a session. */
export interface DepartedSession {
  readonly key: Uint8Array;
  readonly caller: Caller;
}

interface Kept extends DepartedSession {
  readonly untilMs: number;
}

export class Departed {
  /** In the order they ended. */
  readonly #sessions = new Map<number, Kept>();

  /** How many are kept. */
  get count(): number {
    return this.#sessions.size;
  }

  add(
    session: number,
    { key, caller, nowMs }: DepartedSession & { readonly nowMs: number },
  ): void {
    this.#sessions.set(session, { key, caller, untilMs: nowMs + LIMITS.handshakeMs });
    this.#forget(nowMs);
  }

  /** The one of this number; null where none ended so lately. */
  find(session: number, nowMs: number): DepartedSession | null {
    this.#forget(nowMs);
    return this.#sessions.get(session) ?? null;
  }

  #forget(nowMs: number): void {
    for (const [session, { untilMs }] of this.#sessions) {
      if (untilMs > nowMs && this.#sessions.size <= LIMITS.sessions) return;
      this.#sessions.delete(session);
    }
  }
}
