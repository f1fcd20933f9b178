// The streams of a TLS connection under fuzz: whatever frames a peer sends, cut in whatever way, it is
// refused or taken, and held are no more bytes than it was allowed.

import assert from "node:assert/strict";
import { concatBytes } from "../../src/base/bytes.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { encodeHeader, HEADER_BYTES, type MuxFrame } from "../../src/transport/tls/frames.ts";
import { End } from "../mux_pair.ts";
import type { Random } from "../simulation/clock.ts";
import { mutatedBytes, shownBytes, smallerBytes } from "./mutation.ts";
import { outcomeOf, worded } from "./outcome.ts";
import { type Target, valueTarget } from "./target.ts";

interface Said {
  readonly bytes: Uint8Array;
  readonly isServer: boolean;
  /** Bytes that come at a time. */
  readonly most: number;
}

const SEEDS = [
  framed({ kind: "open", stream: 0 }, { kind: "data", stream: 0, bytes: 40, spends: false }),
  framed(
    { kind: "open", stream: 1 },
    { kind: "data", stream: 1, bytes: 900, spends: true },
    { kind: "end", stream: 1 },
    { kind: "open", stream: 3 },
    { kind: "reset", stream: 3 },
  ),
  framed(
    { kind: "open", stream: 2 },
    { kind: "data", stream: 2, bytes: 70, spends: false },
    { kind: "credit", stream: 1, bytes: 4096 },
    { kind: "stop", stream: 1 },
    { kind: "done", stream: 1 },
  ),
  framed({ kind: "close", code: 0, reasonBytes: 0 }),
  concatBytes([framed({ kind: "close", code: 0x31, reasonBytes: 9 }), new Uint8Array(9)]),
];

export const MUX_TARGETS: readonly Target[] = [
  valueTarget<Said>({
    name: "tls-mux",
    make: (random: Random) => ({
      bytes: mutatedBytes(random, SEEDS),
      isServer: random.chance(0.6),
      most: random.pick([1, 11, 12, 13, 500, Infinity]),
    }),
    show: ({ bytes, isServer, most }) =>
      `${isServer ? "server" : "client"}, ${most} at a time, ${shownBytes(bytes)}`,
    smaller: function* (said) {
      for (const bytes of smallerBytes(said.bytes)) yield { ...said, bytes };
    },
    check: ({ bytes, isServer, most }) => {
      const end = new End({ isServer });
      // Two lanes of ours, one of which has something to say.
      end.mux.openLane()?.write(new Uint8Array(100)).catch(() => {});
      end.mux.openLane();
      const outcome = outcomeOf(() => end.hears(bytes, most));
      assert.ok(end.lanes.length <= LIMITS.lanesPerConnection, "too many lanes are open");
      const answered = answerBytes(end);
      assert.ok(answered <= bytes.byteLength + 1024, `${answered} bytes are said to that`);
      end.over = true;
      end.mux.fail("over");
      assert.equal(end.budget.leftBytes, LIMITS.muxWindowsBytes, "a window is not given back");
      return worded(outcome);
    },
  }),
];

function answerBytes(end: End): number {
  let total = 0;
  for (let said = end.says(); said !== null; said = end.says()) total += said.byteLength;
  return total;
}

function framed(...frames: readonly MuxFrame[]): Uint8Array {
  return concatBytes(frames.map((frame) => {
    const bytes = new Uint8Array(HEADER_BYTES + (frame.kind === "data" ? frame.bytes : 0));
    encodeHeader(frame, new DataView(bytes.buffer));
    return bytes;
  }));
}
