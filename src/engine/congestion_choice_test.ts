import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { congestionOf } from "./congestion_choice.ts";

const FAR = { way: "quic", first: "quic", isLocal: false, rttMs: 50 } as const;

Deno.test("a further connection meets loss with BBR, where there may be any", () => {
  assert.equal(congestionOf(FAR), "bbr");
  assert.equal(congestionOf({ ...FAR, rttMs: LIMITS.shortPathMs }), "bbr");
  assert.equal(congestionOf({ ...FAR, first: "tcp", rttMs: 1 }), "bbr");
});

Deno.test("a further connection of a short path, or within the machine, spares the processor", () => {
  assert.equal(congestionOf({ ...FAR, rttMs: LIMITS.shortPathMs - 1 }), "cubic");
  assert.equal(congestionOf({ ...FAR, isLocal: true }), "cubic", "though the machine is busy");
  assert.equal(congestionOf({ ...FAR, isLocal: true, rttMs: null }), "cubic");
});

Deno.test("the stack chooses where nothing is known, and the system for TCP", () => {
  assert.equal(congestionOf({ ...FAR, rttMs: null }), "auto");
  for (const isLocal of [true, false]) {
    assert.equal(congestionOf({ ...FAR, way: "tcp", isLocal }), "auto");
  }
});
