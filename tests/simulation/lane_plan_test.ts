// Lane plans on models of paths: how near to what a path gives they come, how soon, and at what price.

import assert from "node:assert/strict";
import { FREE_LANES } from "../../src/engine/_fixture.ts";
import type { LaneGoal, LanePlanOptions } from "../../src/engine/lane_goal.ts";
import { LanePlan } from "../../src/engine/lane_plan.ts";
import { ModelSession, type PathModel } from "./model_path.ts";

const LOOK_MS = 200;
const LINK_50_MB = 50e6;

interface Outcome {
  readonly session: ModelSession;
  readonly plan: LanePlan;
  /** Bytes over what the path could have carried, from the first look on. */
  readonly share: number;
}

interface Scene {
  readonly seconds?: number;
  readonly options?: Partial<LanePlanOptions>;
  readonly mayJoin?: (way: "quic" | "tcp") => boolean;
}

function run(path: PathModel, { seconds = 10, options = {}, mayJoin }: Scene = {}): Outcome {
  const wanted: LanePlanOptions = { ...FREE_LANES, ...options };
  const plan = new LanePlan(wanted);
  const { first } = wanted;
  const session = new ModelSession(path, mayJoin === undefined ? { first } : { first, mayJoin });
  let idleShare = 1;
  for (let nowMs = 0; nowMs <= seconds * 1000; nowMs += LOOK_MS) {
    const { carried, there } = session;
    const tcpLossRatio = there.tcp > 0 ? path.lossRatio : null;
    const tells = { rttMs: path.rttMs, carried: { ...carried }, there, tcpLossRatio };
    const sight = { nowMs, ...tells, idleShare };
    session.obey(plan.look(sight));
    idleShare = session.pass(LOOK_MS);
  }
  const bytes = session.carried.quic + session.carried.tcp;
  const most = Math.min(path.bytesPerSecond, path.sourceBytesPerSecond ?? Infinity);
  return { session, plan, share: bytes / seconds / most };
}

for (const lossRatio of [0, 0.001, 0.01]) {
  Deno.test(`a transfer of ten seconds fills a path of 50 ms and ${100 * lossRatio} % loss`, () => {
    const { share } = run({ rttMs: 50, lossRatio, bytesPerSecond: LINK_50_MB, wobble: 0.1 });
    assert.ok(share > 0.9, `${share}`);
  });
}

Deno.test("where loss holds every connection back, more are added as long as they help", () => {
  const path = {
    rttMs: 50,
    lossRatio: 0.001,
    bytesPerSecond: LINK_50_MB,
    quicCongestion: "cubic",
  } as const;
  const { session, plan } = run(path, { seconds: 20 });
  assert.equal(plan.goal.quic, 16);
  const one = run(path, { seconds: 20, options: { connections: 1 } });
  assert.ok(session.rate > 10 * one.session.rate, `${session.rate} of ${one.session.rate}`);
});

Deno.test("a path that is full gets no more connections than show that it is", () => {
  const { session, plan } = run({
    rttMs: 50,
    lossRatio: 0,
    bytesPerSecond: LINK_50_MB,
    wobble: 0.1,
  });
  assert.equal(plan.goal.quic, 4);
  assert.equal(session.opened, 8);
});

Deno.test("a clean short path keeps to one connection", () => {
  const path = { rttMs: 0.2, lossRatio: 0, bytesPerSecond: 1e9, wobble: 0.2 };
  const { session, plan } = run(path, { seconds: 8 });
  assert.deepEqual(plan.goal, { quic: 1, tcp: 0, lanes: 4 });
  assert.equal(session.opened, 2);
});

Deno.test("a transfer that is bound by its source opens nothing", () => {
  for (const rttMs of [0.2, 50]) {
    const path = { rttMs, lossRatio: 0, bytesPerSecond: 1e9, sourceBytesPerSecond: 2e6 };
    const { session, share } = run(path, { seconds: 30, options: { hasOther: true } });
    assert.equal(session.opened, 1);
    assert.ok(share > 0.95);
  }
});

Deno.test("what the user says is exact", () => {
  const path = { rttMs: 50, lossRatio: 0.001, bytesPerSecond: 1e9 };
  for (const [connections, lanes] of [[1, 1], [3, 5], [2, 32]] as const) {
    const { session, plan } = run(path, { options: { connections, lanes, hasOther: true } });
    assert.deepEqual(plan.goal, { quic: connections, tcp: 0, lanes });
    assert.equal(session.opened, connections);
  }
  const lanes = run(path, { options: { lanes: 2 } });
  assert.equal(lanes.plan.goal.lanes, 2);
  assert.ok(lanes.session.opened <= 2);
  assert.equal(run(path, { options: { connections: 2 } }).plan.goal.quic, 2);
});

Deno.test("there are never more connections or lanes than their bounds", () => {
  const path = {
    rttMs: 200,
    lossRatio: 0.01,
    bytesPerSecond: 1e9,
    quicCongestion: "cubic",
  } as const;
  for (
    const bounds of [{ mostConnections: 3, mostLanes: 16 }, { mostConnections: 16, mostLanes: 2 }]
  ) {
    const { session, plan } = run(path, { seconds: 60, options: { ...bounds, hasOther: true } });
    assert.ok(session.opened <= Math.min(bounds.mostConnections, bounds.mostLanes));
    assert.ok(plan.goal.lanes <= bounds.mostLanes);
  }
});

Deno.test("TCP on a short path that loses packets is helped by more of it", () => {
  const path = { rttMs: 0.3, lossRatio: 0.01, bytesPerSecond: 1e9, quicBytesPerSecond: 200e6 };
  const { session } = run(path, { seconds: 12, options: { first: "tcp", hasOther: true } });
  const alone = run(path, { seconds: 12, options: { first: "tcp", connections: 1 } });
  assert.ok(session.rate > 8 * alone.session.rate);
});

Deno.test("TCP that something on a short path holds back makes way for QUIC", () => {
  const path = {
    rttMs: 0.3,
    lossRatio: 0.01,
    bytesPerSecond: 1e9,
    tcpBytesPerSecond: 40e6,
    quicBytesPerSecond: 200e6,
  };
  const { session, plan } = run(path, { seconds: 12, options: { first: "tcp", hasOther: true } });
  assert.ok(plan.goal.quic > 0);
  assert.ok(session.rate >= 200e6, `${session.rate}`);
});

Deno.test("QUIC that the processor holds back gets TCP beside it, and its place where that is faster", () => {
  const path = {
    rttMs: 50,
    lossRatio: 0,
    bytesPerSecond: 1e9,
    tcpBytesPerSecond: 900e6,
    quicBytesPerSecond: 100e6,
  };
  const { session } = run(path, { seconds: 20, options: { hasOther: true } });
  assert.ok(session.rate > 150e6, `${session.rate}`);
});

/** The paths that "auto" is measured on (bench transports), with either way of TCP to meet loss. */
const PATHS = [0.2, 50].flatMap((rttMs) =>
  [0, 0.01].flatMap((lossRatio) =>
    [12.5e6, 2.5e9].flatMap((bytesPerSecond) =>
      (["cubic", "bbr"] as const).flatMap((tcpCongestion) =>
        [false, true].map((hasSharedProcessor) => ({
          rttMs,
          lossRatio,
          bytesPerSecond,
          tcpCongestion,
          hasSharedProcessor,
          wobble: 0.05,
        }))
      )
    )
  )
);

Deno.test("on each path what is found comes to within a tenth of the better way alone", async (t) => {
  for (const path of PATHS) {
    const { rttMs, lossRatio, bytesPerSecond, tcpCongestion, hasSharedProcessor } = path;
    const link = `${rttMs} ms, ${100 * lossRatio} %, ${bytesPerSecond / 1e6} MB/s`;
    const shown = `${link}, ${tcpCongestion}, ${hasSharedProcessor ? "one processor" : "two"}`;
    await t.step(shown, () => {
      // What wins the race.
      const first = rttMs < 5 ? "tcp" : "quic";
      const carried = (options: Partial<LanePlanOptions>) => {
        const { session: { carried, rate }, plan } = run(path, { seconds: 20, options });
        return { rate, bytes: carried.quic + carried.tcp, goal: plan.goal };
      };
      const found = carried({ first, hasOther: true });
      const alone = (["quic", "tcp"] as const).map((way) => carried({ first: way }));
      const best = Math.max(...alone.map(({ rate }) => rate));
      const most = Math.max(...alone.map(({ bytes }) => bytes));
      const told = JSON.stringify({ found, alone });
      assert.ok(found.rate >= 0.9 * best, told);
      // Finding it takes its time.
      assert.ok(found.bytes >= 0.8 * most, told);
    });
  }
});

Deno.test("TCP on a short clean path stays alone", () => {
  const path = { rttMs: 0.2, lossRatio: 0, bytesPerSecond: 900e6 };
  const { plan, session } = run(path, { options: { first: "tcp", hasOther: true } });
  assert.equal(plan.goal.quic, 0);
  assert.ok(session.opened <= 2);
});

Deno.test("on a long path that loses packets TCP is not tried beside QUIC", () => {
  const path = { rttMs: 50, lossRatio: 0.01, bytesPerSecond: LINK_50_MB };
  const { plan } = run(path, { options: { hasOther: true } });
  assert.equal(plan.goal.tcp, 0);
});

Deno.test("connections of a way that did not help keep their places, and the others take what is left", () => {
  const path: PathModel = {
    rttMs: 50,
    // 20 MB/s for each connection.
    lossRatio: 2.7e-6,
    quicCongestion: "cubic",
    bytesPerSecond: 2.5e9,
    quicBytesPerSecond: 1e9,
    tcpBytesPerSecond: 1e6,
  };
  const { session, plan } = run(path, { seconds: 12, options: { hasOther: true } });
  assert.equal(session.there.tcp, 4);
  assert.deepEqual(plan.goal, { quic: 12, tcp: 0, lanes: 12 });
});

Deno.test("connections that do not come are done without, and not asked for again at once", () => {
  const path = {
    rttMs: 50,
    lossRatio: 0.001,
    bytesPerSecond: 1e9,
    quicCongestion: "cubic",
  } as const;
  let asked = 0;
  const mayJoin = () => {
    asked++;
    return false;
  };
  const { session, plan } = run(path, { seconds: 8, mayJoin });
  assert.equal(session.opened, 1);
  assert.ok(plan.goal.lanes >= 1);
  assert.ok(asked > 0);
});

Deno.test("a path that changes is measured again", () => {
  const plan = new LanePlan({ ...FREE_LANES, lanes: 4 });
  let carried = 0;
  const goals: number[] = [];
  for (let nowMs = 0; nowMs < 20_000; nowMs += LOOK_MS) {
    const there = { quic: plan.goal.quic, tcp: 0 };
    const sight = { nowMs, rttMs: 1, carried: { quic: carried, tcp: 0 }, there, idleShare: 0 };
    goals.push(plan.look(sight).quic);
    // First the link is what binds; then each connection by itself.
    carried += nowMs < 5_000 ? 20e6 : 2e6 * plan.goal.quic;
  }
  assert.equal(goals[24], 1);
  assert.equal(plan.goal.quic, 4);
});

/** Lanes that take a window each at once, as fast as there are frames, and then what the link carries. */
function runSlow(
  { rttMs, linkBytesPerSecond, seconds, options = {} }: {
    readonly options?: Partial<LanePlanOptions>;
    readonly rttMs: number;
    readonly linkBytesPerSecond: number;
    readonly seconds: number;
  },
): readonly LaneGoal[] {
  const plan = new LanePlan({ ...FREE_LANES, ...options });
  const goals: LaneGoal[] = [];
  let takenBytes = 0;
  let carriedBytes = 0;
  let windows = plan.goal.lanes;
  let opened = 1;
  for (let nowMs = 0; nowMs < seconds * 1000; nowMs += LOOK_MS) {
    const there = { quic: plan.goal.quic, tcp: 0 };
    const carried = { quic: takenBytes, tcp: 0 };
    const goal = plan.look({ nowMs, rttMs, carried, there, idleShare: 0 });
    // Those of the lanes that others were opened for drain meanwhile, and count until then.
    windows += (goal.quic - opened) * goal.lanes / Math.max(goal.quic, opened);
    opened = goal.quic;
    const stepBytes = linkBytesPerSecond * LOOK_MS / 1000;
    carriedBytes += stepBytes;
    const roomBytes = carriedBytes + windows * 1.25e6 - takenBytes;
    takenBytes += Math.max(0, Math.min(roomBytes, stepBytes + 0.8e6));
    goals.push(goal);
  }
  return goals;
}

Deno.test("what new lanes take at once, to fill their windows, is not taken for a gain", () => {
  const goals = runSlow({ rttMs: 1, linkBytesPerSecond: 2.5e6, seconds: 60 });
  assert.ok(goals.every(({ quic }) => quic <= 2), JSON.stringify(goals));
});

Deno.test("nor is it on a long path, where less is asked of a gain", () => {
  // With a limit, however high, there is no jump.
  const options = { mostBytesPerSecond: 1e9, lanes: 8 };
  const goals = runSlow({ rttMs: 20, linkBytesPerSecond: 2.5e6, seconds: 100, options });
  assert.ok(goals.every(({ quic }) => quic <= 2), `${Math.max(...goals.map(({ quic }) => quic))}`);
  assert.equal(goals.at(-1)?.quic, 1);
});

Deno.test("while full windows of a slow long path take nothing, nothing is opened for that", () => {
  const goals = runSlow({ rttMs: 20, linkBytesPerSecond: 2.5e6, seconds: 60 });
  const most = Math.max(...goals.map(({ quic }) => quic));
  assert.ok(most <= 8, `${most} connections`);
  assert.equal(goals.at(-1)?.quic, 4);
});

/** Looks at a path that carries so much, whatever is opened, with these round trips one after the other. */
function runFlat(
  options: Partial<LanePlanOptions>,
  { rttsMs, rateOf, seconds = 10 }: {
    readonly rttsMs: readonly number[];
    readonly rateOf: (goal: LaneGoal, nowMs: number) => number;
    readonly seconds?: number;
  },
): readonly LaneGoal[] {
  const plan = new LanePlan({ ...FREE_LANES, ...options });
  const carried = { quic: 0, tcp: 0 };
  const goals: LaneGoal[] = [];
  for (let nowMs = 0, look = 0; nowMs < seconds * 1000; nowMs += LOOK_MS, look++) {
    const { quic, tcp } = plan.goal;
    const rttMs = rttsMs[Math.min(look, rttsMs.length - 1)]!;
    const sight = { nowMs, rttMs, carried: { ...carried }, there: { quic, tcp }, idleShare: 0 };
    const goal = plan.look(sight);
    goals.push(goal);
    const bytes = rateOf(goal, nowMs) * LOOK_MS / 1000;
    carried.quic += bytes * goal.quic / (goal.quic + goal.tcp);
    carried.tcp += bytes * goal.tcp / (goal.quic + goal.tcp);
  }
  return goals;
}

function most(goals: readonly LaneGoal[]): number {
  return Math.max(...goals.map(({ quic, tcp }) => quic + tcp));
}

Deno.test("a round trip that was long once only, for a busy moment, opens nothing at once", () => {
  const goals = runFlat({}, { rttsMs: [20, 1], rateOf: () => 50e6 });
  assert.ok(most(goals) <= 2, JSON.stringify(goals));
  assert.deepEqual(goals.at(-1), { quic: 1, tcp: 0, lanes: 4 });
});

Deno.test("what was opened on a path that turns out short is given back", () => {
  const goals = runFlat({}, { rttsMs: [20, 20, 20, 20, 1], rateOf: () => 50e6 });
  assert.equal(most(goals), 4);
  assert.deepEqual(goals.at(-1), { quic: 1, tcp: 0, lanes: 4 });
});

Deno.test("on a short path what wavers is not taken for a gain", () => {
  let [looks, left, connections] = [0, 0, 0];
  for (let phaseMs = 0; phaseMs < 4_000; phaseMs += LOOK_MS) {
    const rateOf = (_: LaneGoal, nowMs: number) =>
      60e6 * (1 + 0.4 * Math.sin((nowMs + phaseMs) / 900));
    const goals = runFlat({ first: "tcp", hasOther: true }, { rttsMs: [1], rateOf, seconds: 60 });
    connections += goals.reduce((sum, { quic, tcp }) => sum + quic + tcp, 0);
    looks += goals.length;
    left += goals.filter(({ tcp }) => tcp === 0).length;
  }
  assert.ok(connections <= 2.5 * looks, `${connections / looks} connections`);
  assert.ok(left <= 0.1 * looks, `${left} of ${looks} looks without TLS`);
});

Deno.test("on a short path a gain counts that is there twice", () => {
  let sinceMs: number | null = null;
  const rateOf = ({ quic }: LaneGoal, nowMs: number) => {
    if (quic > 1) sinceMs ??= nowMs;
    const forMs = sinceMs === null ? 0 : nowMs - sinceMs;
    return forMs > 200 && forMs < 1_200 ? 100e6 : 40e6;
  };
  assert.equal(most(runFlat({}, { rttsMs: [1], rateOf, seconds: 8 })), 2);
});

Deno.test("connections that helped by chance only are taken back", () => {
  // Somebody else had the path until after the second one was there.
  const rateOf = (_: LaneGoal, nowMs: number) => nowMs < 1_900 ? 40e6 : 100e6;
  const goals = runFlat({}, { rttsMs: [1], rateOf, seconds: 15 });
  assert.ok(most(goals) > 1, "a case of it");
  assert.equal(goals.at(-1)?.quic, 1);
});

Deno.test("TLS on a short path leaves the field to QUIC only where that carries more", () => {
  const options = { first: "tcp", hasOther: true } as const;
  for (const [quicGain, isLeft] of [[1, false], [1.15, false], [3, true]] as const) {
    const rateOf = ({ quic }: LaneGoal) => 40e6 * (quic > 0 ? quicGain : 1);
    // QUIC alone bears all of it, whatever it shares while TCP is there too.
    const goals = runFlat(options, { rttsMs: [1], rateOf, seconds: 12 });
    assert.equal(goals.at(-1)!.quic > 0, isLeft, `${quicGain}`);
  }
});

Deno.test("within the machine nothing is opened, whatever it comes to", () => {
  for (const first of ["quic", "tcp"] as const) {
    const options = { first, hasOther: true, isLocal: true };
    const rateOf = ({ quic, tcp }: LaneGoal) => 20e6 * (quic + tcp);
    assert.equal(most(runFlat(options, { rttsMs: [40], rateOf, seconds: 30 })), 1);
  }
});

Deno.test("a transfer at its limit opens nothing, one below it what helps", () => {
  const rateOf = ({ quic }: LaneGoal) => Math.min(10e6, 4e6 * quic);
  const limited = (mostBytesPerSecond: number) =>
    runFlat({ mostBytesPerSecond }, { rttsMs: [50], rateOf, seconds: 40 });
  assert.equal(most(limited(4e6)), 1);
  assert.ok(most(limited(10e6)) > 1);
});
