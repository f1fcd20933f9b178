// How long work takes that is to take no time. A machine that stands still makes one run of it long, and
// not all of them; work that takes too long does so every time.

import assert from "node:assert/strict";

/** Runs made at most: so often in a row nobody is held up. */
const RUNS = 3;

/** Asserts that work which is to be done in no time is done within so long, by its quickest run. */
export function assertQuick(work: () => void, { withinMs }: { readonly withinMs: number }): void {
  let leastMs = Infinity;
  for (let run = 0; run < RUNS && leastMs >= withinMs; run++) {
    const startMs = performance.now();
    work();
    leastMs = Math.min(leastMs, performance.now() - startMs);
  }
  assert.ok(leastMs < withinMs, `${Math.round(leastMs)} ms`);
}
