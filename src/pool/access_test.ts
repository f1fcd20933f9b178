// A chunk worker is held to the files it was given: what a job names beside them is neither read nor
// written, and it is the runtime that says so.

import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import type { WorkerAccess } from "../runtime/runtime.ts";
import type { Digested, JobReply, Landed, Packed } from "./messages.ts";
import { ChunkPool, type PoolJob } from "./pool.ts";
import { bufferFor, landingOf, noise, Scratch, standing, walked } from "./testing/fixture.ts";

const CHUNK_WORKER = new URL("../../workers/chunk.ts", import.meta.url);
const SIZE = 100;

Deno.test("a worker reads the paths it was given, and nothing beside them", async () => {
  using scratch = new Scratch();
  fs.mkdirSync(join(scratch.path, "given"));
  const inside = scratch.file("given/a", noise(SIZE));
  const outside = scratch.file("beside", noise(SIZE));
  await using pool = await started({ read: [join(scratch.path, "given")], write: [] });
  for (const [path, code] of [[inside, null], [outside, "source_unreadable"]] as const) {
    const digested = await only<Digested>(pool, {
      kind: "digest",
      files: [standing(path)],
      chunkBytes: 1024,
    });
    assert.equal(digested.files[0]?.failure?.code ?? null, code);
    const packed = await only<Packed>(pool, packing(path));
    assert.equal(packed.failures[0]?.code ?? null, code);
    assert.equal(packed.records.length, code === null ? 1 : 0);
  }
});

Deno.test("a worker writes below the paths it was given, and nothing beside them", async () => {
  using scratch = new Scratch();
  const given = join(scratch.path, "given");
  fs.mkdirSync(given);
  const source = scratch.file("source", noise(SIZE));
  // It may read what it may not write.
  await using pool = await started({ read: [scratch.path], write: [given] });
  const land = async (path: string) => {
    const packed = await only<Packed>(pool, packing(source));
    const place = { offsetBytes: 0, fileBytes: SIZE, sparse: false, sync: true, copyFrom: null };
    const frame = landingOf(packed, () => ({ path, ...place }));
    return await only<Landed>(pool, { kind: "land", frames: [frame] });
  };
  assert.deepEqual((await land(join(given, "part"))).failures, []);
  assert.deepEqual(Uint8Array.from(fs.readFileSync(join(given, "part"))), noise(SIZE));
  const beside = join(scratch.path, "beside");
  assert.equal((await land(beside)).failures[0]?.code, "permission");
  assert.equal(fs.existsSync(beside), false);
});

Deno.test("a sender's worker writes nothing, not even where it reads", async () => {
  using scratch = new Scratch();
  const source = scratch.file("source", noise(SIZE));
  await using pool = await started({ read: [scratch.path], write: [] });
  const packed = await only<Packed>(pool, packing(source));
  const path = join(scratch.path, "part");
  const place = { offsetBytes: 0, fileBytes: SIZE, sparse: false, sync: true, copyFrom: null };
  const frame = landingOf(packed, () => ({ path, ...place }));
  const landed = await only<Landed>(pool, { kind: "land", frames: [frame] });
  assert.equal(landed.failures[0]?.code, "permission");
  assert.equal(fs.existsSync(path), false);
});

async function started(access: WorkerAccess): Promise<ChunkPool> {
  // By the runtime's own calls: what native code opens, no permission holds.
  const without = ["openat2"];
  const pool = new ChunkPool({ workerUrl: CHUNK_WORKER, count: 1, without, access });
  await pool.start();
  return pool;
}

function packing(path: string): PoolJob {
  const chunk = { entry: 1, chunk: 0, file: 0, offsetBytes: 0, rawBytes: SIZE };
  return {
    kind: "pack",
    files: [walked(path)],
    frames: [{ transfer: 1, frame: 0, chunks: [chunk], buffer: bufferFor([chunk]) }],
    compression: { kind: "none" },
  };
}

/** The one reply of a job. */
async function only<R extends JobReply>(pool: ChunkPool, job: PoolJob): Promise<R> {
  const replies: JobReply[] = [];
  await pool.run(job, { onReply: (reply) => replies.push(reply) });
  assert.equal(replies.length, 1);
  return replies[0] as R;
}
