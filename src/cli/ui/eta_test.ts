import assert from "node:assert/strict";
import { RateEstimate } from "./eta.ts";

Deno.test("RateEstimate finds the time left at a steady rate", () => {
  const rate = new RateEstimate();
  for (let ms = 0; ms <= 5000; ms += 100) rate.note(ms, ms * 1000);
  assert.ok(Math.abs((rate.leftMs(5_000_000) ?? 0) - 5000) < 1);
});

Deno.test("RateEstimate says nothing before it has warmed up or without a total", () => {
  const rate = new RateEstimate();
  assert.equal(rate.leftMs(10), null);
  rate.note(0, 0);
  rate.note(900, 900);
  assert.equal(rate.leftMs(1000), null);
  rate.note(1000, 1000);
  assert.notEqual(rate.leftMs(2000), null);
  assert.equal(rate.leftMs(null), null);
});

Deno.test("RateEstimate does not jump when one interval stalls", () => {
  const rate = new RateEstimate();
  for (let ms = 0; ms <= 10_000; ms += 100) rate.note(ms, ms * 1000);
  const before = rate.leftMs(10_000_000) ?? 0;
  rate.note(10_200, 10_000_000);
  const after = rate.leftMs(10_000_000) ?? 0;
  assert.ok(after < before * 1.1, `${before} ${after}`);
});

Deno.test("RateEstimate follows a rate that halves within half a minute", () => {
  const rate = new RateEstimate();
  let bytes = 0;
  for (let ms = 0; ms <= 60_000; ms += 100) {
    bytes += ms < 30_000 ? 200_000 : 100_000;
    rate.note(ms, bytes);
  }
  const leftMs = rate.leftMs(10_000_000) ?? 0;
  assert.ok(Math.abs(leftMs - 10_000) < 200, String(leftMs));
});

Deno.test("RateEstimate says nothing of a transfer that stands still, and nothing below zero", () => {
  const rate = new RateEstimate();
  rate.note(0, 100);
  rate.note(2000, 100);
  assert.equal(rate.leftMs(200), null);
  rate.note(3000, 300);
  assert.equal(rate.leftMs(-100), 0);
});

Deno.test("RateEstimate passes over notes out of order", () => {
  const rate = new RateEstimate();
  rate.note(0, 0);
  rate.note(2000, 2000);
  rate.note(2000, 9000);
  rate.note(1000, 9000);
  assert.equal(rate.leftMs(2000), 2000);
});

Deno.test("RateEstimate takes no slow start for the pace of the whole", () => {
  const rate = new RateEstimate();
  for (let ms = 0; ms <= 1000; ms += 100) rate.note(ms, 0);
  for (let ms = 1100; ms <= 2000; ms += 100) rate.note(ms, (ms - 1000) * 1000);
  // Half of the time nothing came: half the rate, and not a tenth of it.
  const leftMs = rate.leftMs(1_000_000) ?? 0;
  assert.ok(leftMs > 1500 && leftMs < 2200, String(leftMs));
});
