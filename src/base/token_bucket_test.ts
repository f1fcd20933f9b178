import assert from "node:assert/strict";
import { TokenBucket } from "./token_bucket.ts";

const RATE = { burst: 3, perSecond: 2 };

/** Takes as many as there are. */
function drain(bucket: TokenBucket, nowMs: number): number {
  let taken = 0;
  for (; bucket.has(nowMs); taken++) bucket.spend(1, nowMs);
  return taken;
}

Deno.test("a TokenBucket gives its burst, then so many a second, and saves no more than its burst", () => {
  const bucket = new TokenBucket(RATE, 1000);
  assert.equal(drain(bucket, 1000), 3);
  assert.equal(drain(bucket, 1499), 0);
  assert.equal(drain(bucket, 1500), 1);
  assert.equal(drain(bucket, 2500), 2);
  assert.equal(drain(bucket, 99_000), 3);
});

Deno.test("a TokenBucket's debt is paid by waiting, and ends at its burst", () => {
  const bucket = new TokenBucket(RATE, 0);
  bucket.spend(100, 0);
  assert.equal(bucket.has(1999), false);
  assert.equal(drain(bucket, 2000), 1);
});

Deno.test("a clock that steps back fills no TokenBucket", () => {
  const bucket = new TokenBucket(RATE, 5000);
  drain(bucket, 5000);
  assert.equal(bucket.has(1000), false);
  assert.equal(drain(bucket, 5500), 1);
});
