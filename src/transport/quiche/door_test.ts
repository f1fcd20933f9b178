// The door alone: packets in, verdicts out. Over sockets the same is in listener_test.

import assert from "node:assert/strict";
import { concatBytes, equalBytes } from "../../base/bytes.ts";
import { Handshakes } from "../handshakes.ts";
import { Door, type DoorLimits, type DoorVerdict, type Household } from "./door.ts";
import { LEAST_INITIAL_BYTES, readLongHeader } from "./long_header.ts";

const REMOTE = { host: "192.0.2.1", port: 4000 };
const LIMITS: DoorLimits = {
  retryFromHalfOpen: 2,
  retryMs: 500,
  answers: { burst: 100, perSecond: 0 },
};
const SHAKES = { handshakeMs: 60_000, halfOpenPeers: 4, halfOpenPerAddress: 2 };
const CLIENT_ID = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const PEER_ID = Uint8Array.of(9, 9);
const ID_BYTES = 16;

interface Told {
  readonly type?: number;
  readonly version?: number;
  readonly to?: Uint8Array;
  readonly token?: Uint8Array;
  readonly length?: number;
}

/** A datagram that begins with a packet of this kind; what follows its header is nobody's business here. */
function datagram(
  { type = 0, version = 1, to = CLIENT_ID, token = new Uint8Array(0), length = 1200 }: Told = {},
): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set(concatBytes([
    Uint8Array.of(0xc0 | (type << 4), 0, 0, 0, version, to.length),
    to,
    Uint8Array.of(PEER_ID.length),
    PEER_ID,
    Uint8Array.of(0x40, token.length),
    token,
  ]));
  return bytes;
}

/** A door, and what it asked of the house. */
function openDoor(limits: Partial<DoorLimits> = {}, house: Partial<Household> = {}) {
  const asked: string[] = [];
  let halfOpen = 0;
  const household: Household = {
    get halfOpen() {
      return halfOpen;
    },
    mayBegin: (nowMs) => {
      asked.push("begin");
      return house.mayBegin?.(nowMs) ?? true;
    },
    mayEnter: (address) => {
      asked.push(address);
      return house.mayEnter?.(address) ?? true;
    },
    begin: (nowMs) => {
      asked.push("count");
      house.begin?.(nowMs);
    },
  };
  const all = { ...LIMITS, ...limits };
  const door = new Door({ limits: all, household, idBytes: ID_BYTES, nowMs: 0 });
  const judge = (packet: Uint8Array, at: { host?: string; port?: number; nowMs?: number } = {}) => {
    const { nowMs = 0, ...origin } = at;
    return door.judge(packet, { remote: { ...REMOTE, ...origin }, nowMs });
  };
  return { asked, judge, crowd: () => halfOpen = limits.retryFromHalfOpen ?? 2 };
}

/** What an answer is: the type of its packet, or that it negotiates versions. */
function answerOf(verdict: DoorVerdict): string {
  if (verdict.kind !== "answer") return verdict.kind;
  const header = readLongHeader(verdict.packet);
  assert.ok(header !== null);
  assert.ok(equalBytes(header.destinationId, PEER_ID), "it is addressed to somebody else");
  assert.ok(verdict.packet.length < LEAST_INITIAL_BYTES, "it makes more of less");
  return header.version === 0 ? "versions" : header.type!;
}

/** The Retry's id and token, to come back with. */
function broughtBack(verdict: DoorVerdict): Required<Pick<Told, "to" | "token">> {
  assert.equal(answerOf(verdict), "retry");
  const { packet } = verdict as Extract<DoorVerdict, { kind: "answer" }>;
  const { sourceId } = readLongHeader(packet)!;
  const tokenAt = 7 + PEER_ID.length + sourceId.length;
  return { to: sourceId, token: packet.slice(tokenAt, packet.length - 16) };
}

Deno.test("a client's first packet is let in, under an id of this end's making", () => {
  const { asked, judge } = openDoor();
  const [one, two] = [judge(datagram()), judge(datagram())];
  assert.ok(one.kind === "accept" && two.kind === "accept");
  assert.equal(one.ownId.length, ID_BYTES);
  assert.ok(!equalBytes(one.ownId, two.ownId), "an id that can be foreseen");
  assert.deepEqual([one.clientId, one.originalId], [new Uint8Array(CLIENT_ID), null]);
  assert.deepEqual(asked.slice(0, 3), ["begin", "192.0.2.1:4000", "count"]);
});

Deno.test("ids that are kept are copies: the packet's memory is used again", () => {
  const { judge } = openDoor();
  const packet = datagram();
  const verdict = judge(packet);
  packet.fill(0xff);
  assert.ok(verdict.kind === "accept");
  assert.deepEqual(verdict.clientId, new Uint8Array(CLIENT_ID));
});

Deno.test("what is no first packet of a client is dropped, and nobody is asked", () => {
  const { asked, judge } = openDoor();
  const strays: Record<string, Uint8Array> = {
    "a short header": new Uint8Array(1200).fill(0x40),
    "an empty datagram": new Uint8Array(0),
    "an Initial that is too short": datagram({ length: LEAST_INITIAL_BYTES - 1 }),
    "early data": datagram({ type: 1 }),
    "a handshake of no connection": datagram({ type: 2 }),
    "a Retry": datagram({ type: 3 }),
    "a version negotiation": datagram({ version: 0 }),
    "another version, too short": datagram({ version: 2, length: LEAST_INITIAL_BYTES - 1 }),
    "an id that a client must not make up": datagram({ to: new Uint8Array(7) }),
    "a header that is cut": datagram().fill(0xff, 5),
  };
  for (const [what, packet] of Object.entries(strays)) {
    assert.equal(answerOf(judge(packet)), "drop", what);
  }
  assert.deepEqual(asked, []);
});

Deno.test("another version is told which one is spoken, and nothing is kept of it", () => {
  const { asked, judge } = openDoor();
  assert.equal(answerOf(judge(datagram({ version: 2 }))), "versions");
  assert.deepEqual(asked, []);
});

Deno.test("answers to those of whom nothing is kept are so many and no more", () => {
  const { judge } = openDoor({ answers: { burst: 2, perSecond: 1 } }, { mayEnter: () => false });
  const kinds = [judge(datagram({ version: 2 })), judge(datagram()), judge(datagram())];
  assert.deepEqual(kinds.map(answerOf), ["versions", "initial", "drop"]);
  assert.equal(answerOf(judge(datagram({ version: 2 }), { nowMs: 1000 })), "versions");
});

Deno.test("amid many an address is proved first, and only then counted", () => {
  const { asked, judge, crowd } = openDoor();
  assert.equal(answerOf(judge(datagram())), "accept");
  crowd();
  asked.length = 0;
  const back = broughtBack(judge(datagram()));
  assert.deepEqual(asked, []);
  const verdict = judge(datagram(back));
  assert.ok(verdict.kind === "accept");
  assert.deepEqual(verdict.originalId, new Uint8Array(CLIENT_ID));
  assert.deepEqual([verdict.ownId, verdict.clientId], [back.to, back.to].map((id) => id.slice()));
  assert.deepEqual(asked, ["begin", "192.0.2.1:4000", "count"]);
});

Deno.test("an address is always proved first where that is wanted", () => {
  const { judge } = openDoor({ retryFromHalfOpen: 0 });
  assert.equal(answerOf(judge(datagram(broughtBack(judge(datagram()))))), "accept");
});

Deno.test("a proof that is another's, too old or altered is refused, and nobody is asked", () => {
  const { asked, judge } = openDoor({ retryFromHalfOpen: 0 });
  const back = broughtBack(judge(datagram()));
  const altered = back.token.slice();
  altered[altered.length - 1]! ^= 1;
  assert.equal(answerOf(judge(datagram(back), { host: "192.0.2.2" })), "initial");
  assert.equal(answerOf(judge(datagram(back), { port: 4001 })), "initial");
  assert.equal(answerOf(judge(datagram(back), { nowMs: 501 })), "initial");
  assert.equal(answerOf(judge(datagram({ ...back, token: altered }))), "initial");
  assert.equal(answerOf(judge(datagram({ ...back, to: CLIENT_ID }))), "initial");
  assert.equal(answerOf(openDoor().judge(datagram(back))), "initial");
  assert.deepEqual(asked, []);
});

Deno.test("what another server gave out proves nothing, and harms nobody", () => {
  const token = new TextEncoder().encode("another server's");
  const { judge, crowd } = openDoor();
  assert.equal(answerOf(judge(datagram({ token }))), "accept");
  crowd();
  assert.equal(answerOf(judge(datagram({ token }))), "retry");
});

Deno.test("a server that is full says nothing, and does not ask whose address it is", () => {
  const { asked, judge } = openDoor({}, { mayBegin: () => false });
  assert.equal(answerOf(judge(datagram())), "drop");
  assert.deepEqual(asked, ["begin"]);
});

Deno.test("an address that comes too often is told so before anything is computed for it", () => {
  const { asked, judge } = openDoor({}, { mayEnter: () => false });
  assert.equal(answerOf(judge(datagram())), "initial");
  assert.deepEqual(asked, ["begin", "192.0.2.1:4000"], "nothing began");
});

Deno.test("an address that is turned away each time spends nobody else's arrivals", () => {
  const handshakes = new Handshakes(
    { ...SHAKES, arrivals: { burst: 2, perSecond: 0 } },
    (address) => !address.startsWith("192.0.2.9:"),
  );
  const nowMs = performance.now();
  const answers = { burst: 3, perSecond: 0 };
  const limits = { ...LIMITS, answers };
  const door = new Door({ limits, household: handshakes, idBytes: ID_BYTES, nowMs });
  const come = (host: string, times: number) =>
    Array.from(
      { length: times },
      (_, index) =>
        answerOf(door.judge(datagram(), { remote: { host, port: 4000 + index }, nowMs })),
    );
  assert.deepEqual(come("192.0.2.9", 5), ["initial", "initial", "initial", "drop", "drop"]);
  assert.deepEqual(come("192.0.2.1", 3), ["accept", "accept", "drop"]);
});
