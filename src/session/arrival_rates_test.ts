import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { ArrivalRates } from "./arrival_rates.ts";

const AT_ONCE = LIMITS.arrivalsAtOncePerAddress;
const PER_SECOND = LIMITS.arrivalsPerSecondPerAddress;

/** How many of so many come in. */
function arrivals(
  rates: ArrivalRates,
  { count, nowMs, from }: {
    readonly count: number;
    readonly nowMs: number;
    readonly from: (index: number) => string;
  },
): number {
  let admitted = 0;
  for (let index = 0; index < count; index++) {
    if (rates.arrive(from(index), nowMs)) admitted++;
  }
  return admitted;
}

const ONE = (index: number) => `192.0.2.1:${index}`;

Deno.test("eight clients of the most connections come at once, their rivals of a race included", () => {
  const rates = new ArrivalRates();
  const count = 8 * (LIMITS.connections + 1);
  assert.equal(arrivals(rates, { count, nowMs: 0, from: ONE }), count);
});

Deno.test("one address comes so often at once and so often a second, whatever its ports", () => {
  const rates = new ArrivalRates();
  assert.equal(arrivals(rates, { count: 1000, nowMs: 0, from: ONE }), AT_ONCE);
  assert.equal(arrivals(rates, { count: 1000, nowMs: 1000, from: ONE }), PER_SECOND);
  assert.equal(rates.arrive("192.0.2.2:1", 1000), true);
});

Deno.test("an IPv4 address in the dress of a dual-stack socket has no second allowance", () => {
  const rates = new ArrivalRates();
  arrivals(rates, { count: AT_ONCE, nowMs: 0, from: ONE });
  assert.equal(rates.arrive("[::ffff:192.0.2.1]:9", 0), false);
  // Two of them are not one address because their first groups are zero.
  assert.equal(rates.arrive("[::ffff:192.0.2.2]:9", 0), true);
});

Deno.test("the networks of one IPv6 site together come four times as often as one", () => {
  const rates = new ArrivalRates();
  const host = (index: number) => `[2001:db8:7:1::${index.toString(16)}]:1`;
  assert.equal(arrivals(rates, { count: 1000, nowMs: 0, from: host }), AT_ONCE);
  const network = (index: number) => `[2001:db8:7:${(index + 2).toString(16)}::1]:1`;
  const rest = arrivals(rates, { count: 5000, nowMs: 0, from: network });
  assert.equal(rest, AT_ONCE * (LIMITS.addressesPerSite - 1));
  assert.equal(rates.arrive("[2001:db8:8:1::1]:1", 0), true);
});

Deno.test("a site that comes too often is remembered, and not each network it makes up", () => {
  const rates = new ArrivalRates();
  const network = (index: number) => `[2001:db8:7:${index.toString(16)}::1]:1`;
  const admitted = arrivals(rates, { count: 5000, nowMs: 0, from: network });
  assert.equal(admitted, AT_ONCE * LIMITS.addressesPerSite);
  assert.equal(rates.remembered, admitted + 1);
});

Deno.test("whoever fails at the door comes less often", () => {
  const rates = new ArrivalRates();
  const tries = AT_ONCE / (LIMITS.arrivalsPerFailure + 1);
  let admitted = 0;
  for (; rates.arrive(ONE(admitted), 0); admitted++) rates.fail(ONE(admitted), 0);
  assert.equal(admitted, Math.ceil(tries));
  // What it owes it pays by waiting, however often it failed.
  for (let n = 0; n < 1000; n++) rates.fail(ONE(n), 0);
  assert.equal(rates.arrive(ONE(0), AT_ONCE / PER_SECOND * 1000), false);
  assert.equal(rates.arrive(ONE(0), (AT_ONCE + 1) / PER_SECOND * 1000), true);
});

Deno.test("the addresses that are remembered are bounded, and the oldest is forgotten first", () => {
  const rates = new ArrivalRates();
  const busy = "198.51.100.7:1";
  arrivals(rates, { count: AT_ONCE, nowMs: 0, from: () => busy });
  for (let n = 0; n < 3 * LIMITS.rememberedAddresses; n++) {
    rates.arrive(`10.${n >> 16}.${n >> 8 & 255}.${n & 255}:1`, 0);
    // Who still comes is no oldest.
    if (n % 1000 === 0) assert.equal(rates.arrive(busy, 0), false);
  }
  assert.equal(rates.remembered, LIMITS.rememberedAddresses);
});

Deno.test("a connection that joins a session costs its address nothing, and saves up nothing either", () => {
  const rates = new ArrivalRates();
  assert.equal(arrivals(rates, { count: AT_ONCE, nowMs: 0, from: ONE }), AT_ONCE);
  for (let joined = 0; joined < 3; joined++) rates.join("192.0.2.1:1", 0);
  assert.equal(arrivals(rates, { count: AT_ONCE, nowMs: 0, from: ONE }), 3);
  const fresh = new ArrivalRates();
  for (let joined = 0; joined < 3; joined++) fresh.join("192.0.2.1:1", 0);
  assert.equal(arrivals(fresh, { count: 2 * AT_ONCE, nowMs: 0, from: ONE }), AT_ONCE);
});
