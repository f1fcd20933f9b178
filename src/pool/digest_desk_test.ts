import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import { DIGEST_BYTES } from "../wire/frame.ts";
import { DigestDesk } from "./digest_desk.ts";
import { Digester } from "./digest.ts";
import type { DigestJob, StandingFile } from "./messages.ts";
import { ChunkPool, type PoolJob, type RunOptions } from "./pool.ts";
import { noise, Scratch, standing, testCodecs } from "./testing/fixture.ts";

const CHUNK_WORKER = new URL("../../workers/chunk.ts", import.meta.url);
const MiB = 1 << 20;

/** A pool that keeps its jobs until it is told to answer them, by digests of the chunks' numbers. */
class HeldPool {
  readonly count = 2;
  readonly jobs: { job: DigestJob; answer: (isKnown?: boolean) => void }[] = [];

  run(job: PoolJob, { onReply }: RunOptions): Promise<void> {
    assert.ok(job.kind === "digest");
    return new Promise((resolve) => {
      const answer = (isKnown = true) => {
        const files = job.files.map(({ stamp, range }) => {
          const failure = { code: "source_changed", message: "it has changed" } as const;
          if (!isKnown) return { digests: null, failure };
          const [first, count] = range ?? [0, Math.ceil(stamp.sizeBytes / job.chunkBytes)];
          const numbers = Array.from({ length: count }, (_, index) => first + index);
          const digests = Uint8Array.from(numbers.flatMap((at) => Array(DIGEST_BYTES).fill(at)));
          return { digests, failure: null };
        });
        onReply({ kind: "digested", job: 1, files });
        resolve();
      };
      this.jobs.push({ job: { ...job, job: 1 }, answer });
    });
  }

  async answerAll(): Promise<void> {
    for (let next = this.jobs.shift(); next !== undefined; next = this.jobs.shift()) {
      next.answer();
      await ticks();
    }
  }
}

function seen(path: string, sizeBytes: number): StandingFile {
  const stamp = { device: 1n, inode: 1n, sizeBytes, mtimeNs: 1n, ctimeNs: 1n };
  return { path, stamp };
}

async function ticks(): Promise<void> {
  for (let turn = 0; turn < 8; turn++) await Promise.resolve();
}

Deno.test("small files asked for in one go share jobs, as many as keep all workers busy", async () => {
  const pool = new HeldPool();
  const desk = new DigestDesk({ pool, chunkBytes: MiB });
  const asked = Array.from({ length: 100 }, (_, index) => desk.digest(seen(`${index}`, 10)));
  await ticks();
  assert.deepEqual(pool.jobs.map(({ job }) => job.files.length), [25, 25, 25, 25]);
  assert.equal(pool.jobs[1]?.job.files[0]?.path, "25");
  await pool.answerAll();
  for (const { digests } of await Promise.all(asked)) assert.equal(digests?.length, DIGEST_BYTES);
});

Deno.test("a job of small files holds so many of them and so many bytes", async () => {
  const pool = new HeldPool();
  const desk = new DigestDesk({ pool, chunkBytes: MiB });
  const asked = Array.from({ length: 1000 }, () => desk.digest(seen("a", 10)));
  asked.push(...Array.from({ length: 8 }, () => desk.digest(seen("b", 24 * MiB))));
  await ticks();
  for (const { job } of pool.jobs) {
    assert.ok(job.files.length <= 64);
    const bytes = job.files.reduce((sum, { stamp }) => sum + stamp.sizeBytes, 0);
    assert.ok(bytes <= 64 * MiB, String(bytes));
  }
  await pool.answerAll();
  assert.equal((await Promise.all(asked)).length, 1008);
});

Deno.test("a large file is cut into ranges, a few of them ahead, and put together in order", async () => {
  const pool = new HeldPool();
  const desk = new DigestDesk({ pool, chunkBytes: MiB });
  const digesting = desk.digest(seen("large", 800 * MiB - 5));
  await ticks();
  assert.deepEqual(pool.jobs.map(({ job }) => job.files[0]?.range), [
    [0, 64],
    [64, 64],
    [128, 64],
    [192, 64],
  ]);
  // The second one first.
  pool.jobs.splice(1, 1)[0]?.answer();
  await ticks();
  assert.equal(pool.jobs.length, 4);
  await pool.answerAll();
  const { digests } = await digesting;
  assert.equal(digests?.length, 800 * DIGEST_BYTES);
  for (let chunk = 0; chunk < 800; chunk++) {
    assert.equal(digests[chunk * DIGEST_BYTES], chunk % 256);
  }
});

Deno.test("a file of a few jobs is cut small enough that all workers have some of it", async () => {
  for (const [mebibytes, ranges] of [[16, 1], [40, 3], [64, 4], [160, 4]]) {
    const pool = new HeldPool();
    const desk = new DigestDesk({ pool, chunkBytes: MiB });
    const digesting = desk.digest(seen("large", mebibytes! * MiB));
    await ticks();
    assert.equal(pool.jobs.length, ranges, `${mebibytes} MiB`);
    await pool.answerAll();
    assert.equal((await digesting).digests?.length, mebibytes! * DIGEST_BYTES);
  }
});

Deno.test("a range that cannot be read makes its file unknown, and no more of it is read", async () => {
  const pool = new HeldPool();
  const desk = new DigestDesk({ pool, chunkBytes: MiB });
  const digesting = desk.digest(seen("large", 2000 * MiB));
  await ticks();
  const taken = pool.jobs.splice(0);
  taken[2]?.answer(false);
  await ticks();
  for (const { answer } of taken) answer();
  await ticks();
  assert.equal(pool.jobs.length, 0);
  const { digests, failure } = await digesting;
  assert.deepEqual([digests, failure?.code], [null, "source_changed"]);
});

Deno.test("an answer that is too short for its range counts as none", async () => {
  const short = new Uint8Array(DIGEST_BYTES);
  const pool = {
    count: 1,
    run: (_job: PoolJob, { onReply }: RunOptions) => {
      onReply({ kind: "digested", job: 1, files: [{ digests: short, failure: null }] });
      return Promise.resolve();
    },
  };
  const desk = new DigestDesk({ pool, chunkBytes: MiB });
  assert.equal((await desk.digest(seen("large", 100 * MiB))).digests, null);
});

Deno.test("a pool that fails is told to everyone who waits, large file or small", async () => {
  const failure = new SftpxError("worker", "Cannot run job: the pool is closed");
  const desk = new DigestDesk({
    pool: { count: 1, run: () => Promise.reject(failure) },
    chunkBytes: MiB,
  });
  const sizes = [1, 2, 100 * MiB];
  const asked = sizes.map((size) => desk.digest(seen("a", size)));
  for (const outcome of await Promise.allSettled(asked)) {
    assert.equal(outcome.status === "rejected" && outcome.reason, failure);
  }
});

Deno.test("real workers give a large file's digests as one reader does", async () => {
  using scratch = new Scratch();
  const path = scratch.file("large", noise(65 * MiB + 3));
  await using pool = new ChunkPool({ workerUrl: CHUNK_WORKER, count: 2, without: [] });
  await pool.start();
  const chunkBytes = 65_536;
  const file = standing(path);
  const found = await new DigestDesk({ pool, chunkBytes }).digest(file);
  const whole = new Digester(await testCodecs());
  const { files } = whole.digest({ kind: "digest", job: 1, files: [file], chunkBytes });
  assert.ok(found.digests !== null);
  assert.deepEqual(found.digests, files[0]?.digests);
});

Deno.test("a file of more chunks than any transfer may have is refused in one job", async () => {
  const pool = new HeldPool();
  const digesting = new DigestDesk({ pool, chunkBytes: 1 }).digest(seen("vast", 2 ** 40));
  await ticks();
  assert.equal(pool.jobs.length, 1);
  assert.equal(pool.jobs[0]?.job.files[0]?.range, undefined);
  pool.jobs[0]?.answer(false);
  assert.equal((await digesting).digests, null);
});
