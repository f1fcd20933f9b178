import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { Departed } from "./departed.ts";

const caller = { identity: new Uint8Array(32), ticket: null };

Deno.test("a session is remembered for as long as a handshake lasts", () => {
  const departed = new Departed();
  const key = Uint8Array.of(7);
  departed.add(1, { key, caller, nowMs: 1000 });
  assert.equal(departed.find(1, 1000 + LIMITS.handshakeMs - 1)?.key, key);
  assert.equal(departed.find(2, 1000), null);
  assert.equal(departed.find(1, 1000 + LIMITS.handshakeMs), null);
  assert.equal(departed.count, 0);
});

Deno.test("no more are remembered than there may be sessions, the last of them", () => {
  const departed = new Departed();
  for (let session = 0; session <= LIMITS.sessions; session++) {
    departed.add(session, { key: new Uint8Array(32), caller, nowMs: 0 });
  }
  assert.equal(departed.count, LIMITS.sessions);
  assert.deepEqual([departed.find(0, 0), departed.find(1, 0) === null], [null, false]);
});
