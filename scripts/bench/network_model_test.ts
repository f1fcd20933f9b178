import assert from "node:assert/strict";
import { forecast, networkCosts } from "./network_model.ts";

const COSTS = { own: 2, handedOver: 0.5, thread: 1.5, others: 0.5 };

Deno.test("networkCosts() finds what a run was made of", () => {
  const threadShare = 0.5;
  const main = 0.5 * COSTS.own + 0.5 * COSTS.handedOver;
  const others = COSTS.others + 0.5 * COSTS.thread;
  const alone = { main: COSTS.own, others: COSTS.others };
  assert.deepEqual(networkCosts({ alone, spread: { cost: { main, others }, threadShare } }), COSTS);
});

Deno.test("forecast() is bound by all cores, by the main thread, or by the network's", () => {
  const of = (cores: number, threads: number) => forecast(COSTS, { cores, threads });
  assert.deepEqual(of(1, 0), { megabytesPerSecond: 400, boundBy: "cores" });
  assert.deepEqual(of(8, 0), { megabytesPerSecond: 500, boundBy: "main thread" });
  assert.equal(of(16, 1).boundBy, "main thread");
  const slow = { ...COSTS, thread: 4, own: 0.5 };
  assert.deepEqual(forecast(slow, { cores: 16, threads: 1 }), {
    megabytesPerSecond: 500,
    boundBy: "network threads",
  });
});
