import assert from "node:assert/strict";
import { cpuSumBound } from "./stages.ts";

const stage = (cpuSecondsPerGigabyte: number) => ({ cpuSecondsPerGigabyte, megabytesPerSecond: 0 });

Deno.test("the bound counts the pipe and the hash at both ends, a read and a write", () => {
  const pipe = { receiverCpuSecondsPerGigabyte: 2, senderCpuSecondsPerGigabyte: 1.5 };
  const costs = { read: stage(0.25), hash: stage(0.5), write: stage(0.25) };
  assert.equal(cpuSumBound(pipe, costs, { cores: 2 }), 400);
  assert.equal(cpuSumBound(pipe, costs, { cores: 4 }), 800);
});
