// What the plan promises frame by frame; how well it decides is shown in tests/simulation.

import assert from "node:assert/strict";
import type { PackWork } from "../pool/messages.ts";
import { LIMITS } from "../base/limits.ts";
import { CompressionPlan } from "./compression_plan.ts";

const CHUNK = 2 << 20;

/** Text that a level halves or better, at so many milliseconds a chunk. */
function work(triedMs: number, kept = 0.3): PackWork {
  return {
    busyMs: triedMs + 1,
    zeroBytes: 0,
    sampledBytes: CHUNK,
    triedBytes: CHUNK,
    keptBytes: CHUNK * kept,
    triedMs,
    sampleBytes: CHUNK * 0.4,
  };
}

/** What was not compressed. */
const PLAIN: PackWork = {
  busyMs: 1,
  zeroBytes: 0,
  sampledBytes: 0,
  triedBytes: 0,
  keptBytes: 0,
  triedMs: 0,
  sampleBytes: 0,
};

/** A transfer whose path takes a frame every so often, however fast it is packed. */
class Run {
  readonly plan: CompressionPlan;
  nowMs = 0;
  /** Lanes say that a frame was written once it is stored. */
  isToldLate = false;
  #frame = 0;
  readonly #packed: number[] = [];

  constructor({ workers = 2, slots = 16 } = {}) {
    this.plan = new CompressionPlan({ workers, nowMs: 0, slots });
  }

  /** Sixteen frames at lanes all the time; each is written after so long. */
  slowPath(frames: number, { everyMs, packMs }: { everyMs: number; packMs: number }): void {
    for (let count = 0; count < frames; count++) {
      while (this.#packed.length < 16) this.#pack(packMs);
      this.nowMs += everyMs;
      this.#arrived(this.#packed.shift()!);
    }
  }

  /** Frames go as they come, workers are all there is to wait for; what is plain costs one of them. */
  fastPath(frames: number, { packMs }: { packMs: number }): void {
    const waiting: number[] = [];
    for (let count = 0; count < frames; count++) {
      while (waiting.length < 16) waiting.push(this.#choose());
      const frame = waiting.shift()!;
      const isPlain = this.plan.level === 0;
      this.nowMs += isPlain ? 1 : packMs / 2;
      const packing = isPlain ? PLAIN : work(packMs);
      const frameBytes = isPlain ? CHUNK : CHUNK * 0.3;
      this.plan.packed(frame, { work: packing, frameBytes, nowMs: this.nowMs });
      this.#arrived(frame);
    }
  }

  /** Frames of nothing but zeros, at a path that takes one so often. */
  zeros(frames: number, { everyMs }: { everyMs: number }): void {
    const waiting: number[] = [];
    for (let count = 0; count < frames; count++) {
      while (waiting.length < Math.min(16, frames - count)) waiting.push(this.#choose());
      const frame = waiting.shift()!;
      const packing = { ...PLAIN, busyMs: 10, zeroBytes: CHUNK };
      this.plan.packed(frame, { work: packing, frameBytes: 150, nowMs: this.nowMs });
      this.nowMs += everyMs;
      this.#arrived(frame);
    }
  }

  #arrived(frame: number): void {
    if (!this.isToldLate) this.plan.written(frame, this.nowMs);
    this.plan.stored([[frame, 1]], this.nowMs);
    this.plan.written(frame, this.nowMs);
  }

  #choose(): number {
    const frame = this.#frame++;
    this.plan.choose([{ frame, rawBytes: CHUNK }], this.nowMs);
    return frame;
  }

  #pack(packMs: number): void {
    const { level } = this.plan;
    const frame = this.#choose();
    // A higher level takes longer and saves more.
    const kept = 0.3 - 0.01 * level;
    const packing = work(packMs * level, kept);
    this.plan.packed(frame, { work: packing, frameBytes: CHUNK * kept, nowMs: this.nowMs });
    this.#packed.push(frame);
  }
}

Deno.test("the first job is compressed at the first level, where a sample saves an eighth", () => {
  const plan = new CompressionPlan({ workers: 2, nowMs: 0 });
  const decision = plan.choose([{ frame: 0, rawBytes: CHUNK }], 0);
  const level = LIMITS.defaultZstdLevel;
  assert.deepEqual(decision, { kind: "auto", level, leastSaving: 1 / 8 });
});

Deno.test("a path that is slow gets a higher level, and less of a saving pays", () => {
  const run = new Run();
  run.slowPath(60, { everyMs: 200, packMs: 5 });
  assert.ok(run.plan.level > 3, `${run.plan.level}`);
  const decision = run.plan.choose([{ frame: 10_000, rawBytes: CHUNK }], run.nowMs);
  assert.ok(decision.kind === "auto" && decision.leastSaving < 1 / 8);
});

Deno.test("zeros say nothing of what a level costs, nor of how fast a path is", () => {
  const [slow, fast] = [new Run(), new Run()];
  slow.zeros(1000, { everyMs: 5 });
  assert.equal(slow.plan.level, LIMITS.defaultZstdLevel);
  slow.slowPath(12, { everyMs: 200, packMs: 5 });
  assert.ok(slow.plan.level > LIMITS.defaultZstdLevel, `${slow.plan.level}`);
  fast.fastPath(72, { packMs: 40 });
  assert.equal(fast.plan.level, 0);
  for (let count = 0; count < 1000; count++) {
    fast.zeros(1, { everyMs: 5 });
    assert.equal(fast.plan.level, 0);
  }
});

Deno.test("a path that waits for the workers gets plain chunks, once it has begun", () => {
  const run = new Run();
  // Before 8 MiB came through it may have only begun.
  run.fastPath(12, { packMs: 40 });
  assert.equal(run.plan.level, LIMITS.defaultZstdLevel);
  run.fastPath(60, { packMs: 40 });
  assert.equal(run.plan.level, 0);
});

Deno.test("fewer frames than workers tell as much, where there may be no more", () => {
  const run = new Run({ workers: 32, slots: 16 });
  run.fastPath(72, { packMs: 40 });
  assert.equal(run.plan.level, 0);
});

Deno.test("within one machine nothing is tried before a rate is known, however late that is", () => {
  const plan = new CompressionPlan({ workers: 2, nowMs: 0, isFast: true });
  const kinds: string[] = [];
  for (let nowMs = 0, frame = 0; nowMs < 540; nowMs += 10, frame++) {
    kinds.push(plan.choose([{ frame, rawBytes: CHUNK }], nowMs).kind);
    plan.packed(frame, { work: PLAIN, frameBytes: CHUNK, nowMs });
    if (nowMs >= 300) plan.stored([[frame - 30, 1]], nowMs);
  }
  assert.deepEqual(new Set(kinds), new Set(["zeros"]));
});

Deno.test("that a frame is stored may be known before its lane is done with it", () => {
  const run = new Run();
  run.isToldLate = true;
  run.fastPath(72, { packMs: 40 });
  assert.equal(run.plan.level, 0, "lanes wait, and do not seem to have frames");
});

Deno.test("with nothing compressed a job is sampled now and then", () => {
  const run = new Run();
  run.fastPath(100, { packMs: 40 });
  assert.equal(run.plan.level, 0);
  const kinds: string[] = [];
  for (let second = 0; second < 10; second++) {
    run.nowMs += 1000;
    const frames = [{ frame: 10_000 + second, rawBytes: CHUNK }];
    kinds.push(run.plan.choose(frames, run.nowMs).kind);
  }
  assert.equal(kinds.filter((kind) => kind === "auto").length, 5, String(kinds));
});

Deno.test("frames that were lost, left out or are of another plan change nothing", () => {
  const plan = new CompressionPlan({ workers: 2, nowMs: 0 });
  plan.choose([{ frame: 0, rawBytes: CHUNK }, { frame: 1, rawBytes: CHUNK }], 0);
  plan.packed(0, { work: work(5), frameBytes: 0, nowMs: 5 });
  plan.packed(1, { work: work(5), frameBytes: CHUNK, nowMs: 10 });
  plan.lost([1, 7], 20);
  for (const frame of [0, 1, 9]) plan.written(frame, 5_000);
  plan.stored([[0, 2], [7, 9]], 5_000);
  plan.packed(9, { work: work(5), frameBytes: 1, nowMs: 5_000 });
  assert.equal(plan.level, LIMITS.defaultZstdLevel);
});
