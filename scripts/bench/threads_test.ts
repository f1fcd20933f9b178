import assert from "node:assert/strict";
import { parseStat, showThreads } from "./threads.ts";

Deno.test("parseStat() takes a name with spaces and parentheses, and adds both times", () => {
  const line = "7 (V8 (Default) W) S 1 7 7 0 -1 64 9 0 0 0 120 34 0 0 20 0 9 0 100 0 0";
  assert.deepEqual(parseStat(line), { name: "V8 (Default) W", ticks: 154 });
});

Deno.test("showThreads() tells the busiest first and leaves out those of next to nothing", () => {
  const seconds = new Map([["worker-1", 0.5], ["main", 3], ["idle", 0.01]]);
  assert.equal(showThreads(seconds, 2), "main 1.50, worker-1 0.25");
});
