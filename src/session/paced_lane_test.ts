import assert from "node:assert/strict";
import type { IncomingLane, OutgoingLane } from "./hub.ts";
import { limitsOf, pacedIncoming, pacedOutgoing } from "./paced_lane.ts";
import { type RateClock, RateLimit } from "./rate_limit.ts";

/** A clock whose waits end at once, and which knows how much was waited. */
class Clock implements RateClock {
  waitedMs = 0;

  nowMs(): number {
    return this.waitedMs;
  }

  wait(ms: number): Promise<void> {
    this.waitedMs += ms;
    return Promise.resolve();
  }
}

/** A clock whose waits end by being given up only. */
const STANDSTILL: RateClock = {
  nowMs: () => 0,
  wait: (_ms, signal) =>
    new Promise((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve());
    }),
};

function outgoing(
  onPiece = () => {},
): { lane: OutgoingLane; pieces: Uint8Array[]; told: string[] } {
  const pieces: Uint8Array[] = [];
  const told: string[] = [];
  const stream = {
    write: (bytes: Uint8Array<ArrayBuffer>) => {
      pieces.push(bytes.slice());
      onPiece();
      return Promise.resolve();
    },
    close: () => {
      told.push("close");
      return Promise.resolve();
    },
    abort: () => void told.push("abort"),
  };
  const lane = { stream, lost: new Promise(() => {}) } as unknown as OutgoingLane;
  return { lane, pieces, told };
}

function incoming(reads: number[]): IncomingLane {
  const stream = {
    read: (into: Uint8Array<ArrayBuffer>, { leastBytes = 1 } = {}) => {
      assert.ok(leastBytes <= into.length, `${leastBytes} bytes are waited for`);
      reads.push(into.length);
      return Promise.resolve(reads.length > 3 ? null : into);
    },
    cancel: () => {},
  };
  return { stream } as unknown as IncomingLane;
}

const BYTES = Uint8Array.from({ length: 100_000 }, (_, at) => at % 251);

Deno.test("without a limit a lane is left as it is", () => {
  const { lane } = outgoing();
  assert.equal(pacedOutgoing(lane, limitsOf(null, null)), lane);
  const other = incoming([]);
  assert.equal(pacedIncoming(other, null), other);
});

Deno.test("what is written arrives whole, in slices, as slow as the slowest limit", async () => {
  const clock = new Clock();
  const slow = new RateLimit(100_000, clock);
  const fast = new RateLimit(10_000_000, clock);
  const { lane, pieces, told } = outgoing();
  const { stream } = pacedOutgoing(lane, limitsOf(fast, slow));
  await stream.write(BYTES.slice());
  await stream.close();
  assert.deepEqual(Uint8Array.from(pieces.flatMap((piece) => [...piece])), BYTES);
  // What was due before the first of them is no slice.
  assert.ok(pieces.slice(1).every(({ length }) => length <= slow.sliceBytes));
  assert.ok(clock.waitedMs > 800 && clock.waitedMs <= 1000, `${clock.waitedMs} ms`);
  assert.deepEqual(told, ["close"]);
});

Deno.test("slices of two writes do not mix", async () => {
  const { lane, pieces } = outgoing();
  const { stream } = pacedOutgoing(lane, limitsOf(new RateLimit(100_000, new Clock())));
  const first = stream.write(new Uint8Array(10_000).fill(1));
  await Promise.all([first, stream.write(new Uint8Array(10_000).fill(2)), stream.close()]);
  const all = pieces.flatMap((piece) => [...piece]);
  assert.deepEqual(all, [...all].sort());
});

Deno.test("a frame written before others is whole before them, whatever their lanes", async () => {
  const clock = new Clock();
  // What is written meanwhile takes less time than a turn.
  const wait = async (ms: number) => {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    await clock.wait(ms);
  };
  const limit = new RateLimit(100_000, { nowMs: () => clock.nowMs(), wait });
  const order: number[] = [];
  const lanes = [0, 1, 2, 3].map((number) => {
    const { lane } = outgoing(() => order.push(number));
    return pacedOutgoing(lane, limitsOf(limit)).stream.write(BYTES.slice());
  });
  await Promise.all(lanes);
  assert.ok(order.length > 12, String(order));
  assert.deepEqual(order, [...order].sort());
});

Deno.test("a lane says when a limit is what it waits for", async () => {
  const clock = new Clock();
  const waits: [boolean, number][] = [];
  const onWaits = (isWaiting: boolean) => void waits.push([isWaiting, clock.waitedMs]);
  const { lane } = outgoing();
  const limit = new RateLimit(100_000, clock);
  await pacedOutgoing(lane, limitsOf(limit), { onWaits }).stream.write(BYTES.slice());
  assert.deepEqual(waits.map(([isWaiting]) => isWaiting), waits.map((_, at) => at % 2 === 0));
  const waitedMs = waits.reduce((sum, [isWaiting, atMs]) => sum + (isWaiting ? -atMs : atMs), 0);
  assert.ok(waitedMs > 800, `${waitedMs} ms`);
});

Deno.test("a lane that is given up waits no longer", async () => {
  const { lane, told } = outgoing();
  const limit = new RateLimit(1000, STANDSTILL);
  const { stream } = pacedOutgoing(lane, limitsOf(limit));
  const writing = stream.write(BYTES.slice());
  stream.abort();
  await writing;
  assert.deepEqual(told, ["abort"]);
});

Deno.test("a lane is read in slices, and each is waited for", async () => {
  const clock = new Clock();
  const limit = new RateLimit(100_000, clock);
  const reads: number[] = [];
  const { stream } = pacedIncoming(incoming(reads), limit);
  const into = () => new Uint8Array(1 << 20);
  for (let read = 0; read < 3; read++) {
    assert.equal((await stream.read(into(), { leastBytes: 1 << 18 }))?.length, 2000);
  }
  assert.equal(await stream.read(into()), null);
  assert.ok(reads.every((bytes) => bytes === limit.sliceBytes), String(reads));
  // The first tenth of a second is free, of which three slices take the half.
  assert.equal(clock.waitedMs, 0);
  stream.cancel();
});
