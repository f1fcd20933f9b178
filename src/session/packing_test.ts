import assert from "node:assert/strict";
import type { JobReply } from "../pool/messages.ts";
import { Packing, type PackingOptions } from "./packing.ts";

/** A packing of one frame, and what its worker replies. */
function bench() {
  const replies: ((reply: JobReply) => void)[] = [];
  const heard: number[] = [];
  const stop = new AbortController();
  const planned = [{ frame: 7, rawBytes: 10, chunks: [] }];
  const pool = {
    count: 1,
    run(_: unknown, { onReply }: { onReply: (reply: JobReply) => void }) {
      replies.push(onReply);
      return new Promise<void>(() => {});
    },
  };
  const packing = new Packing({
    sender: { frames: 0, pollFrames: () => planned.splice(0) },
    channel: { transfer: 1, rttMs: null },
    lanes: {},
    equipment: { pool },
    compression: { kind: "none" },
    isFast: true,
    share: { slots: 4 },
    buffers: { available: 1, take: () => new ArrayBuffer(64) },
    progress: { chose: () => {} },
    waiting: () => 0,
    onPacked: ({ frame }: { frame: number }) => heard.push(frame),
    onError: (error: unknown) => assert.fail(String(error)),
    signal: stop.signal,
  } as unknown as PackingOptions);
  packing.fill();
  const zeros = { busyMs: 1, zeroBytes: 0, sampledBytes: 0, triedBytes: 0, keptBytes: 0 };
  const work = { ...zeros, triedMs: 0, sampleBytes: 0 };
  const frame = { kind: "packed", job: 1, frame: 7, buffer: new ArrayBuffer(64) } as const;
  const reply = { ...frame, frameBytes: 20, records: [], failures: [], work };
  return { packing, stop, heard, reply: () => replies[0]!(reply) };
}

Deno.test("a frame that was packed is told of, and workers are idle then", () => {
  const { packing, heard, reply } = bench();
  assert.equal(packing.isIdle, false);
  reply();
  assert.deepEqual(heard, [7]);
  assert.equal(packing.isIdle, true);
});

Deno.test("once the run is over nobody hears of what is packed", () => {
  const { stop, heard, reply } = bench();
  stop.abort();
  reply();
  assert.deepEqual(heard, []);
});
