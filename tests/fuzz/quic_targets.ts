// The door of a quiche server under fuzz: whatever datagram comes, it answers with less than it got, to
// whoever sent it, and lets nobody in by a proof that it did not give.

import assert from "node:assert/strict";
import { concatBytes, equalBytes } from "../../src/base/bytes.ts";
import { Door } from "../../src/transport/quiche/door.ts";
import { readLongHeader } from "../../src/transport/quiche/long_header.ts";
import { mutatedBytes, shownBytes, smallerBytes } from "./mutation.ts";
import { type Target, valueTarget } from "./target.ts";

const REMOTE = { host: "192.0.2.1", port: 4000 };
const ID_BYTES = 16;
const SEEDS = [
  ...[0xc0, 0xd0, 0xe0, 0xf0].map((first) => datagram(first, 1)),
  datagram(0xc0, 0),
  datagram(0xc0, 2),
  datagram(0x40, 1),
];

export const QUIC_TARGETS: readonly Target[] = [
  valueTarget({
    name: "quic-door",
    make: (random) => mutatedBytes(random, SEEDS),
    show: shownBytes,
    smaller: smallerBytes,
    check: (bytes) => {
      const plain = judge(bytes, 1);
      const proving = judge(bytes, 0);
      assert.notEqual(proving, "accept", "let in without a proof");
      return plain;
    },
  }),
];

function judge(bytes: Uint8Array, retryFromHalfOpen: number): string {
  const door = new Door({
    limits: { retryFromHalfOpen, retryMs: 1000, answers: { burst: 1, perSecond: 0 } },
    household: { halfOpen: 0, mayBegin: () => true, mayEnter: () => true, begin: () => {} },
    idBytes: ID_BYTES,
    nowMs: 0,
  });
  const verdict = door.judge(bytes, { remote: REMOTE, nowMs: 0 });
  const asked = readLongHeader(bytes);
  if (verdict.kind === "accept") {
    assert.equal(verdict.ownId.length, ID_BYTES);
    assert.ok(asked !== null && equalBytes(verdict.clientId, asked.destinationId));
  } else if (verdict.kind === "answer") {
    const answer = readLongHeader(verdict.packet);
    assert.ok(answer !== null && asked !== null, "an answer that is no packet");
    assert.ok(equalBytes(answer.destinationId, asked.sourceId), "addressed to somebody else");
    assert.ok(verdict.packet.length < bytes.length, "it makes more of less");
  }
  return verdict.kind;
}

function datagram(first: number, version: number): Uint8Array {
  const head = Uint8Array.of(first, 0, 0, 0, version, 8, 1, 2, 3, 4, 5, 6, 7, 8, 2, 9, 9, 0);
  return concatBytes([head, new Uint8Array(1300)]);
}
