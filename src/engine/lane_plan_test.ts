import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { FREE_LANES } from "./_fixture.ts";
import { LONG_CONNECTIONS, LONG_LANES, SHORT_LANES } from "./lane_goal.ts";
import type { LanePlanOptions } from "./lane_goal.ts";
import { LanePlan, type LaneSight } from "./lane_plan.ts";

const LONG_MS = 10 * LIMITS.shortPathMs;
const UNTOLD: LanePlanOptions = { ...FREE_LANES, hasOther: true };
const EARLY: LanePlanOptions = { ...UNTOLD, early: LONG_CONNECTIONS - 1 };

function sightAt(nowMs: number, more: Partial<LaneSight> = {}): LaneSight {
  const seen = { rttMs: null, carried: { quic: 0, tcp: 0 }, idleShare: 0 };
  return { nowMs, there: { quic: 1, tcp: 0 }, ...seen, ...more };
}

Deno.test("a plan counts on connections that were dialled early, before it knows the path", () => {
  const plan = new LanePlan(EARLY);
  assert.deepEqual(plan.look(sightAt(0)), { quic: 4, tcp: 0, lanes: LONG_LANES });
  assert.equal(plan.pollReason(), "the path is long");
  // It is no reason to take them back that nobody has measured the path by then.
  for (let nowMs = 200; nowMs < 2000; nowMs += 200) plan.look(sightAt(nowMs));
  assert.deepEqual(plan.look(sightAt(2000, { rttMs: LONG_MS })).quic, 4);
});

Deno.test("a plan that nobody told of them counts on connections that came by themselves", () => {
  const plan = new LanePlan(UNTOLD);
  assert.equal(plan.look(sightAt(0)).quic, 1);
  const there = { quic: 3, tcp: 0 };
  assert.deepEqual(plan.look(sightAt(200, { there })), { quic: 3, tcp: 0, lanes: LONG_LANES });
  assert.equal(plan.look(sightAt(400, { there, rttMs: LONG_MS })).quic, 3);
});

Deno.test("a plan keeps to what fits, to what the user said and to a limit, whatever was dialled early", () => {
  const goalOf = (more: Partial<LanePlanOptions>) =>
    new LanePlan({ ...EARLY, ...more }).look(sightAt(0));
  assert.equal(goalOf({ mostConnections: 2 }).quic, 2);
  assert.deepEqual(goalOf({ lanes: 3 }), { quic: 3, tcp: 0, lanes: 3 });
  assert.equal(goalOf({ connections: 1 }).quic, 1);
  assert.equal(goalOf({ mostBytesPerSecond: 1e6 }).quic, 1);
  assert.deepEqual(goalOf({ early: 0 }), { quic: 1, tcp: 0, lanes: SHORT_LANES });
});

Deno.test("a plan gives early connections back where the path turns out to be short", () => {
  const plan = new LanePlan(EARLY);
  plan.look(sightAt(0));
  const there = { quic: 4, tcp: 0 };
  const goal = plan.look(sightAt(200, { rttMs: LIMITS.shortPathMs / 10, there }));
  assert.deepEqual(goal, { quic: 1, tcp: 0, lanes: SHORT_LANES });
});
