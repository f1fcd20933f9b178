import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import type { OutgoingLane } from "./hub.ts";
import { LaneTimes } from "./lane_times.ts";

/** Times by a clock that a test sets. */
function scene() {
  const clock = { nowMs: 1000 };
  return { clock, times: new LaneTimes({ now: () => clock.nowMs }) };
}

/** A lane that writes down the bytes of each write, and may fail. */
function laneOf(connection: number, { fails = false } = {}) {
  const taken: number[] = [];
  const events: string[] = [];
  const lane = {
    connection,
    stream: {
      // deno-lint-ignore require-await -- every failure is a rejection
      write: async (bytes: Uint8Array) => {
        if (fails) throw new Error("gone");
        taken.push(bytes.byteLength);
      },
      close: () => Promise.resolve(void events.push("close")),
      abort: () => void events.push("abort"),
    },
  } as unknown as OutgoingLane;
  return { lane, taken, events };
}

Deno.test("the idle share is what all lanes waited of their time since it was last taken", () => {
  const { clock, times } = scene();
  const [one, two] = [{}, {}];
  times.waits(one);
  times.works(two);
  clock.nowMs += 30;
  times.works(one);
  clock.nowMs += 70;
  // 30 of 100 and none of 100.
  assert.equal(times.takeIdleShare(), 0.15);
  clock.nowMs += 10;
  assert.equal(times.takeIdleShare(), 0);
  times.waits(one);
  times.waits(two);
  clock.nowMs += 10;
  assert.equal(times.takeIdleShare(), 1);
});

Deno.test("where no lane had any time, all of it was idle", () => {
  const { clock, times } = scene();
  assert.equal(times.takeIdleShare(), 1);
  clock.nowMs += 10;
  assert.equal(times.takeIdleShare(), 1);
  times.works({});
  assert.equal(times.takeIdleShare(), 1);
});

Deno.test("a lane that ended counts up to its end, and no longer", () => {
  const { clock, times } = scene();
  const [one, two] = [{}, {}];
  times.works(one);
  times.waits(two);
  clock.nowMs += 10;
  times.ended(one);
  clock.nowMs += 30;
  // 10 worked, 40 waited: what the one did not live to see is nobody's.
  assert.equal(times.takeIdleShare(), 0.8);
});

Deno.test("bytes count for their connection once its lanes took them", async () => {
  const { times } = scene();
  const [first, again, other] = [laneOf(0), laneOf(0), laneOf(2)];
  for (const { lane } of [first, again, other]) {
    const writing = times.counted(lane, () => null).stream.write(new Uint8Array(10));
    const before = times.carriedBy(lane.connection);
    await writing;
    assert.equal(times.carriedBy(lane.connection), before + 10);
  }
  assert.deepEqual([0, 1, 2].map((number) => times.carriedBy(number)), [20, 0, 10]);
  const gone = times.counted(laneOf(1, { fails: true }).lane, () => null);
  await assert.rejects(gone.stream.write(new Uint8Array(10)), /gone/);
  assert.equal(times.carriedBy(1), 0);
});

Deno.test("a frame is counted by pieces on a long path only, as soon as it is known to be one", async () => {
  const { times } = scene();
  const { lane, taken } = laneOf(0);
  let rttMs: number | null = null;
  const { stream } = times.counted(lane, () => rttMs);
  const KiB = 1024;
  const bytes = new Uint8Array(600 * KiB);
  await stream.write(bytes);
  rttMs = LIMITS.shortPathMs - 1;
  await stream.write(bytes);
  assert.deepEqual(taken.splice(0), [600 * KiB, 600 * KiB]);
  rttMs = LIMITS.shortPathMs;
  await stream.write(bytes);
  assert.deepEqual(taken, [256 * KiB, 256 * KiB, 88 * KiB]);
  assert.equal(times.carriedBy(0), 1800 * KiB);
});

Deno.test("a counted lane is the same one otherwise", async () => {
  const { times } = scene();
  const { lane, events } = laneOf(3);
  const counted = times.counted(lane, () => null);
  assert.equal(counted.connection, 3);
  await counted.stream.close();
  counted.stream.abort();
  assert.deepEqual(events, ["close", "abort"]);
});
