import assert from "node:assert/strict";
import { RateWindow, surpasses } from "./lane_rate.ts";

function sample(nowMs: number, quic: number, tcp = 0) {
  return { nowMs, carried: { quic, tcp } };
}

Deno.test("a window gives the rate from its first look to its last, and who carried it", () => {
  const window = new RateWindow(sample(1000, 50, 50));
  window.add(sample(1500, 150, 150));
  window.add(sample(1500, 999, 999));
  window.add(sample(2000, 350, 150));
  assert.equal(window.lastedMs, 1000);
  const { bytesPerSecond, quicShare, doubt } = window.rate;
  assert.deepEqual([bytesPerSecond, quicShare, doubt], [400, 0.75, 0]);
});

Deno.test("a window of one look knows no rate", () => {
  const { rate } = new RateWindow(sample(0, 5));
  assert.deepEqual(rate, { bytesPerSecond: 0, doubt: 0, quicShare: 0 });
});

Deno.test("a rate that wavers is in doubt, the less the longer it is looked at", () => {
  const doubtOf = (steps: number) => {
    const window = new RateWindow(sample(0, 0));
    let bytes = 0;
    for (let step = 1; step <= steps; step++) {
      bytes += step % 2 === 0 ? 80 : 120;
      window.add(sample(step * 1000, bytes));
    }
    return window.rate.doubt;
  };
  assert.ok(doubtOf(4) > 10);
  assert.ok(doubtOf(64) < doubtOf(4) / 3);
});

Deno.test("more is better by a twentieth at least, and by what both waver", () => {
  const rate = (bytesPerSecond: number, doubt = 0) => ({ bytesPerSecond, doubt, quicShare: 1 });
  assert.equal(surpasses(rate(104), rate(100)), false);
  assert.equal(surpasses(rate(105), rate(100)), true);
  assert.equal(surpasses(rate(108, 6), rate(100, 8)), false);
  assert.equal(surpasses(rate(111, 6), rate(100, 8)), true);
  // However much they waver, what is this much more is more.
  assert.equal(surpasses(rate(116, 90), rate(100, 90)), true);
});
