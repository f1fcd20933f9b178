import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { memoryTransport } from "../transport/memory.ts";
import { networkThreads, OwnThreads, unusedThreads } from "./network_threads.ts";

const transport = new URL("file:///transport.ts");

function count(wanted: number | null, coreCount: number): number {
  return networkThreads(wanted, { transport }, { coreCount }).networkThreads?.count ?? 0;
}

Deno.test("networkThreads() takes half of many cores, and none of two", () => {
  const cores = [1, 2, 3, 4, 8, 16, 64];
  assert.deepEqual(cores.map((one) => count(null, one)), [0, 0, 1, 2, 4, 8, LIMITS.networkThreads]);
});

Deno.test("networkThreads() takes what it is told, within bounds", () => {
  assert.deepEqual([count(0, 64), count(3, 1), count(1000, 1)], [0, 3, LIMITS.networkThreads]);
});

Deno.test("networkThreads() has none where there is no script for them", () => {
  assert.deepEqual(networkThreads(4, {}), {});
});

Deno.test("unusedThreads() tells who asked for threads where there can be none, and nobody else", () => {
  const stack = memoryTransport();
  const threaded = { ...stack, name: "deno-quic" };
  const raced = { ...stack, name: "auto", stacks: [threaded, stack] };
  assert.match(unusedThreads(2, stack) ?? "", /^--network-threads 2 changes nothing: /);
  assert.match(unusedThreads(1, { ...raced, stacks: [stack] }) ?? "", /^--network-threads 1 /);
  const others = [[0, stack], [null, stack], [2, threaded], [2, raced]] as const;
  for (const [wanted, of] of others) assert.equal(unusedThreads(wanted, of), null);
});

Deno.test("a stack that cannot be on two threads stays on the one there is", async () => {
  const stack = memoryTransport();
  await using threads = new OwnThreads({ count: 2, workerUrl: transport });
  assert.equal(threads.of(1, stack), stack);
});
