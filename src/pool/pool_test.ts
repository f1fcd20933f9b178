import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { spawnWorker } from "../runtime/runtime.ts";
import { ChunkPool, type PoolJob } from "./pool.ts";
import type {
  ChunkReply,
  ChunkToPack,
  Digested,
  FrameToPack,
  JobReply,
  Landed,
  Packed,
  PackJob,
} from "./messages.ts";
import {
  bufferFor,
  landingOf,
  noise,
  prose,
  Scratch,
  standing,
  walked,
} from "./testing/fixture.ts";

const CHUNK_WORKER = new URL("../../workers/chunk.ts", import.meta.url);
const BROKEN_WORKER = new URL("./testing/broken_worker.ts", import.meta.url);
const CHUNK_BYTES = 64 * 1024;

for (const without of [[], ["@napi-rs/blake-hash", "zstd-napi"]]) {
  Deno.test(`a file packed and landed by workers is the same file (without ${without})`, async () => {
    using scratch = new Scratch();
    await using pool = await started({ without });
    const content = new Uint8Array(20 * CHUNK_BYTES + 17);
    for (let at = 0; at < content.length; at += 2 * CHUNK_BYTES) {
      content.set(noise(Math.min(CHUNK_BYTES, content.length - at), at + 1), at);
    }
    content.set(prose(3 * CHUNK_BYTES), 5 * CHUNK_BYTES);
    const part = join(scratch.path, "part");

    const packed = await packFile(pool, scratch.file("source", content));
    assert.ok(packed.every((each) => each.failures.length === 0));
    assert.ok(
      new Set(packed.flatMap(({ records }) => records.map((each) => each.encoding))).size > 1,
    );
    const frames = packed.toReversed().map((each) =>
      landingOf(each, (record) => ({
        path: part,
        offsetBytes: record.chunk * CHUNK_BYTES,
        fileBytes: content.length,
        sparse: record.chunk % 2 === 0,
        sync: record.chunk === 0,
        copyFrom: null,
      }))
    );
    const replies = await gather<Landed>(pool, [
      { kind: "land", frames: frames.slice(0, 7) },
      { kind: "land", frames: frames.slice(7) },
    ]);
    assert.ok(frames.every((frame) => frame.buffer.byteLength === 0), "a buffer was cloned");
    assert.equal(replies.length, frames.length);
    assert.ok(replies.every((reply) => reply.failures.length === 0 && reply.buffer.byteLength > 0));
    assert.deepEqual(Uint8Array.from(fs.readFileSync(part)), content);

    const [digested] = await gather<Digested>(pool, [
      { kind: "digest", files: [standing(part)], chunkBytes: CHUNK_BYTES },
    ]);
    const digests = packed.flatMap(({ records }) => records)
      .toSorted((left, right) => left.chunk - right.chunk)
      .flatMap((record) => [...record.digest]);
    assert.deepEqual(digested?.files[0]?.digests, Uint8Array.from(digests));
  });
}

Deno.test("a bad file fails in its reply; the job and the pool go on", async () => {
  using scratch = new Scratch();
  await using pool = await started();
  const path = scratch.file("a", noise(100));
  const packing = filePacking(path);
  fs.rmSync(path);
  const [reply] = await gather<Packed>(pool, [packing]);
  assert.equal(reply?.failures[0]?.code, "source_missing");
  assert.ok(reply.buffer.byteLength > 0, "the buffer comes back all the same");
  const [digested] = await gather<Digested>(pool, [
    { kind: "digest", files: [standing(path)], chunkBytes: 1024 },
  ]);
  assert.equal(digested?.files[0]?.failure?.code, "source_missing");
});

Deno.test("codecs are known once the pool is started", async () => {
  const without = ["@napi-rs/blake-hash", "zstd-napi", "node:zlib"];
  const pool = new ChunkPool({ workerUrl: CHUNK_WORKER, count: 1, without });
  assert.equal(pool.codecs, null);
  await using _closing = pool;
  await pool.start();
  assert.deepEqual(pool.codecs, { hash: "blake3-jit", compress: "none", decompress: "fzstd" });
});

for (const how of ["throw", "reject"]) {
  Deno.test(`a worker that dies of a ${how} fails every job in clear words`, async () => {
    const dying: PoolJob = { kind: "digest", files: [standing(how)], chunkBytes: 1 };
    await using pool = await started({ workerUrl: BROKEN_WORKER, count: 2 });
    // Five hang: one beside the killer, two at the other worker, two that wait.
    const jobs = [hung(), hung(), hung(), dying, hung(), hung()];
    const settled = Promise.allSettled(jobs.map((job) => run(pool, job)));
    assert.equal(pool.waiting, 2);
    for (const outcome of await settled) {
      assert.ok(outcome.status === "rejected");
      const { name, code, message } = outcome.reason;
      assert.deepEqual([name, code], ["SftpxError", "worker"]);
      assert.match(message, /^Cannot go on: a chunk worker ended: .*out of/);
    }
    await assert.rejects(run(pool, hung()), { code: "worker", message: /out of/ });
  });
}

Deno.test("a job that fails as a whole fails alone", async () => {
  await using pool = await started({ workerUrl: BROKEN_WORKER, count: 1 });
  await assert.rejects(run(pool, { kind: "digest", files: [standing("fail")], chunkBytes: 1 }), {
    code: "worker",
    message: "Cannot run job: this job only",
  });
  await run(pool, { kind: "digest", files: [standing("done")], chunkBytes: 1 });
});

Deno.test("a frame that cannot be read fails its job alone, and is no peer's doing", async () => {
  await using pool = await started({ workerUrl: BROKEN_WORKER, count: 1 });
  for (const how of ["half a header", "no such table"]) {
    const job: PoolJob = { kind: "digest", files: [standing(how)], chunkBytes: 1 };
    await assert.rejects(run(pool, job), {
      code: "worker",
      remote: false,
      message: /made a frame/,
    });
  }
  await run(pool, { kind: "digest", files: [standing("done")], chunkBytes: 1 });
});

Deno.test("a worker that cannot begin fails start()", async () => {
  for (const workerUrl of [BROKEN_WORKER, new URL("./no_such_worker.ts", import.meta.url)]) {
    const pool = new ChunkPool({ workerUrl, count: 2, without: ["everything"] });
    await assert.rejects(pool.start(), { name: "SftpxError", code: "worker" });
    await pool.close();
  }
});

Deno.test("a mistake in a job does not kill its worker", async () => {
  using scratch = new Scratch();
  await using pool = await started({ count: 1 });
  const path = scratch.file("a", noise(100));
  const good = filePacking(path);
  const bad = { ...good, frames: [{ ...good.frames[0]!, buffer: new ArrayBuffer(10) }] };
  await assert.rejects(run(pool, bad), { code: "worker", message: /do not hold/ });
  assert.equal((await gather<Packed>(pool, [good])).length, 1);
});

Deno.test("abort drops a job that waits, and its buffers stay with the caller", async () => {
  using scratch = new Scratch();
  await using pool = await started({ count: 1 });
  const path = scratch.file("a", noise(4 * CHUNK_BYTES));
  const stop = new AbortController();
  const jobs = [0, 1, 2, 3].map(() => filePacking(path));
  const replies: JobReply[][] = [[], [], [], []];
  const runs = jobs.map((job, index) =>
    pool.run(job, { onReply: (reply) => replies[index]!.push(reply), signal: stop.signal })
  );
  assert.equal(pool.waiting, 2);
  const reason = new Error("enough");
  stop.abort(reason);
  assert.equal(pool.waiting, 0);
  const outcomes = await Promise.allSettled(runs);
  assert.deepEqual(outcomes.map(({ status }) => status), [
    "fulfilled",
    "fulfilled",
    "rejected",
    "rejected",
  ]);
  assert.deepEqual(outcomes.slice(2).map((each) => each.status === "rejected" && each.reason), [
    reason,
    reason,
  ]);
  assert.deepEqual(replies.map((list) => list.length), [4, 4, 0, 0]);
  const kept = (job: Omit<PackJob, "job">) =>
    job.frames.every((frame) => frame.buffer.byteLength > 0);
  assert.deepEqual(jobs.map(kept), [false, false, true, true]);
  await assert.rejects(
    pool.run(filePacking(path), { onReply: () => {}, signal: stop.signal }),
    reason,
  );
});

Deno.test("close() rejects what runs and what waits, and may be called twice", async () => {
  const pool = await started({ workerUrl: BROKEN_WORKER, count: 1 });
  const runs = [hung(), hung(), hung()].map((job) => run(pool, job));
  const settled = Promise.allSettled(runs);
  await pool.close();
  await pool.close();
  for (const outcome of await settled) {
    assert.ok(outcome.status === "rejected" && outcome.reason.code === "worker");
  }
  await assert.rejects(run(pool, hung()), { code: "worker", message: /closed/ });
});

Deno.test("a job ends with its last reply; only one without replies is ended by a message", async () => {
  using scratch = new Scratch();
  const job = filePacking(scratch.file("a", noise(2 * CHUNK_BYTES)));
  const messages = await told([{ ...job, job: 1 }, { ...job, frames: [], job: 2 }]);
  assert.deepEqual(messages, [["ready"], ["packed", 1, false], ["packed", 1, true], [
    "job_done",
    2,
  ]]);
});

Deno.test("jobs are spread over the workers, two to each, and the rest waits", async () => {
  await using pool = await started({ workerUrl: BROKEN_WORKER, count: 3 });
  const settled = Promise.allSettled(Array.from({ length: 10 }, () => run(pool, hung())));
  assert.equal(pool.waiting, 4);
  await pool.close();
  await settled;
});

Deno.test("a pool is used as it is meant to be", async () => {
  assert.throws(
    () => new ChunkPool({ workerUrl: CHUNK_WORKER, count: 0, without: [] }),
    RangeError,
  );
  const pool = new ChunkPool({ workerUrl: BROKEN_WORKER, count: 1, without: [] });
  assert.throws(() => run(pool, hung()), TypeError);
  await pool.start();
  await assert.rejects(pool.start(), TypeError);
  await pool.close();
});

Deno.test("a pool on demand starts with its first job, and not before", async () => {
  const without = ["@napi-rs/blake-hash"];
  const onDemand = { workerUrl: CHUNK_WORKER, count: 1, without, onDemand: true };
  await using pool = new ChunkPool(onDemand);
  assert.equal(pool.codecs, null);
  // What cannot be read is answered as well.
  await run(pool, hung());
  assert.notEqual(pool.codecs, null);
});

Deno.test("a pool on demand starts a worker for a job that finds none idle, up to its count", async () => {
  await using busy = new ChunkPool({
    workerUrl: BROKEN_WORKER,
    count: 2,
    without: [],
    onDemand: true,
  });
  const settled: Promise<unknown>[] = [];
  const started: number[] = [];
  busy.warm();
  started.push(busy.started);
  for (let job = 0; job < 3; job++) {
    settled.push(assert.rejects(run(busy, hung())));
    started.push(busy.started);
  }
  assert.deepEqual(started, [1, 1, 2, 2]);
  assert.equal(busy.waiting, 0);
  await busy.close();
  await Promise.all(settled);
  await using calm = new ChunkPool({
    workerUrl: CHUNK_WORKER,
    count: 2,
    without: [],
    onDemand: true,
  });
  for (let job = 0; job < 3; job++) await run(calm, hung());
  assert.equal(calm.started, 1);
});

Deno.test("workers that may write make themselves ready to land, others do not", async () => {
  using scratch = new Scratch();
  const ready = async (write: readonly string[] | null) => {
    await using pool = new ChunkPool({
      workerUrl: BROKEN_WORKER,
      count: 1,
      without: [],
      access: { read: null, write },
    });
    await pool.start();
    return pool.codecs?.hash;
  };
  assert.equal(await ready(null), "for landing");
  assert.equal(await ready([scratch.path]), "for landing");
  assert.equal(await ready([]), "none");
});

Deno.test("frames of which only zeros are compressed go where those do of which nothing is", async () => {
  for (const kind of ["none", "zeros"] as const) {
    await using pool = await started({ workerUrl: BROKEN_WORKER, count: 2 });
    const job: PoolJob = { kind: "pack", files: [], frames: [], compression: { kind } };
    const settled = [job, job].map((each) => assert.rejects(run(pool, each)));
    assert.equal(pool.busy, 1);
    await pool.close();
    await Promise.all(settled);
  }
});

Deno.test("frames go to a worker that is at it while it has room, other jobs to one that is idle", async () => {
  await using pool = await started({ workerUrl: BROKEN_WORKER, count: 4 });
  const busy = [];
  const settled = [];
  for (const job of [frames(), compressed(), frames(), frames(), hung(), frames(9)]) {
    settled.push(assert.rejects(run(pool, job)));
    busy.push(pool.busy);
  }
  assert.deepEqual(busy, [1, 2, 2, 2, 3, 4]);
  await pool.close();
  await Promise.all(settled);
});

Deno.test("another worker is started for frames that were lined up for as long as a start takes", async () => {
  let nowMs = 1000;
  await using pool = new ChunkPool({
    workerUrl: BROKEN_WORKER,
    count: 2,
    without: [],
    onDemand: true,
    nowMs: () => nowMs,
  });
  const done = run(pool, { kind: "digest", files: [standing("done")], chunkBytes: 1 });
  const settled: Promise<void>[] = [];
  let stop = new AbortController();
  const startedAfter = (waitMs: number) => {
    nowMs += waitMs;
    const { signal } = stop;
    settled.push(assert.rejects(pool.run(frames(), { onReply: () => {}, signal })));
    return pool.started;
  };
  // While the first one starts, no wait counts.
  assert.deepEqual([0, 0, 0, 100].map(startedAfter), [1, 1, 1, 1]);
  await done;
  assert.deepEqual([49].map(startedAfter), [1]);
  // A line that was gone in between is a new one.
  stop.abort();
  stop = new AbortController();
  assert.deepEqual([1, 49, 1].map(startedAfter), [1, 1, 2]);
  assert.equal(pool.waiting, 1);
  await pool.close();
  await Promise.all(settled);
});

Deno.test("a pool on demand that is warm starts no second time, and closed not at all", async () => {
  const onDemand = { workerUrl: BROKEN_WORKER, count: 1, without: [], onDemand: true };
  const pool = new ChunkPool(onDemand);
  pool.warm();
  pool.warm();
  await assert.rejects(pool.start(), TypeError);
  await pool.close();
  const unused = new ChunkPool(onDemand);
  await unused.close();
  unused.warm();
  await assert.rejects(run(unused, hung()), { code: "worker", message: /closed/ });
});

Deno.test("a pool on demand whose workers cannot start says so to every job", async () => {
  const workerUrl = new URL("./testing/there_is_none.ts", import.meta.url);
  await using pool = new ChunkPool({ workerUrl, count: 1, without: [], onDemand: true });
  await assert.rejects(run(pool, hung()), { code: "worker" });
  await assert.rejects(run(pool, hung()), { code: "worker" });
});

interface Setup {
  readonly workerUrl?: URL;
  readonly count?: number;
  readonly without?: readonly string[];
}

async function started(setup: Setup = {}): Promise<ChunkPool> {
  const { workerUrl = CHUNK_WORKER, count = 2, without = [] } = setup;
  const pool = new ChunkPool({ workerUrl, count, without });
  await pool.start();
  return pool;
}

function hung(): PoolJob {
  return { kind: "digest", files: [standing("never answered")], chunkBytes: 1 };
}

/** One frame to land, of so many chunks. */
function frames(chunks = 1): PoolJob {
  const body = { buffer: new ArrayBuffer(0), bodyOffset: 0, bodyBytes: 0 };
  return { kind: "land", frames: [{ frame: 0, ...body, chunks: Array(chunks).fill(null) }] };
}

function compressed(): PoolJob {
  return { kind: "pack", files: [], frames: [], compression: { kind: "zstd", level: 3 } };
}

function run(pool: ChunkPool, job: PoolJob): Promise<void> {
  return pool.run(job, { onReply: () => {} });
}

/** What a worker says, until the last of these jobs is done. */
async function told(jobs: readonly PackJob[]): Promise<unknown[][]> {
  const worker = spawnWorker(CHUNK_WORKER, { name: "told" });
  const messages: unknown[][] = [];
  const done = Promise.withResolvers<void>();
  worker.onmessage = ({ data }: MessageEvent<ChunkReply>) => {
    const { kind } = data;
    if (kind === "ready") messages.push([kind]);
    else messages.push("isLast" in data ? [kind, data.job, data.isLast] : [kind, data.job]);
    if (kind === "job_done") done.resolve();
  };
  worker.postMessage({ kind: "init", without: [] });
  for (const job of jobs) worker.postMessage(job);
  await done.promise;
  worker.terminate();
  return messages;
}

async function gather<Reply extends JobReply>(
  pool: ChunkPool,
  jobs: readonly PoolJob[],
): Promise<Reply[]> {
  const replies: Reply[] = [];
  await Promise.all(
    jobs.map((job) => pool.run(job, { onReply: (reply) => replies.push(reply as Reply) })),
  );
  return replies;
}

function filePacking(path: string): Omit<PackJob, "job"> {
  const file = walked(path);
  const frames: FrameToPack[] = [];
  for (let at = 0; at < file.stamp.sizeBytes; at += CHUNK_BYTES) {
    const rawBytes = Math.min(CHUNK_BYTES, file.stamp.sizeBytes - at);
    const chunk = at / CHUNK_BYTES;
    const chunks: ChunkToPack[] = [{ entry: 0, chunk, file: 0, offsetBytes: at, rawBytes }];
    frames.push({ transfer: 1, frame: chunk, chunks, buffer: bufferFor(chunks) });
  }
  return { kind: "pack", files: [file], frames, compression: { kind: "auto", level: 3 } };
}

async function packFile(pool: ChunkPool, path: string): Promise<Packed[]> {
  const job = filePacking(path);
  const half = job.frames.length >> 1;
  const jobs = [job.frames.slice(0, half), job.frames.slice(half)];
  return await gather<Packed>(pool, jobs.map((frames) => ({ ...job, frames })));
}
