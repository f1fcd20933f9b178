import assert from "node:assert/strict";
import type { FrameToLand } from "../pool/messages.ts";
import type { PoolJob, RunOptions } from "../pool/pool.ts";
import { BATCH_FRAMES } from "./equipment.ts";
import { Landing } from "./landing.ts";
import { Movement } from "./movement.ts";

/** A pool whose jobs end when the test says so. */
class StillPool {
  readonly count: number;
  readonly jobs: {
    readonly frames: readonly number[];
    readonly done: PromiseWithResolvers<void>;
  }[] = [];

  constructor(count = 1) {
    this.count = count;
  }

  run(job: PoolJob, { onReply }: RunOptions): Promise<void> {
    assert.ok(job.kind === "land");
    const done = Promise.withResolvers<void>();
    this.jobs.push({ frames: job.frames.map(({ frame }) => frame), done });
    return done.promise.then(() => {
      for (const { frame, buffer } of job.frames) {
        onReply({ kind: "landed", job: 1, frame, buffer, failures: [] });
      }
    });
  }
}

Deno.test("frames leave at once while workers have room, then together", async () => {
  const { pool, landing, landed } = scene({ count: 1 });
  for (let frame = 0; frame < 5; frame++) {
    landing.put(frameOf(frame));
    landing.flush();
  }
  assert.deepEqual(pool.jobs.map(({ frames }) => frames), [[0], [1]]);
  pool.jobs[0]!.done.resolve();
  await turn();
  assert.deepEqual(pool.jobs.at(-1)?.frames, [2, 3, 4]);
  assert.deepEqual(landed, [0]);
  for (const { done } of pool.jobs) done.resolve();
  await landing.settled();
  assert.deepEqual(landed.toSorted(), [0, 1, 2, 3, 4]);
});

Deno.test("a batch has its bound, however many frames wait", () => {
  const { pool, landing } = scene({ count: 1 });
  for (let frame = 0; frame < 3 * BATCH_FRAMES; frame++) landing.put(frameOf(frame));
  landing.flush();
  assert.deepEqual(pool.jobs.map(({ frames }) => frames.length), [BATCH_FRAMES, BATCH_FRAMES]);
});

Deno.test("a failure of the workers is told, and waited for at the end", async () => {
  const { pool, landing, errors } = scene({ count: 1 });
  landing.put(frameOf(0));
  landing.flush();
  const failure = new Error("gone");
  pool.jobs[0]!.done.reject(failure);
  await landing.settled();
  await turn();
  assert.deepEqual(errors, [failure]);
});

Deno.test("nothing leaves once it is over, and who ends it waits for what workers have", async () => {
  const { pool, landing, stop } = scene({ count: 1 });
  landing.put(frameOf(0));
  landing.flush();
  stop.abort();
  landing.put(frameOf(1));
  landing.flush();
  let isSettled = false;
  const settled = landing.settled().then(() => isSettled = true);
  await turn();
  assert.equal(isSettled, false);
  pool.jobs[0]!.done.resolve();
  await settled;
  assert.equal(pool.jobs.length, 1);
});

Deno.test("a transfer moves while workers have frames of it", async () => {
  const movement = new Movement();
  const { pool, landing } = scene({ count: 1, movement });
  landing.put(frameOf(0));
  landing.flush();
  assert.equal(movement.stillMs(Infinity), 0);
  pool.jobs[0]!.done.resolve();
  await landing.settled();
  assert.ok(movement.stillMs(Infinity) > 0);
});

function scene({ count, movement }: { readonly count: number; readonly movement?: Movement }) {
  const pool = new StillPool(count);
  const landed: number[] = [];
  const errors: unknown[] = [];
  const stop = new AbortController();
  const landing = new Landing({
    pool,
    movement,
    onLanded: ({ frame }) => landed.push(frame),
    onError: (error) => errors.push(error),
    signal: stop.signal,
  });
  return { pool, landing, landed, errors, stop };
}

function frameOf(frame: number): FrameToLand {
  return { frame, buffer: new ArrayBuffer(0), bodyOffset: 0, bodyBytes: 0, chunks: [] };
}

/** Everything that is ready runs. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
