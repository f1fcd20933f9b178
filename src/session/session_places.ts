// How many sessions a server has at once: in all, and of these for one identity, one ticket (whose
// bearer makes up identities as they like) and one address. Nobody takes them all.

import { sourceOf } from "../base/address.ts";
import { toHex } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Caller } from "./admissions.ts";

/** Whose session it is, and where its first connection came from. */
export interface SessionGuest {
  readonly caller: Pick<Caller, "identity" | "ticket">;
  readonly address: string;
}

/** Throws `busy` where there is no room for one more of these. */
export function requireSessionRoom(guests: Iterable<SessionGuest>, next: SessionGuest): void {
  const wanted = keysOf(next);
  const counts = wanted.map(() => 0);
  let all = 0;
  for (const guest of guests) {
    all++;
    const keys = keysOf(guest);
    for (const [at, { key }] of wanted.entries()) {
      if (key !== null && keys[at]?.key === key) counts[at]!++;
    }
  }
  if (all >= LIMITS.sessions) throw full("");
  for (const [at, { most, whose }] of wanted.entries()) {
    if (counts[at]! >= most) throw full(whose);
  }
}

interface Key {
  /** Null where this does not count. */
  readonly key: string | null;
  readonly most: number;
  readonly whose: string;
}

function keysOf({ caller: { identity, ticket }, address }: SessionGuest): readonly Key[] {
  return [
    { key: toHex(identity), most: LIMITS.sessionsPerIdentity, whose: " of its identity" },
    {
      key: ticket === null ? null : toHex(ticket),
      most: LIMITS.sessionsPerTicket,
      whose: " by its ticket",
    },
    { key: sourceOf(address), most: LIMITS.sessionsPerAddress, whose: " from its address" },
  ];
}

function full(whose: string): SftpxError {
  return new SftpxError("busy", `Cannot take the client in: too many sessions${whose} are open`);
}
