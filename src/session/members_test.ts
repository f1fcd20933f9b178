import assert from "node:assert/strict";
import type { Connection, ReceiveStream } from "../transport/transport.ts";
import { encodeLaneEnd } from "../wire/frame.ts";
import type { IncomingLane } from "./hub.ts";
import { Members } from "./members.ts";

const KIB = 1024;

/** Gives `bytes` of each read after `tookMs` of a clock that stands still otherwise. */
interface Pace {
  readonly bytes: number;
  readonly tookMs: number;
}

interface Scene {
  readonly lane: IncomingLane;
  /** What each read of the stream was asked to wait for. */
  readonly asked: (number | undefined)[];
  pace: Pace;
  heard: number;
}

async function scene(): Promise<Scene> {
  let nowMs = 0;
  const come = Promise.withResolvers<IncomingLane>();
  const asked: (number | undefined)[] = [];
  const found = { asked, pace: { bytes: Infinity, tookMs: 1 }, heard: 0 };
  const opening = encodeLaneEnd(7, 0);
  let isFirst = true;
  const stream: ReceiveStream = {
    read: (into, options) => {
      asked.push(options?.leastBytes);
      const { buffer, byteOffset, byteLength } = into;
      const view = new Uint8Array(buffer.transfer(), byteOffset, byteLength);
      if (isFirst) view.set(opening);
      isFirst = false;
      nowMs += found.pace.tookMs;
      return Promise.resolve(view.subarray(0, Math.min(found.pace.bytes, byteLength)));
    },
    cancel: () => {},
  };
  const members = new Members({
    onLane: (transfer, lane) => {
      assert.equal(transfer, 7);
      come.resolve(lane);
      return true;
    },
    onHeard: () => found.heard++,
    now: () => nowMs,
  });
  const connection = {
    stack: "test",
    remoteAddress: "here",
    closed: new Promise(() => {}),
    acceptLane: () => Promise.resolve(null),
  };
  members.add(connection as unknown as Connection, { firstLane: Promise.resolve(stream) });
  return Object.assign(found, { lane: await come.promise });
}

async function read({ lane }: Scene): Promise<void> {
  await lane.stream.read(new Uint8Array(2 << 20), { leastBytes: 256 * KIB });
}

Deno.test("a reader that waits for much on a fast lane waits for that much", async () => {
  const fast = await scene();
  fast.pace = { bytes: 512 * KIB, tookMs: 1 };
  await read(fast);
  await read(fast);
  assert.equal(fast.asked.at(-1), 256 * KIB);
});

Deno.test("on a slow lane it waits only for what comes soon: each answer is a sign of life", async () => {
  const slow = await scene();
  slow.pace = { bytes: 10_000, tookMs: 1000 };
  await read(slow);
  await read(slow);
  assert.equal(slow.asked.at(-1), 1000, "a tenth of what a second brings");
  slow.pace = { bytes: 1, tookMs: 60_000 };
  await read(slow);
  await read(slow);
  assert.equal(slow.asked.at(-1), 1);
  assert.equal(slow.heard, 5, "the opening, and each read since");
});

Deno.test("a header that was long in coming does not make a fast lane a slow one", async () => {
  const fast = await scene();
  fast.pace = { bytes: 512 * KIB, tookMs: 1 };
  await read(fast);
  fast.pace = { bytes: Infinity, tookMs: 5000 };
  await fast.lane.stream.read(new Uint8Array(16));
  await read(fast);
  assert.equal(fast.asked.at(-1), 256 * KIB);
});
