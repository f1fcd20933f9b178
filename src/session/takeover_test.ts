import assert from "node:assert/strict";
import type { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { FRAME_HEADER_BYTES } from "../wire/frame.ts";
import { HandClock, pairOf } from "./_fixture.ts";
import { Hub } from "./hub.ts";
import type { Movement } from "./movement.ts";
import type { PatienceOptions } from "./pulse.ts";
import { Takeover } from "./takeover.ts";

const KEY = new Uint8Array(32).fill(1);
const OTHER_KEY = new Uint8Array(32).fill(2);
const STILL_MS = 60_000;
const TIMES = { stillMs: STILL_MS, mostMs: LIMITS.takeoverMs };

async function scene() {
  const pair = await pairOf();
  const hub = new Hub(pair.far, pair.server);
  hub.start();
  return { ...pair, hub, takeover: new Takeover(TIMES) };
}

/** A session that was last heard so long ago, and whose client does not answer, or does. */
function sessionOf({ silentMs, answers = false }: { silentMs: number; answers?: boolean }) {
  const asked: number[] = [];
  const session = {
    rttMs: 1,
    lastRttMs: 1,
    heardMs: performance.now() - silentMs,
    isThere: ({ withinMs }: { withinMs: number }) => {
      asked.push(withinMs);
      return Promise.resolve(answers);
    },
    isClosed: false,
    close: () => {
      session.isClosed = true;
    },
  };
  return { asked, session };
}

/** A transfer that stood still for so long, and lets go when it is told to. */
function placeOf(stillMs: number) {
  const told: SftpxError[] = [];
  const movement = { stillMs: () => stillMs } as unknown as Movement;
  return { told, place: { movement, giveWay: (error: SftpxError) => void told.push(error) } };
}

Deno.test("clear() of a key that nobody holds asks nobody", async () => {
  const { takeover, hub } = await scene();
  takeover.hold(new Uint8Array(32), hub);
  await takeover.clear(KEY);
  hub.close("none", "");
});

Deno.test("clear() leaves a holder alone whose client answers", async () => {
  const { takeover, hub, near, client } = await scene();
  takeover.hold(KEY, hub);
  const cleared = takeover.clear(KEY);
  const { token } = await near.expect("ping");
  near.send({ type: "pong", token });
  await cleared;
  let isClosed = false;
  client.closed.then(() => isClosed = true);
  near.send({ type: "ping", token: 5 });
  await near.expect("pong");
  assert.equal(isClosed, false);
  hub.close("none", "");
});

Deno.test("clear() leaves a holder alone whose client's answer is late behind what comes of it", async () => {
  const { far, server, near, client } = await pairOf();
  const hub = new Hub(far, server);
  hub.start();
  const takeover = new Takeover({ stillMs: STILL_MS, mostMs: 500 });
  const held = takeover.hold(KEY, hub);
  let isClosed = false;
  client.closed.then(() => {
    isClosed = true;
    held[Symbol.dispose]();
  });
  const { lanes } = hub.open(1);
  const came = Promise.withResolvers<void>();
  const reading = lanes.take().then(async (lane) => {
    while (await lane?.stream.read(new Uint8Array(100)).catch(() => null)) came.resolve();
  });
  using clock = new HandClock();
  const cleared = takeover.clear(KEY);
  assert.equal(clock.dueMs, 500);
  await near.expect("ping");
  clock.nowMs = 1;
  const lane = await client.openLane();
  const header = new Uint8Array(FRAME_HEADER_BYTES);
  new DataView(header.buffer).setUint32(4, 1);
  await lane.write(header);
  await lane.write(new Uint8Array(100));
  await came.promise;
  clock.nowMs = clock.dueMs;
  clock.goOff();
  await cleared;
  assert.equal(isClosed, false);
  hub.close("none", "");
  await Promise.all([client.closed, reading]);
});

Deno.test("clear() ends a holder whose client is gone, and waits until it let go", async () => {
  const { takeover, hub, near, client } = await scene();
  const held = takeover.hold(KEY, hub);
  let isCleared = false;
  const cleared = takeover.clear(KEY).then(() => isCleared = true);
  await near.expect("ping");
  await near.close(); // The session ends, the transfer does not yet.
  assert.equal((await client.closed).remote, true);
  assert.equal(isCleared, false);
  held[Symbol.dispose]();
  await cleared;
});

Deno.test("clear() ends all holders of a key whose clients are gone, and no other", async () => {
  const [alive, gone] = [await scene(), await scene()];
  const { takeover } = alive;
  const holds = [takeover.hold(KEY, alive.hub), takeover.hold(KEY, gone.hub)];
  const cleared = takeover.clear(KEY);
  const { token } = await alive.near.expect("ping");
  alive.near.send({ type: "pong", token });
  gone.near.close();
  await gone.client.closed;
  holds[1]![Symbol.dispose]();
  await cleared;
  // The one that is left is still held.
  alive.cut();
  await takeover.clear(new Uint8Array(32));
  const again = takeover.clear(KEY).then(() => true);
  assert.equal(await Promise.race([again, alive.client.closed.then(() => false)]), false);
  holds[0]![Symbol.dispose]();
  assert.ok(await again);
});

Deno.test("makeWay() ends the holder that is in the way if its client is gone, and no other", async () => {
  const takeover = new Takeover(TIMES);
  const [inTheWay, elsewhere] = [sessionOf({ silentMs: 5000 }), sessionOf({ silentMs: 5000 })];
  const held = takeover.hold(KEY, inTheWay.session);
  takeover.hold(OTHER_KEY, elsewhere.session);
  const made = takeover.makeWay(KEY);
  await Promise.resolve();
  held[Symbol.dispose]();
  assert.equal(await made, true);
  // A short path is no reason for less patience with somebody else's client.
  assert.deepEqual([inTheWay.asked, inTheWay.session.isClosed], [[LIMITS.takeoverMs], true]);
  assert.deepEqual([elsewhere.asked, elsewhere.session.isClosed], [[], false]);
  assert.equal(await takeover.makeWay(KEY), false, "nobody holds it any more");
});

Deno.test("makeWay() leaves a client alone that answers, and asks none who spoke a moment ago", async () => {
  const takeover = new Takeover(TIMES);
  const there = sessionOf({ silentMs: 5000, answers: true });
  const talking = sessionOf({ silentMs: 1000 });
  takeover.hold(KEY, there.session, placeOf(STILL_MS - 1).place);
  takeover.hold(OTHER_KEY, talking.session, placeOf(STILL_MS - 1).place);
  assert.deepEqual([await takeover.makeWay(KEY), await takeover.makeWay(OTHER_KEY)], [
    false,
    false,
  ]);
  assert.deepEqual([there.asked, talking.asked], [[LIMITS.takeoverMs], []]);
  assert.ok(!there.session.isClosed && !talking.session.isClosed);
});

for (const way of ["makeWay", "clear"] as const) {
  Deno.test(`${way}() ends a transfer that stands still, and not its session`, async () => {
    const takeover = new Takeover(TIMES);
    const { session, asked } = sessionOf({ silentMs: 0, answers: true });
    const { place, told } = placeOf(STILL_MS);
    const held = takeover.hold(KEY, session, place);
    let isMade = false;
    const made = takeover[way](KEY).then(() => isMade = true);
    await Promise.resolve();
    assert.deepEqual([told[0]?.code, told.length, asked, isMade], ["busy", 1, [], false]);
    assert.match(
      told[0]!.message,
      /nothing came for 60 s, and another transfer asks for the place/,
    );
    held[Symbol.dispose]();
    await made;
    assert.equal(session.isClosed, false);
  });
}

Deno.test("clear() leaves a transfer alone that has no place to give", async () => {
  const takeover = new Takeover({ ...TIMES, stillMs: 0 });
  const { session, asked } = sessionOf({ silentMs: 0, answers: true });
  takeover.hold(KEY, session);
  await takeover.clear(KEY);
  assert.deepEqual([asked.length, session.isClosed], [1, false]);
});

Deno.test("clear() waits no longer for a client than its path is known to take", async () => {
  const takeover = new Takeover(TIMES);
  const paths = [
    [null, 0, 2000],
    [1, 1, 300],
    [50, 50, 1000],
    [500, 500, 2000],
    // The link is full.
    [1, 400, 800],
  ] as const;
  for (const [rttMs, lastRttMs, patienceMs] of paths) {
    const asked: PatienceOptions[] = [];
    const gone = {
      rttMs,
      lastRttMs,
      heardMs: 0,
      isThere: (patience: PatienceOptions) => Promise.resolve(asked.push(patience) < 0),
      close: () => held[Symbol.dispose](),
    };
    const held = takeover.hold(KEY, gone);
    await takeover.clear(KEY);
    // One of whom something comes has the longest time all the same.
    assert.deepEqual(asked, [{ withinMs: patienceMs, mostMs: LIMITS.takeoverMs }]);
  }
});
