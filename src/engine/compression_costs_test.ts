import assert from "node:assert/strict";
import type { PackWork } from "../pool/messages.ts";
import { Economics } from "./compression_costs.ts";

const CHUNK = 2 << 20;

/** A frame whose bytes take so long at a level and shrink to so much. */
function work(rawBytes: number, { triedMs = 20, kept = 0.3, sample = 0.4 } = {}): PackWork {
  return {
    busyMs: triedMs + 1,
    zeroBytes: 0,
    sampledBytes: rawBytes,
    triedBytes: rawBytes,
    keptBytes: rawBytes * kept,
    triedMs,
    sampleBytes: rawBytes * sample,
  };
}

function near(found: number, expected: number): void {
  assert.ok(Math.abs(found / expected - 1) < 0.01, `${found} is not ${expected}`);
}

Deno.test("before any level was tried, none costs more than another, and nothing shrinks", () => {
  const costs = new Economics(2);
  assert.equal(costs.hasTried, false);
  assert.deepEqual([costs.msPerByte(9), costs.wirePerByte(9)], [0, 1]);
});

Deno.test("a frame tells what a byte costs and comes to, and others are scaled from it", () => {
  const costs = new Economics(2);
  costs.add(1, { rawBytes: CHUNK, work: work(CHUNK) });
  near(costs.msPerByte(0) * CHUNK, 1);
  near(costs.msPerByte(1) * CHUNK, 21);
  near(costs.wirePerByte(1), 0.3);
  assert.ok(costs.msPerByte(9) > costs.msPerByte(1) && costs.wirePerByte(9) < 0.3);
});

Deno.test("what is small tells as little as it is: of a byte, and of what it comes to", () => {
  const costs = new Economics(2);
  const small = () => costs.add(1, { rawBytes: 1024, work: work(1024, { triedMs: 1, kept: 0.8 }) });
  small();
  for (let frame = 0; frame < 8; frame++) {
    costs.add(1, { rawBytes: CHUNK, work: work(CHUNK) });
    small();
  }
  // As long as both take together; a small one alone takes a hundred times as long for a byte.
  near(costs.msPerByte(1) * (CHUNK + 1024), 23);
  near(costs.wirePerByte(1), 0.3);
});

Deno.test("the newest chunks count, whatever was before", () => {
  const costs = new Economics(2);
  for (let frame = 0; frame < 100; frame++) costs.add(1, { rawBytes: CHUNK, work: work(CHUNK) });
  const slow = work(CHUNK, { triedMs: 40, kept: 0.2, sample: 0.3 });
  for (let frame = 0; frame < 16; frame++) costs.add(1, { rawBytes: CHUNK, work: slow });
  near(costs.msPerByte(1) * CHUNK, 41);
  near(costs.wirePerByte(1), 0.2);
});

Deno.test("a frame of no bytes changes nothing", () => {
  const costs = new Economics(2);
  const empty = { rawBytes: 0, work: work(0, { triedMs: 0 }) };
  costs.add(1, empty);
  costs.add(1, { rawBytes: CHUNK, work: work(CHUNK) });
  costs.add(1, empty);
  near(costs.msPerByte(1) * CHUNK, 21);
  near(costs.wirePerByte(1), 0.3);
});
