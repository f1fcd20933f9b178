import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { isCode } from "./_fixture.ts";
import { requireSessionRoom, type SessionGuest } from "./session_places.ts";

const NO_TICKET = null;

/** A number as an identity or a ticket. */
function name(number: number): Uint8Array {
  return Uint8Array.of(number >> 8, number & 255);
}

function guest(
  { identity, ticket = NO_TICKET, from }: {
    readonly identity: number;
    readonly ticket?: number | null;
    readonly from: number;
  },
): SessionGuest {
  return {
    caller: { identity: name(identity), ticket: ticket === null ? null : name(ticket) },
    address: `10.0.${from >> 8}.${from & 255}:1`,
  };
}

/** Lets guests in until one is refused; their number and why it ended. */
function fill(next: (index: number) => SessionGuest, others: SessionGuest[] = []) {
  const guests = [...others];
  for (let index = 0;; index++) {
    assert.ok(index <= LIMITS.sessions, "nobody is refused");
    try {
      requireSessionRoom(guests, next(index));
    } catch (thrown) {
      assert.ok(isCode("busy")(thrown));
      return { guests, taken: index, text: (thrown as Error).message };
    }
    guests.push(next(index));
  }
}

Deno.test("one identity takes a part of all sessions, from wherever it comes", () => {
  const { guests, taken, text } = fill((index) => guest({ identity: 1, from: index }));
  assert.equal(taken, LIMITS.sessionsPerIdentity);
  assert.match(text, /of its identity/);
  requireSessionRoom(guests, guest({ identity: 2, from: 0 }));
});

Deno.test("one ticket takes a part of all sessions, whatever identities its bearer makes up", () => {
  const bearer = (index: number) => guest({ identity: index, ticket: 1, from: index });
  const { guests, taken, text } = fill(bearer);
  assert.equal(taken, LIMITS.sessionsPerTicket);
  assert.match(text, /by its ticket/);
  requireSessionRoom(guests, guest({ identity: 9999, ticket: 2, from: 1 }));
  requireSessionRoom(guests, guest({ identity: 9999, from: 1 }));
});

Deno.test("one address takes a part of all sessions", () => {
  const { guests, taken, text } = fill((index) => guest({ identity: index, from: 1 }));
  assert.equal(taken, LIMITS.sessionsPerAddress);
  assert.match(text, /from its address/);
  requireSessionRoom(guests, guest({ identity: 9999, from: 2 }));
});

Deno.test("sessions are bounded in all", () => {
  const { taken } = fill((index) => guest({ identity: index, from: index }));
  assert.equal(taken, LIMITS.sessions);
});
