import assert from "node:assert/strict";
import { Dues, type RateClock, RateLimit, rateLimitOf, type RateShare } from "./rate_limit.ts";

const NEVER = new AbortController().signal;

/** A clock that moves when everybody waits; its timers may be late. */
class Clock implements RateClock {
  #nowMs = 0;
  readonly #waiting: { readonly atMs: number; readonly resolve: () => void }[] = [];
  readonly #lateMs: number;

  constructor(lateMs = 0) {
    this.#lateMs = lateMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wait(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      signal.addEventListener("abort", () => resolve());
      this.#waiting.push({ atMs: this.#nowMs + ms + this.#lateMs, resolve });
    });
  }

  /** Lets time pass until then. */
  async until(endMs: number): Promise<void> {
    for (;;) {
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      this.#waiting.sort((a, b) => a.atMs - b.atMs);
      const next = this.#waiting[0];
      if (next === undefined || next.atMs > endMs) break;
      this.#waiting.shift();
      this.#nowMs = next.atMs;
      next.resolve();
    }
    this.#nowMs = endMs;
  }
}

/** Writes frames of so many bytes through a limit; tells of each that is through. */
async function lane(
  limit: RateShare,
  { frameBytes, isOver, onPassed, onFrame = () => {} }: {
    readonly frameBytes: number;
    readonly isOver: () => boolean;
    readonly onPassed: (bytes: number) => void;
    readonly onFrame?: () => void;
  },
): Promise<void> {
  while (!isOver()) {
    const turn = limit.turn();
    for (let left = frameBytes; left > 0;) {
      const room = await turn.room(left, NEVER);
      turn.use(room);
      left -= room;
      onPassed(room);
    }
    onFrame();
  }
}

for (const rate of [1e6, 1e7, 1e8]) {
  for (const lateMs of [0, 7, 30]) {
    Deno.test(`${rate} bytes a second pass within a twentieth over ten seconds, timers ${lateMs} ms late`, async () => {
      const clock = new Clock(lateMs);
      const limit = new RateLimit(rate, clock);
      let passed = 0;
      const isOver = () => clock.nowMs() >= 10_000;
      const onPassed = (bytes: number) => {
        if (!isOver()) passed += bytes;
      };
      // Lanes of several transfers, both ways.
      for (let count = 0; count < 12; count++) {
        lane(limit, { frameBytes: 2 ** 21, isOver, onPassed });
      }
      await clock.until(10_000);
      assert.ok(Math.abs(passed / (10 * rate) - 1) < 0.05, `${passed} bytes`);
      await clock.until(60_000);
    });
  }
}

for (const lateMs of [0, 75]) {
  Deno.test(`a frame is through as early as can be, however many lanes there are, timers ${lateMs} ms late`, async () => {
    const clock = new Clock(lateMs);
    const limit = new RateLimit(1e6, clock);
    const endsMs: number[] = [];
    for (let count = 0; count < 16; count++) {
      lane(limit, {
        frameBytes: 1e6,
        isOver: () => clock.nowMs() >= 20_000,
        onPassed: () => {},
        onFrame: () => endsMs.push(clock.nowMs()),
      });
    }
    // Slice by slice in turn, none would be whole before sixteen seconds are over.
    await clock.until(8_000);
    assert.ok(Math.abs(endsMs.length - 8) <= 1, String(endsMs));
    assert.ok(endsMs[0]! < 1_500, String(endsMs));
    await clock.until(100_000);
  });
}

Deno.test("a frame that is held up elsewhere holds up no other", async () => {
  const clock = new Clock();
  const limit = new RateLimit(1e6, clock);
  const stalled = limit.turn();
  stalled.use(await stalled.room(20_000, NEVER));
  let frames = 0;
  const isOver = () => clock.nowMs() >= 3_000;
  lane(limit, { frameBytes: 100_000, isOver, onPassed: () => {}, onFrame: () => frames++ });
  await clock.until(3_000);
  assert.ok(frames >= 28, `${frames} frames`);
  await clock.until(60_000);
});

Deno.test("transfers share a limit slice by slice, however many lanes each has", async () => {
  const clock = new Clock();
  const limit = new RateLimit(1e6, clock);
  const passed = { many: 0, one: 0 };
  const isOver = () => clock.nowMs() >= 10_000;
  const many = limit.share();
  const how = { frameBytes: 1e6, isOver };
  for (let count = 0; count < 16; count++) {
    lane(many, { ...how, onPassed: (bytes) => passed.many += bytes });
  }
  lane(limit.share(), { ...how, onPassed: (bytes) => passed.one += bytes });
  await clock.until(10_000);
  assert.ok(Math.abs(passed.one / passed.many - 1) < 0.1, JSON.stringify(passed));
  await clock.until(100_000);
});

Deno.test("a turn that comes back soon keeps its place, and one that was long away does not", async () => {
  for (const awayMs of [900, 1_100]) {
    const clock = new Clock();
    const limit = new RateLimit(1e6, clock);
    const turn = limit.turn();
    turn.use(await turn.room(20_000, NEVER));
    await clock.until(awayMs);
    const order: string[] = [];
    // All that is due is gone: these two wait, the later one first.
    await limit.turn().room(1e6, NEVER);
    const waits = [
      limit.turn().room(1_000, NEVER).then(() => order.push("later")),
      turn.room(1_000, NEVER).then(() => order.push("first")),
    ];
    await clock.until(5_000);
    await Promise.all(waits);
    assert.deepEqual(order, awayMs < 1_000 ? ["first", "later"] : ["later", "first"]);
  }
});

Deno.test("a slice is no burst: a fiftieth of a second, between 1 KiB and 1 MiB", () => {
  const sliceOf = (rate: number) => new RateLimit(rate).sliceBytes;
  assert.equal(sliceOf(1e6), 20_000);
  assert.equal(sliceOf(1000), 1024);
  assert.equal(sliceOf(1e12), 2 ** 20);
});

Deno.test("what was not used long ago is lost", () => {
  const dues = new Dues(1000, { sliceBytes: 500 });
  assert.equal(dues.take(600, 0), 600);
  // An hour later there is a tenth of a second to make up for, and no more.
  const laterMs = 3_600_000;
  assert.equal(dues.waitMs(laterMs), 0);
  assert.equal(dues.take(1000, laterMs), 600);
  assert.equal(dues.waitMs(laterMs), 500);
});

Deno.test("a slice passes at a time, and what is late with it", () => {
  const dues = new Dues(1000, { sliceBytes: 20 });
  assert.equal(dues.take(1000, 0), 120);
  assert.equal(dues.waitMs(0), 20);
  assert.equal(dues.take(1000, 20), 20);
  assert.equal(dues.take(1000, 40 + 70), 90);
  assert.equal(dues.waitMs(110), 20);
});

Deno.test("whoever is given up waits no longer, and takes nothing", async () => {
  const clock = new Clock();
  const limit = new RateLimit(1000, clock);
  const given = new AbortController();
  const first = limit.turn();
  await first.room(1_000_000, NEVER);
  const waiting = limit.turn().room(5_000, given.signal);
  let passed = 0;
  limit.turn().room(10, NEVER).then((room) => passed = room);
  given.abort();
  assert.equal(await waiting, 5_000);
  assert.equal(await limit.turn().room(7, given.signal), 7);
  // As if it had never been there.
  await clock.until(1_100);
  assert.equal(passed, 10);
});

Deno.test("a limit that nobody waits for keeps no timer", async () => {
  const limit = new RateLimit(1000);
  const given = new AbortController();
  await limit.turn().room(100_000, NEVER);
  const waiting = limit.turn().room(1, given.signal);
  given.abort();
  await waiting;
});

Deno.test("a limit is more than nothing, and no more than a number holds", () => {
  for (const rate of [0, -1, NaN, Infinity, 1e13]) {
    assert.throws(() => new RateLimit(rate), RangeError, String(rate));
  }
  assert.equal(rateLimitOf(undefined), null);
  assert.equal(rateLimitOf(5)?.bytesPerSecond, 5);
});
