// What a sending run tells the plan of compression, seen by the levels that its next jobs go at: the real
// run, with workers, lanes and a clock of the test's.

import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import type { FileToPack, JobReply, PackJob } from "../pool/messages.ts";
import { JOBS_PER_WORKER } from "../pool/pool.ts";
import type { RunOptions } from "../pool/pool.ts";
import type { Range, TransferMessage } from "../wire/messages.ts";
import type { CompressionChoice } from "./compression.ts";
import { type Equipment, loadHashing } from "./equipment.ts";
import { Mailbox } from "./mailbox.ts";
import { runSend, type SendRunOptions } from "./send_run.ts";
import type { TransferChannel } from "./transfer_channel.ts";

const CHUNK = 64 << 10;
const FRAME = CHUNK - 1000;
const TRANSFER = 1;
const WORKERS = 2;
const SLOTS = 16;
const FIRST = LIMITS.defaultZstdLevel;

interface GivenJob {
  readonly job: Omit<PackJob, "job">;
  readonly onReply: (reply: JobReply) => void;
  readonly done: () => void;
}

/** A run that sends one large file, as far as the test lets it. */
class Scene implements AsyncDisposable {
  /** Jobs that the workers have. */
  readonly jobs: GivenJob[] = [];
  nowMs = 0;
  readonly #messages = new Mailbox<TransferMessage>();
  readonly #stop = new AbortController();
  readonly #now = performance.now;
  readonly #lanes: PromiseWithResolvers<void>[] = [];
  #ended: Promise<unknown> = Promise.resolve();

  static async open(compression: CompressionChoice, { lanes = 1 } = {}): Promise<Scene> {
    const scene = new Scene();
    performance.now = () => scene.nowMs;
    scene.#ended = runSend(await scene.#options(compression, lanes));
    scene.#messages.put({ type: "accept", transfer: TRANSFER, fresh: [true], chunkBytes: CHUNK });
    await settle();
    return scene;
  }

  get levels(): readonly number[] {
    return this.jobs.map(({ job: { compression } }) =>
      compression.kind === "none" ? 0 : compression.level
    );
  }

  /** A lane loses its connection, with what it took. */
  async loseLane(): Promise<void> {
    this.#lanes[0]?.resolve();
    await settle();
  }

  async stored(...frames: readonly Range[]): Promise<void> {
    this.#messages.put({ type: "stored", transfer: TRANSFER, frames });
    await settle();
  }

  /** The workers are done with their first job, which took them so long; answers its frames. */
  async pack(triedMs: number): Promise<readonly number[]> {
    const { job, onReply, done } = this.jobs.shift()!;
    for (const { frame, buffer, chunks } of job.frames) {
      const records = chunks.map(({ entry, chunk, rawBytes }) => {
        const digest = new Uint8Array(32);
        return { entry, chunk, rawBytes, storedBytes: FRAME, encoding: "zstd" as const, digest };
      });
      const tried = { triedBytes: CHUNK, keptBytes: FRAME, triedMs, sampleBytes: FRAME };
      const work = { busyMs: triedMs + 0.01, sampledBytes: CHUNK, ...tried };
      const packed = { kind: "packed", job: 0, frame, buffer, records, failures: [] } as const;
      onReply({ ...packed, frameBytes: FRAME, work });
    }
    done();
    await settle();
    return job.frames.map(({ frame }) => frame);
  }

  /** So many jobs, which take a while; answers their frames. */
  async packMany(jobs: number): Promise<readonly number[]> {
    const frames: number[] = [];
    for (let job = 0; job < jobs; job++) frames.push(...await this.pack(20));
    return frames;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const { done } of this.jobs) done();
    await this.#ended;
    performance.now = this.#now;
  }

  async #options(compression: CompressionChoice, lanes: number): Promise<SendRunOptions> {
    const stamp = { device: 1n, inode: 1n, sizeBytes: 1e9, mtimeNs: 0n, ctimeNs: 0n };
    const entry = {
      path: "f",
      kind: "file",
      sizeBytes: 1e9,
      mtimeNs: 0n,
      mode: 0o644,
      stamp,
    } as const;
    const source = { name: "f", kind: "file", contents: false } as const;
    const equipment = {
      hashing: await loadHashing(),
      pool: { count: WORKERS, run: this.#run.bind(this) },
      rateLimit: null,
      warm: () => {},
      reserveSlots: () => ({ slots: SLOTS, [Symbol.dispose]: () => {} }),
    };
    return {
      channel: this.#channel(),
      offer: {
        ...{ type: "offer", transfer: TRANSFER, sources: [source], destination: "", given: ["f"] },
        ...{ intoDirectory: false, chunkBytes: CHUNK, checksum: false, atomic: false, nowNs: 0n },
        ...{ delete: false, filters: [], dryRun: false },
      },
      walk: {
        store: {
          walk: async function* () {
            yield await Promise.resolve({
              ...{ entries: [entry], paths: ["/f"], sources: [0], notices: [] },
            });
          },
        },
        sources: [],
        options: {},
      },
      missing: [],
      equipment: equipment as unknown as Equipment,
      compression,
      lanes: { connections: 1, lanes, mostConnections: 1, hasOther: false, widen: () => {} },
      verifyReceipt: () => Promise.resolve(true),
      tellEntries: false,
      onEvent: () => {},
      signal: this.#stop.signal,
    };
  }

  #run(job: Omit<PackJob, "job"> & { readonly files: readonly FileToPack[] }, options: RunOptions) {
    return new Promise<void>((done) => {
      this.jobs.push({ job, onReply: options.onReply, done });
    });
  }

  #channel(): TransferChannel {
    const path = { connection: 0, address: "192.0.2.1:4443", stack: "memory" };
    const stats = () => ({ rttMs: null, lossRatio: null, windowBytes: null });
    return {
      transfer: TRANSFER,
      rttMs: null,
      connections: [{ number: 0, ...path, rttMs: null, lossRatio: null }],
      messages: this.#messages,
      lanes: new Mailbox(),
      send: () => {},
      openLane: () => {
        const lost = Promise.withResolvers<void>();
        this.#lanes.push(lost);
        const stream = {
          write: () => Promise.resolve(),
          close: () => Promise.resolve(),
          abort: () => {},
        };
        return Promise.resolve({ ...path, stats, stream, lost: lost.promise });
      },
      flushed: () => Promise.resolve(),
      caughtUp: () => Promise.resolve(),
      close: () => this.#messages.close(),
    };
  }
}

/** Lets everything happen that waits for nothing but its turn. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve));
}

const ADAPTIVE = { kind: "adaptive" } as const;

Deno.test("what was packed and is ahead raises the level of the next job", async () => {
  await using scene = await Scene.open(ADAPTIVE);
  assert.deepEqual(new Set(scene.levels), new Set([FIRST]));
  await scene.pack(0.01);
  assert.equal(scene.levels.at(-1), 9);
});

Deno.test("what is stored is not ahead any more", async () => {
  await using scene = await Scene.open(ADAPTIVE);
  const frames = await scene.packMany(40);
  assert.ok(scene.levels.at(-1)! > FIRST);
  await scene.stored(...frames.map((frame) => [frame, 1] as const));
  await scene.packMany(1);
  assert.equal(scene.levels.at(-1), FIRST);
});

Deno.test("what was lost with a lane is not ahead any more", async () => {
  await using scene = await Scene.open(ADAPTIVE, { lanes: 2 });
  await scene.packMany(40);
  assert.ok(scene.levels.at(-1)! > FIRST);
  await scene.loseLane();
  await scene.packMany(1);
  assert.equal(scene.levels.at(-1), FIRST);
});

Deno.test("a path that took what it was given waits for workers, however late that is stored", async () => {
  await using scene = await Scene.open(ADAPTIVE);
  const underWay: number[] = [];
  for (let frame = 0; frame < 200 && scene.levels.at(-1) !== 0; frame++) {
    scene.nowMs += 20;
    underWay.push(...await scene.pack(40));
    while (underWay.length > 5) await scene.stored([underWay.shift()!, 1]);
  }
  assert.equal(scene.levels.at(-1), 0);
});

Deno.test("workers hold two jobs each where each is decided, and all there may be where not", async () => {
  await using scene = await Scene.open(ADAPTIVE);
  assert.equal(scene.jobs.length, JOBS_PER_WORKER * WORKERS);
  await using fixed = await Scene.open({ kind: "zstd", level: 3 });
  assert.equal(fixed.jobs.length, SLOTS);
});

Deno.test("a job has as many frames as workers took little time for", async () => {
  for (const [tookMs, frames] of [[2, 4], [40, 1]] as const) {
    await using scene = await Scene.open(ADAPTIVE);
    await scene.pack(tookMs);
    assert.equal(scene.jobs.at(-1)?.job.frames.length, frames);
  }
});
