// What a sending run ties together, seen from outside: what it tells the plan of compression by the levels that
// its next jobs go at, what it tells its lanes by what they take and who is given up.

import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { JOBS_PER_WORKER } from "../pool/pool.ts";
import { PendingTimers } from "./_fixture.ts";
import { SendScene, SLOTS, WORKERS } from "./_send_scene.ts";

const FIRST = LIMITS.defaultZstdLevel;

const ADAPTIVE = { kind: "adaptive" } as const;
const FIXED = { kind: "zstd", level: 3 } as const;

Deno.test("what was packed and is ahead raises the level of the next job", async () => {
  await using scene = await SendScene.open(ADAPTIVE);
  assert.deepEqual(new Set(scene.levels), new Set([FIRST]));
  await scene.pack(0.01);
  assert.equal(scene.levels.at(-1), 9);
});

Deno.test("what is stored is not ahead any more", async () => {
  await using scene = await SendScene.open(ADAPTIVE);
  const frames = await scene.packMany(40);
  assert.ok(scene.levels.at(-1)! > FIRST);
  await scene.stored(...frames.map((frame) => [frame, 1] as const));
  await scene.packMany(1);
  assert.equal(scene.levels.at(-1), FIRST);
});

Deno.test("what was lost with a lane is not ahead any more", async () => {
  await using scene = await SendScene.open(ADAPTIVE, { lanes: 2 });
  await scene.packMany(40);
  assert.ok(scene.levels.at(-1)! > FIRST);
  await scene.loseLane();
  await scene.packMany(1);
  assert.equal(scene.levels.at(-1), FIRST);
});

Deno.test("a path that took what it was given waits for workers, however late that is stored", async () => {
  await using scene = await SendScene.open(ADAPTIVE);
  const underWay: number[] = [];
  for (let frame = 0; frame < 200 && scene.levels.at(-1) !== 0; frame++) {
    scene.nowMs += 20;
    underWay.push(...await scene.pack(40));
    while (underWay.length > 5) await scene.stored([underWay.shift()!, 1]);
  }
  assert.equal(scene.levels.at(-1), 0);
});

Deno.test("workers hold two jobs each where each is decided, and all there may be where not", async () => {
  await using scene = await SendScene.open(ADAPTIVE);
  assert.equal(scene.jobs.length, JOBS_PER_WORKER * WORKERS);
  await using fixed = await SendScene.open(FIXED);
  assert.equal(fixed.jobs.length, SLOTS);
});

Deno.test("a job has as many frames as workers took little time for", async () => {
  for (const [tookMs, frames] of [[2, 4], [40, 1]] as const) {
    await using scene = await SendScene.open(ADAPTIVE);
    await scene.pack(tookMs);
    assert.equal(scene.jobs.at(-1)?.job.frames.length, frames);
  }
});

Deno.test("what is stored makes room for more on its connection, where there are several", async () => {
  await using scene = await SendScene.open(FIXED, { connections: 2, lanes: 0 });
  await scene.packAll();
  const { length: before } = scene.written;
  assert.deepEqual(new Set(scene.written), new Set([0, 1]));
  scene.nowMs += 100;
  await scene.stored([0, before]);
  assert.ok(scene.written.length > before, `${before}, then ${scene.written.length}`);
});

/** After so long no connection counts as silent, and after so long one does that has brought nothing. */
const [SOON_MS, LATE_MS] = [1_000, 1_600];

/** A lane and a chunk for each connection; the receiver has what the second one brought, and nothing else. */
async function oneIsSilent(connections: number, { walksOn = false } = {}): Promise<SendScene> {
  const counts = { connections, lanes: connections, chunks: connections };
  const scene = await SendScene.open(FIXED, { ...counts, walksOn });
  await scene.packAll();
  scene.nowMs = 100;
  await scene.stored([1, 1]);
  return scene;
}

Deno.test("in the end what a silent connection has is sent over another one", async () => {
  await using scene = await oneIsSilent(2);
  await scene.wait(SOON_MS);
  assert.deepEqual(scene.aborted, []);
  await scene.wait(LATE_MS - SOON_MS);
  assert.deepEqual(scene.aborted, [0]);
  await scene.packAll();
  assert.deepEqual(scene.written, [0, 1, 1]);
});

Deno.test("it is not the end while the walk may find more", async () => {
  await using scene = await oneIsSilent(2, { walksOn: true });
  await scene.wait(LATE_MS);
  assert.deepEqual(scene.aborted, []);
  await scene.endWalk();
  await scene.wait(1);
  assert.deepEqual(scene.aborted, [0]);
});

Deno.test("it is not the end while a worker has a frame", async () => {
  await using scene = await oneIsSilent(3);
  await scene.loseLane(2);
  assert.equal(scene.jobs.length, 1);
  await scene.wait(LATE_MS);
  assert.deepEqual(scene.aborted, [2]);
  await scene.packAll();
  await scene.wait(1);
  assert.deepEqual(scene.aborted, [2, 0]);
});

Deno.test("a transfer that ends while its walk goes first leaves no timer behind", async () => {
  using timers = new PendingTimers();
  {
    await using scene = await SendScene.open(FIXED, { rttMs: 1, walksOn: true });
    assert.deepEqual([scene.jobs.length, timers.count], [0, 1]);
  }
  assert.equal(timers.count, 0);
});
