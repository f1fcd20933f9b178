import assert from "node:assert/strict";
import process from "node:process";
import { isDeno } from "./runtime.ts";
import { SpareMemory, trimHeaps } from "./spare_memory.ts";

function counted(isThere: boolean) {
  let calls = 0;
  const spare = new SpareMemory(() => {
    calls++;
    return isThere;
  });
  return { spare, calls: () => calls };
}

Deno.test("giveBack() does it at once, and not again soon", () => {
  const { spare, calls } = counted(true);
  const after = [0, 1, 1999, 2000, 3999, 4000].map((nowMs) => {
    spare.giveBack(nowMs);
    return calls();
  });
  assert.deepEqual(after, [1, 1, 1, 2, 2, 3]);
});

Deno.test("giveBack() asks no more where it cannot be done", () => {
  const { spare, calls } = counted(false);
  for (let nowMs = 0; nowMs < 10_000; nowMs += 1000) spare.giveBack(nowMs);
  assert.equal(calls(), 1);
});

Deno.test({
  name: "trimHeaps() is there in Deno with glibc, and nowhere else",
  fn: () => {
    const report = process.report?.getReport() as
      | { readonly header?: { readonly glibcVersionRuntime?: string } }
      | undefined;
    const isGlibc = report?.header?.glibcVersionRuntime !== undefined;
    assert.equal(trimHeaps(), isDeno() && process.platform === "linux" && isGlibc);
  },
});
