import assert from "node:assert/strict";
import type { Packed } from "../pool/messages.ts";
import { KeptFrames } from "./kept_frames.ts";

function scene(): { readonly put: number[]; readonly kept: KeptFrames } {
  const put: number[] = [];
  return { put, kept: new KeptFrames(({ frame }) => void put.push(frame)) };
}

function give(kept: KeptFrames, frame: number, isWaiting: boolean): void {
  kept.give({ frame } as Packed, { isWaiting });
}

Deno.test("while connections are about to join the first one has two frames, and the others are kept", () => {
  const { put, kept } = scene();
  for (const frame of [2, 0, 1, 3]) give(kept, frame, true);
  assert.deepEqual([put, kept.count], [[0, 1], 2]);
  kept.release();
  assert.deepEqual([put, kept.count], [[0, 1, 2, 3], 0]);
  kept.release();
  assert.equal(put.length, 4);
});

Deno.test("where nobody is waited for every frame is given on", () => {
  const { put, kept } = scene();
  for (const frame of [0, 5, 9]) give(kept, frame, false);
  assert.deepEqual([put, kept.count], [[0, 5, 9], 0]);
});
