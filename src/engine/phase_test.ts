import assert from "node:assert/strict";
import { phaseOf } from "./phase.ts";

const FACTS = { isClosed: true, hasMoved: false, isMissing: false, isVerified: false };

Deno.test("a transfer scans until bytes move or the manifest is closed", () => {
  for (const isMissing of [false, true]) {
    assert.equal(phaseOf({ ...FACTS, isClosed: false, isMissing }), "scan");
    assert.equal(phaseOf({ ...FACTS, isClosed: false, isMissing, hasMoved: true }), "move");
  }
});

Deno.test("a closed manifest whose bytes are missing moves them, or compares what stands", () => {
  assert.equal(phaseOf({ ...FACTS, isMissing: true, hasMoved: true }), "move");
  assert.equal(phaseOf({ ...FACTS, isMissing: true }), "verify");
});

Deno.test("what is all there is verified, then committed", () => {
  for (const hasMoved of [false, true]) {
    assert.equal(phaseOf({ ...FACTS, hasMoved }), "verify");
    assert.equal(phaseOf({ ...FACTS, hasMoved, isVerified: true }), "commit");
  }
});
