import assert from "node:assert/strict";
import type { SftpxError } from "../base/errors.ts";
import { HandClock, isCode } from "./_fixture.ts";
import { Pulse } from "./pulse.ts";

/** A pulse whose pings a test answers as it likes. */
function pulseOf(
  { onPing = () => {}, hasRoom = true }: {
    onPing?: (token: number, pulse: Pulse) => void;
    hasRoom?: boolean;
  } = {},
) {
  const silence = Promise.withResolvers<SftpxError>();
  let pings = 0;
  const send = (token: number) => {
    pings++;
    onPing(token, pulse);
  };
  const ask = (token: number) => {
    send(token);
    return hasRoom;
  };
  const pulse: Pulse = new Pulse({ ping: send, ask, onSilence: silence.resolve });
  return { pulse, silence: silence.promise, pings: () => pings };
}

Deno.test("watch() tells of a peer that does not even answer a ping", async () => {
  const it = pulseOf();
  it.pulse.watch({ silenceMs: 10 });
  const error = await it.silence;
  assert.ok(isCode("lost")(error));
  assert.match(error.message, /has not answered for 0\.01 s$/);
  assert.ok(it.pings() > 0); // On a machine that stands still it asks anew.
});

Deno.test("watch() lets a peer be that answers when it is asked", async () => {
  const rounds = Promise.withResolvers<void>();
  let asked = 0;
  const it = pulseOf({
    onPing: (token, pulse) => {
      pulse.heard();
      pulse.pong(token);
      if (++asked === 3) rounds.resolve();
    },
  });
  it.pulse.watch({ silenceMs: 10 });
  const first = await Promise.race([it.silence, rounds.promise.then(() => null)]);
  it.pulse.end();
  assert.equal(first, null);
});

Deno.test("watch() may begin anew, and does not once the session is over", async () => {
  const it = pulseOf();
  it.pulse.watch({ silenceMs: 60_000 });
  it.pulse.watch({ silenceMs: 10 });
  await it.silence;
  const over = pulseOf();
  over.pulse.end();
  over.pulse.watch({ silenceMs: 60_000 }); // A timer left behind would fail this test.
});

Deno.test("watch() does not take its own standstill for the peer's silence", async () => {
  const rounds = Promise.withResolvers<void>();
  let asked = 0;
  const it = pulseOf({
    onPing: () => {
      const untilMs = performance.now() + 30; // Longer than the peer has to answer.
      while (performance.now() < untilMs);
      if (++asked === 3) rounds.resolve();
    },
  });
  it.pulse.watch({ silenceMs: 10 });
  const first = await Promise.race([it.silence, rounds.promise.then(() => null)]);
  it.pulse.end();
  assert.equal(first, null);
});

Deno.test("a peer that cannot be asked is silent", async () => {
  const it = pulseOf({
    onPing: () => {
      throw new Error("gone");
    },
  });
  it.pulse.watch({ silenceMs: 10 });
  assert.ok(isCode("lost")(await it.silence));
});

Deno.test("roundTripMs() is the smallest of all pings, and null without an answer", async () => {
  const delaysMs = [30, 5, 15];
  const real = performance.now;
  let nowMs = 0;
  performance.now = () => nowMs;
  try {
    const it = pulseOf({
      onPing: (token, pulse) => {
        nowMs += delaysMs.shift() ?? 0;
        pulse.pong(token);
      },
    });
    assert.equal(await it.pulse.roundTripMs({ pings: 3, timeoutMs: 10_000 }), 5);
    assert.equal(it.pulse.rttMs, 5);
    assert.equal(it.pings(), 3);
  } finally {
    performance.now = real;
  }
  const mute = pulseOf();
  assert.equal(await mute.pulse.roundTripMs({ pings: 3, timeoutMs: 1 }), null);
  assert.equal(mute.pings(), 1);
});

Deno.test("a pong to nobody's ping is no answer", async () => {
  const it = pulseOf({ onPing: (token, pulse) => pulse.pong(token + 1) });
  assert.equal(await it.pulse.answers(1), false);
});

Deno.test("end() answers all who wait", async () => {
  const it = pulseOf();
  const waiting = [it.pulse.answers(60_000), it.pulse.answers(60_000)];
  it.pulse.end();
  assert.deepEqual(await Promise.all(waiting), [false, false]);
});

Deno.test("watch() tells of a peer that answers nothing, whatever its transport repeats", async () => {
  const it = pulseOf();
  const timer = setInterval(() => it.pulse.heard(), 1);
  it.pulse.watch({ silenceMs: 40 });
  assert.match((await it.silence).message, /not answered for 0\.04 s$/);
  clearInterval(timer);
});

Deno.test("watch() waits for an answer as long as what is said before it still comes", () => {
  using clock = new HandClock();
  const silence: SftpxError[] = [];
  let pings = 0;
  const ask = () => ++pings > 0;
  const pulse = new Pulse({ ping: ask, ask, onSilence: (error) => void silence.push(error) });
  pulse.watch({ silenceMs: 40 });
  const look = (between: () => void) => {
    for (let looks = 0; looks < 100 && silence.length === 0; looks++) {
      clock.nowMs += 10;
      between();
      clock.goOff();
    }
  };
  look(() => pulse.said());
  assert.deepEqual([silence.length, pings], [0, 1], "its answer is still to come");
  look(() => pulse.heard());
  assert.ok(isCode("lost")(silence[0]));
  assert.equal(clock.nowMs, 1040, "what lanes bring is no word");
});

Deno.test("watch() takes nobody for silent whom there is no room to ask", async () => {
  const rounds = Promise.withResolvers<void>();
  let asked = 0;
  const it = pulseOf({
    hasRoom: false,
    onPing: () => {
      if (++asked === 4) rounds.resolve();
    },
  });
  it.pulse.watch({ silenceMs: 10 });
  const first = await Promise.race([it.silence, rounds.promise.then(() => null)]);
  it.pulse.end();
  assert.equal(first, null);
});

Deno.test("watch() is patient on a slow path, within what it was told", async () => {
  for (const [mostMs, seconds] of [[10_000, "0.1"], [90, "0.09"]] as const) {
    using clock = new HandClock();
    const silence: SftpxError[] = [];
    const ping = (token: number) => {
      clock.nowMs += 25;
      pulse.pong(token);
    };
    const onSilence = (error: SftpxError) => void silence.push(error);
    const pulse: Pulse = new Pulse({ ping, ask: () => true, onSilence });
    assert.ok(await pulse.answers(10_000));
    pulse.watch({ silenceMs: 80, mostMs });
    for (let looks = 0; looks < 100 && silence.length === 0; looks++) {
      clock.nowMs += 20;
      clock.goOff();
    }
    assert.match(silence[0]?.message ?? "", new RegExp(`answered for ${seconds} s$`));
  }
});

Deno.test("isThere() goes by what comes as long as there is no answer, and no longer than it is told", async () => {
  /** Whether it is there of whom something comes till then, every 10 ms, and when that is known. */
  const found = async (comesTillMs: number, mostMs = 300) => {
    using clock = new HandClock();
    const pulse = new Pulse({ ping: () => {}, ask: () => true, onSilence: () => {} });
    const known = Promise.withResolvers<number>();
    const isThere = pulse.isThere({ withinMs: 100, mostMs });
    isThere.then(() => known.resolve(clock.nowMs));
    for (let isKnown = false; !isKnown;) {
      clock.nowMs += 10;
      if (clock.nowMs <= comesTillMs) pulse.heard();
      if (clock.nowMs >= clock.dueMs) clock.goOff();
      isKnown = await Promise.race([known.promise.then(() => true), turns(5)]);
    }
    assert.equal(pulse.rttMs, null, "what comes is no answer");
    return [await isThere, await known.promise];
  };
  assert.deepEqual(await found(0), [false, 100]);
  assert.deepEqual(await found(50), [false, 150]);
  assert.deepEqual(await found(190), [false, 290]);
  // It was silent for less long than it had.
  assert.deepEqual(await found(210), [true, 300]);
  assert.deepEqual(await found(1000), [true, 300]);
  // The longest time ends before what it has after its last word does.
  assert.deepEqual(await found(190, 250), [true, 250]);
});

Deno.test("isThere() is false once the session is over, whatever came a moment ago", async () => {
  const it = pulseOf();
  const isThere = it.pulse.isThere({ withinMs: 60_000, mostMs: 60_000 });
  it.pulse.heard();
  it.pulse.end();
  assert.equal(await isThere, false);
});

Deno.test("isThere() is true once there is an answer", async () => {
  const it = pulseOf({ onPing: (token, pulse) => pulse.pong(token) });
  assert.ok(await it.pulse.isThere({ withinMs: 60_000, mostMs: 60_000 }));
  assert.equal(it.pulse.rttMs, it.pulse.lastRttMs);
});

Deno.test("heardMs is when the peer last said anything", () => {
  const it = pulseOf();
  const before = it.pulse.heardMs;
  while (performance.now() <= before);
  it.pulse.heard();
  assert.ok(it.pulse.heardMs > before);
});

/** False, after what is to settle at once has settled. */
async function turns(count: number): Promise<false> {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
  return false;
}
