import assert from "node:assert/strict";
import { LOOK_MS, LookBudget } from "./udp_look.ts";

/** Time spent with looking in a second of packets that come evenly and are taken at once. */
function lookedMs(packetBytes: number, everyMs: number): number {
  const look = new LookBudget();
  const turnMs = 0.01;
  let spentMs = 0;
  let nowMs = 0;
  for (let nextMs = everyMs; nextMs < 1000; nextMs += everyMs) {
    while (nowMs < nextMs && look.mayLook(nowMs)) {
      nowMs += turnMs;
      spentMs += turnMs;
      look.looked(nowMs);
    }
    if (nowMs < nextMs) {
      nowMs = nextMs;
      look.woken(nowMs);
    }
    look.moved(packetBytes);
    look.took(nowMs);
  }
  return spentMs;
}

Deno.test("a trickle of packets, small or long, buys next to no looking (I8)", () => {
  assert.ok(lookedMs(40, 0.25) < 10);
  assert.ok(lookedMs(1200, 0.25) < 100);
  assert.ok(lookedMs(40, 0.02) < 40);
});

Deno.test("a fast transfer is looked for without end", () => {
  assert.ok(lookedMs(64_000, 0.25) > 900);
});

Deno.test("what moves long before is not saved up", () => {
  const look = new LookBudget();
  for (let i = 0; i < 1000; i++) look.moved(64_000);
  look.took(0);
  let turns = 0;
  for (let nowMs = 0; look.mayLook(nowMs); turns++) {
    nowMs += 0.01;
    look.took(nowMs);
    look.looked(nowMs + 0.01);
  }
  assert.ok(turns <= LOOK_MS / 0.01 + 1, `${turns} turns`);
});

Deno.test("after a long wait it is waited at once, after a short one looked again", () => {
  const look = new LookBudget();
  look.moved(64_000);
  look.took(0);
  assert.ok(!look.mayLook(1), "nothing came for longer");
  look.woken(50);
  look.took(50);
  assert.ok(!look.mayLook(50));
  look.woken(50.1);
  look.took(50.1);
  assert.ok(look.mayLook(50.1));
});
