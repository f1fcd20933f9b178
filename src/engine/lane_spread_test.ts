import assert from "node:assert/strict";
import { spreadLanes, type SpreadMember } from "./lane_spread.ts";

const MEMBERS: readonly SpreadMember[] = [
  { number: 3, way: "tcp" },
  { number: 0, way: "quic" },
  { number: 2, way: "quic" },
  { number: 1, way: "quic" },
];

function spread(quic: number, tcp: number, lanes: number) {
  return [...spreadLanes({ quic, tcp, lanes }, MEMBERS)];
}

Deno.test("lanes are spread alike over the first connections of each way", () => {
  assert.deepEqual(spread(1, 0, 4), [[0, 4]]);
  assert.deepEqual(spread(2, 0, 5), [[0, 3], [1, 2]]);
  assert.deepEqual(spread(2, 1, 6), [[0, 2], [1, 2], [3, 2]]);
  assert.deepEqual(spread(0, 1, 3), [[3, 3]]);
});

Deno.test("where fewer are there than wanted they carry all of it", () => {
  assert.deepEqual(spread(8, 0, 8), [[0, 3], [1, 3], [2, 2]]);
});

Deno.test("where none that is wanted is there the others carry it", () => {
  const only = [{ number: 0, way: "tcp" }] as const;
  assert.deepEqual([...spreadLanes({ quic: 2, tcp: 0, lanes: 4 }, only)], [[0, 4]]);
});

Deno.test("a connection gets no lane that is not there", () => {
  assert.deepEqual(spread(3, 1, 2), [[0, 1], [1, 1]]);
});
