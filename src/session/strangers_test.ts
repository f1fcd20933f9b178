import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import type { CloseInfo, Connection } from "../transport/transport.ts";
import { isCode } from "./_fixture.ts";
import { Strangers } from "./strangers.ts";

/** One who came from there, and how it was shown out. */
function peer(remoteAddress: string, protocol: Connection["protocol"] = "sftpx/1") {
  const closes: (CloseInfo["code"])[] = [];
  const close = (code: CloseInfo["code"]) => void closes.push(code);
  const connection = { remoteAddress, protocol, close } as unknown as Connection;
  return { connection, closes };
}

function claimer(remoteAddress: string): Connection {
  return peer(remoteAddress, "sftpx-claim/1").connection;
}

function prover(remoteAddress: string): Connection {
  return peer(remoteAddress).connection;
}

/** Nobody has been there for long. */
const NOW_MS = LIMITS.strangerGraceMs - 1;

Deno.test("Strangers bounds who comes from one address, and gives places back", () => {
  const strangers = new Strangers();
  const places = Array.from(
    { length: LIMITS.unauthenticatedPerAddress },
    (_, index) => strangers.enter(prover(`192.0.2.1:${1000 + index}`), 0),
  );
  assert.throws(() => strangers.enter(prover("192.0.2.1:9"), NOW_MS), isCode("busy"));
  using _other = strangers.enter(prover("192.0.2.2:9"), NOW_MS);
  places.pop()![Symbol.dispose]();
  using _again = strangers.enter(prover("192.0.2.1:9"), NOW_MS);
  assert.throws(() => strangers.enter(prover("192.0.2.1:10"), NOW_MS), isCode("busy"));
});

Deno.test("Strangers bounds how many come from anywhere", () => {
  const strangers = new Strangers();
  const places = Array.from(
    { length: LIMITS.unauthenticatedPeers },
    (_, index) => strangers.enter(prover(`[2001:db8:0:${index.toString(16)}::1]:1`), 0),
  );
  assert.throws(() => strangers.enter(prover("192.0.2.1:9"), NOW_MS), isCode("busy"));
  for (const place of places) place[Symbol.dispose]();
  strangers.enter(prover("192.0.2.1:9"), NOW_MS)[Symbol.dispose]();
});

Deno.test("who stays at the door for long makes room for a newcomer of the same address", () => {
  const strangers = new Strangers();
  const peers = Array.from(
    { length: LIMITS.unauthenticatedPerAddress },
    (_, index) => peer(`192.0.2.1:${1000 + index}`),
  );
  const places = peers.map(({ connection }, index) => strangers.enter(connection, index));
  const lateMs = LIMITS.strangerGraceMs;
  using _newcomer = strangers.enter(prover("192.0.2.1:9"), lateMs);
  assert.deepEqual(peers[0]!.closes, ["busy"]);
  assert.equal(places[0]!.shownOut?.code, "busy");
  assert.deepEqual([peers[1]!.closes, places[1]!.shownOut], [[], null]);
  assert.throws(() => strangers.enter(prover("192.0.2.1:9"), lateMs), isCode("busy"));
  // That it goes then takes no place from anybody.
  places[0]![Symbol.dispose]();
  assert.throws(() => strangers.enter(prover("192.0.2.1:9"), lateMs), isCode("busy"));
});

Deno.test("a full door is cleared of those whose address has most places there", () => {
  const strangers = new Strangers();
  const honest = peer("192.0.2.1:1");
  using _honest = strangers.enter(honest.connection, 0);
  const crowd = Array.from(
    { length: LIMITS.unauthenticatedPerAddress },
    (_, index) => peer(`192.0.2.2:${index}`),
  );
  for (const { connection } of crowd) strangers.enter(connection, 1);
  for (let n = crowd.length + 1; n < LIMITS.unauthenticatedPeers; n++) {
    strangers.enter(prover(`[2001:db8:0:${n.toString(16)}::1]:1`), 1);
  }
  strangers.enter(prover("192.0.2.3:1"), 1 + LIMITS.strangerGraceMs);
  assert.deepEqual([honest.closes, crowd[0]!.closes], [[], ["busy"]]);
});

Deno.test("claims leave three of four places to those who prove who they are", () => {
  const strangers = new Strangers();
  const fromOne = LIMITS.unauthenticatedPerAddress / 4;
  const held: Disposable[] = [];
  for (let n = 0; n < fromOne; n++) held.push(strangers.enter(claimer(`192.0.2.1:${n}`), 0));
  assert.throws(() => strangers.enter(claimer("192.0.2.1:9"), 0), isCode("busy"));
  for (let n = fromOne; n < LIMITS.unauthenticatedPerAddress; n++) {
    held.push(strangers.enter(prover(`192.0.2.1:${n}`), 0));
  }
  assert.throws(() => strangers.enter(prover("192.0.2.1:9"), 0), isCode("busy"));
  for (let n = fromOne; n < LIMITS.unauthenticatedPeers / 4; n++) {
    held.push(strangers.enter(claimer(`[2001:db8:0:${n.toString(16)}::1]:1`), 0));
  }
  assert.throws(() => strangers.enter(claimer("192.0.2.9:1"), 0), isCode("busy"));
  for (let n = held.length; n < LIMITS.unauthenticatedPeers; n++) {
    held.push(strangers.enter(prover(`[2001:db8:1:${n.toString(16)}::1]:1`), 0));
  }
  assert.throws(() => strangers.enter(prover("192.0.2.9:1"), 0), isCode("busy"));
  held[0]![Symbol.dispose]();
  strangers.enter(claimer("192.0.2.1:9"), 0)[Symbol.dispose]();
  strangers.enter(prover("192.0.2.9:1"), 0)[Symbol.dispose]();
});
