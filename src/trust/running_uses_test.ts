import assert from "node:assert/strict";
import { RunningUses } from "./running_uses.ts";

const KEY = { id: "1".repeat(64), name: "a", purpose: "2".repeat(64) };

Deno.test("transfers that run are counted by ticket, identity and purpose", () => {
  const running = new RunningUses();
  running.begin(KEY);
  running.begin(KEY);
  assert.equal(running.on(KEY), 2);
  for (const other of [{ id: "3".repeat(64) }, { name: "b" }, { purpose: "3".repeat(64) }]) {
    assert.equal(running.on({ ...KEY, ...other }), 0);
  }
  running.end(KEY);
  assert.equal(running.on(KEY), 1);
  running.end(KEY);
  assert.equal(running.on(KEY), 0);
});
