import assert from "node:assert/strict";
import { ERROR_TABLE, type ErrorCode, SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { type Miss, Search, verdictOf } from "./search.ts";

const TIMEOUT_MS = 30_000;

function errorOf(code: ErrorCode, { remote = false } = {}): SftpxError {
  return new SftpxError(code, `Cannot go on: ${code}`, { remote });
}

function missOf(more: Partial<Miss> = {}): Miss {
  return { verdict: "lost", error: errorOf("lost"), heardMs: 1000, nowMs: 6000, ...more };
}

function searchOf(more: Partial<Miss> = {}, tries = 0): Search {
  return new Search(missOf(more), { timeoutMs: TIMEOUT_MS, tries });
}

Deno.test("verdictOf() tries again only what another attempt may mend", () => {
  const again: Record<string, string> = {};
  for (const code of Object.keys(ERROR_TABLE) as ErrorCode[]) {
    for (const remote of [false, true]) {
      const error = errorOf(code, { remote });
      const first = verdictOf(error, { began: false, isLooking: false });
      const later = verdictOf(error, { began: true, isLooking: false });
      const looking = verdictOf(error, { began: false, isLooking: true });
      const verdicts = [first, later, looking].join();
      if (verdicts !== "over,over,over") again[`${code} ${remote ? "there" : "here"}`] = verdicts;
    }
  }
  assert.deepEqual(again, {
    "busy here": "busy,busy,busy",
    "busy there": "busy,busy,busy",
    "lost here": "over,lost,lost",
    "lost there": "over,lost,lost",
    "terminated there": "over,lost,lost",
    "unreachable here": "over,over,lost",
    "unreachable there": "over,over,lost",
  });
});

Deno.test("a search lasts the whole time without the peer, from when it was last heard", () => {
  const search = searchOf();
  assert.equal(search.leftMs(6000), 25_000);
  assert.equal(search.leftMs(40_000), 0);
  assert.equal(search.seconds(8500), 7.5);
});

Deno.test("a search of an end that stood still for long has time all the same", () => {
  assert.equal(searchOf({ heardMs: 0, nowMs: 3_600_000 }).leftMs(3_600_000), TIMEOUT_MS / 2);
});

Deno.test("an attempt that reaches nobody gives a search no more time", () => {
  const search = searchOf();
  search.miss(missOf({ error: errorOf("unreachable"), heardMs: null, nowMs: 12_000 }));
  assert.equal(search.leftMs(12_000), 19_000);
  assert.equal(search.cause.code, "lost");
});

Deno.test("a session that is lost on the way back is a sign of life", () => {
  const search = searchOf();
  search.miss(missOf({ heardMs: 20_000, nowMs: 22_000 }));
  assert.equal(search.leftMs(22_000), 28_000);
});

Deno.test("a peer that is busy is waited for from its first word on, not from its last", () => {
  const busy = { verdict: "busy", error: errorOf("busy", { remote: true }) } as const;
  const search = searchOf({ ...busy, heardMs: 5000, nowMs: 5000 });
  search.miss(missOf({ ...busy, heardMs: 20_000, nowMs: 20_000 }));
  assert.equal(search.leftMs(20_000), 15_000);
  assert.equal(search.wasLost, false);
  assert.match(search.gaveUp().message, /busy; waited 30 s for it$/);
});

Deno.test("a peer that was lost and is busy when it is found is waited for", () => {
  const search = searchOf();
  const busy = { verdict: "busy", error: errorOf("busy", { remote: true }) } as const;
  search.miss(missOf({ ...busy, heardMs: 10_000, nowMs: 10_000 }));
  assert.equal(search.leftMs(10_000), TIMEOUT_MS);
  assert.equal(search.wasLost, true);
  assert.equal(search.gaveUp().code, "busy");
});

Deno.test("pauses double up to their bound, and differ by a little chance", () => {
  const pausesMs = [0, 1, 2, 3, 4, 5, 60].map((tries) => searchOf({}, tries).pauseMs(6000, 0.5));
  assert.deepEqual(pausesMs, [250, 500, 1000, 2000, 4000, 4000, 4000]);
  const search = searchOf();
  assert.ok(search.pauseMs(6000, 0) < LIMITS.minBackoffMs);
  assert.ok(search.pauseMs(6000, 0.99) > LIMITS.minBackoffMs);
});

Deno.test("however short its time is, a search has time for an attempt; the last ones do not crowd", () => {
  const search = new Search(missOf({ heardMs: 0, nowMs: 25 }), { timeoutMs: 50, tries: 0 });
  assert.ok(search.pauseMs(25, 0.5) < search.leftMs(25));
  const late = searchOf({}, 5);
  assert.equal(late.pauseMs(30_500, 0.5), 250);
  assert.equal(late.pauseMs(30_900, 0.5), 100);
});

Deno.test("one attempt may take ever longer, and never longer than is left", () => {
  assert.equal(searchOf().reachMs(6000), LIMITS.silenceMs);
  assert.equal(searchOf({}, 1).reachMs(6000), 2 * LIMITS.silenceMs);
  assert.equal(searchOf({}, 1).reachMs(29_000), 2000);
  assert.equal(searchOf().reachMs(99_000), 1);
});

Deno.test("who gives up says what happened and how long it looked", () => {
  const lost = searchOf().gaveUp();
  assert.deepEqual([lost.code, lost.exit], ["lost", 20]);
  assert.equal(lost.message, "Cannot go on: lost; not found again within 30 s");
  const stopped = searchOf({ error: errorOf("terminated", { remote: true }) }).gaveUp();
  assert.deepEqual([stopped.code, stopped.exit], ["terminated", 20]);
});

Deno.test("who is turned down keeps the answer, behind what came before it", () => {
  const refused = searchOf().turnedDown(errorOf("refused", { remote: true }));
  assert.deepEqual([refused.code, refused.remote], ["refused", true]);
  assert.equal(refused.message, "Cannot go on: lost; then: Cannot go on: refused");
  const busy = { verdict: "busy", error: errorOf("busy") } as const;
  const answer = errorOf("no_space", { remote: true });
  assert.equal(searchOf({ ...busy, heardMs: 1, nowMs: 1 }).turnedDown(answer), answer);
});
