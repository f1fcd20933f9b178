import assert from "node:assert/strict";
import { Dice } from "./dice.ts";
import { bytesOf, SCALES } from "./payload.ts";
import { planRound, type Victim } from "./plan.ts";

const SEEDS = Array.from({ length: 300 }, (_, seed) => seed);

Deno.test("dice of the same seed throw the same, parts of it their own", () => {
  const throwOf = (dice: Dice) => Array.from({ length: 20 }, () => dice.whole(1, 6));
  assert.deepEqual(throwOf(new Dice(7)), throwOf(new Dice(7)));
  assert.notDeepEqual(throwOf(new Dice(7)), throwOf(new Dice(8)));
  const dice = new Dice(7);
  const part = throwOf(dice.of("part"));
  assert.notDeepEqual(throwOf(dice), part);
  assert.deepEqual(throwOf(dice.of("part")), part);
});

Deno.test("whole() reaches both ends and no further, weigh() every name with a weight", () => {
  const dice = new Dice(1);
  const throws = new Set(Array.from({ length: 1000 }, () => dice.whole(3, 5)));
  assert.deepEqual([...throws].sort(), [3, 4, 5]);
  const names = new Set(Array.from({ length: 1000 }, () => dice.weigh({ a: 1, b: 0, c: 9 })));
  assert.deepEqual([...names].sort(), ["a", "c"]);
});

Deno.test("a round of the same seed is planned the same", () => {
  for (const seed of SEEDS.slice(0, 20)) {
    const [one, other] = [planRound(seed, SCALES.quick), planRound(seed, SCALES.quick)];
    // A function is no data.
    assert.equal(JSON.stringify(one), JSON.stringify(other));
  }
});

Deno.test("plans name each path once, parents first, and end in an attempt without a kill", () => {
  for (const seed of SEEDS) {
    const { payload, attempts, totalBytes } = planRound(seed, SCALES.quick);
    const seen = new Set<string>();
    for (const { path } of payload.items) {
      assert.ok(!seen.has(path), `seed ${seed}: "${path}" twice`);
      const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
      assert.ok(parent === "" || seen.has(parent), `seed ${seed}: "${path}" before its parent`);
      seen.add(path);
    }
    const finals = payload.items.map(({ path }) => payload.finalOf(path));
    assert.equal(new Set(finals).size, finals.length);
    assert.equal(totalBytes, bytesOf(payload.items));
    assert.ok(attempts.length >= 2 && attempts.at(-1)!.kill === null);
    assert.ok(attempts.slice(0, -1).every(({ kill }) => kill !== null));
    assert.equal(attempts[0]!.change, null);
  }
});

Deno.test("all that can happen does, over some hundred seeds", () => {
  const plans = SEEDS.map((seed) => planRound(seed, SCALES.quick));
  const kills = plans.flatMap(({ attempts }) => attempts.flatMap(({ kill }) => kill ?? []));
  const victims: readonly Victim[] = ["client", "server", "both", "restart"];
  for (const victim of victims) assert.ok(kills.some((kill) => kill.victim === victim), victim);
  for (const kind of ["time", "progress", "bytes", "commit"]) {
    assert.ok(kills.some(({ trigger }) => trigger.kind === kind), kind);
  }
  const changes = new Set(plans.flatMap(({ attempts }) => attempts.map(({ change }) => change)));
  assert.equal(changes.size, 7, [...changes].join());
  for (const flag of ["--atomic", "--checksum", "--connections", "--chunk-size", "--workers"]) {
    assert.ok(plans.some(({ attempts }) => attempts[0]!.flags.includes(flag)), flag);
  }
  const shapes = new Set(plans.map(({ payload }) => payload.shape));
  assert.equal(shapes.size, 4, [...shapes].join());
});

Deno.test("who changes a source behind size and time has it compared", () => {
  const plans = SEEDS.map((seed) => planRound(seed, SCALES.quick));
  const stealthy = plans.filter(({ attempts }) =>
    attempts.some(({ change }) => change === "stealth")
  );
  assert.ok(stealthy.length > 0);
  for (const { attempts } of stealthy) {
    assert.ok(attempts.every(({ flags }) => flags.includes("--checksum")));
  }
});
