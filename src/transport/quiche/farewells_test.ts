import assert from "node:assert/strict";
import { newId } from "./connection_ids.ts";
import { Farewells } from "./farewells.ts";

const PATH = { local: { host: "::1", port: 1 }, remote: { host: "::1", port: 2 } };
const LIMITS = { most: 3, keepMs: 1000 };

function packetTo(id: Uint8Array): Uint8Array {
  return Uint8Array.of(0x40, ...id, 7);
}

Deno.test("who still speaks is told again, ever more seldom", () => {
  const farewells = new Farewells(LIMITS);
  const id = newId();
  farewells.keep([id], { packet: Uint8Array.of(1), path: PATH }, 0);
  const told: number[] = [];
  for (let count = 1; count <= 20; count++) {
    if (farewells.answerTo(packetTo(id), 1) !== null) told.push(count);
  }
  assert.deepEqual(told, [1, 2, 4, 8, 16]);
  assert.equal(farewells.answerTo(packetTo(newId()), 1), null);
});

Deno.test("a farewell is said no longer than its time", () => {
  const farewells = new Farewells(LIMITS);
  const id = newId();
  farewells.keep([id], { packet: Uint8Array.of(1), path: PATH }, 0);
  assert.equal(farewells.answerTo(packetTo(id), LIMITS.keepMs), null);
});

Deno.test("farewells are bounded: the oldest goes, and those whose time is over", () => {
  const farewells = new Farewells(LIMITS);
  const ids = Array.from({ length: LIMITS.most + 1 }, () => newId());
  for (const [at, id] of ids.entries()) {
    farewells.keep([id], { packet: Uint8Array.of(at), path: PATH }, at);
  }
  assert.equal(farewells.size, LIMITS.most);
  assert.equal(farewells.answerTo(packetTo(ids[0]!), 5), null);
  assert.deepEqual(farewells.answerTo(packetTo(ids[1]!), 5)?.packet, Uint8Array.of(1));
  farewells.keep([newId()], { packet: Uint8Array.of(9), path: PATH }, 5000);
  assert.equal(farewells.size, 1);
});
