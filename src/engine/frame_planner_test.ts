import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { fileEntry, recordOf, stampOf } from "./_fixture.ts";
import { FramePlanner } from "./frame_planner.ts";
import { OpenFiles } from "./open_files.ts";
import { SendFile } from "./send_file.ts";

const CHUNK_BYTES = 4;

/** A planner with one file of so many chunks ready to flow. */
function plannerOf(chunks: number) {
  const entry = fileEntry("a", chunks * CHUNK_BYTES);
  const origin = { path: "/a", stamp: stampOf(entry.sizeBytes) };
  const file = new SendFile(0, { origin, entry, chunks });
  const files = new OpenFiles<SendFile>();
  files.open(file);
  const planner = new FramePlanner(files);
  planner.add(file);
  return { planner, files, file };
}

/** What the next frames hold, by chunk number. */
function planned(planner: FramePlanner, max = 100): number[] {
  return planner.poll(max, { chunkBytes: CHUNK_BYTES }).flatMap(({ chunks }) =>
    chunks.map(({ chunk }) => chunk)
  );
}

Deno.test("FramePlanner plans a chunk once, at most `max` frames at a time", () => {
  const { planner } = plannerOf(3);
  assert.deepEqual(planned(planner, 2), [0, 1]);
  assert.deepEqual(planned(planner), [2]);
  assert.deepEqual(planned(planner), []);
  assert.equal(planner.frames, 3);
});

Deno.test("FramePlanner plans nothing of a file that is closed", () => {
  const { planner, files, file } = plannerOf(3);
  assert.deepEqual(planned(planner, 1), [0]);
  files.close(file);
  planner.lost([0]);
  assert.deepEqual(planned(planner), []);
});

Deno.test("FramePlanner plans lost chunks again, but neither stored nor unsent ones", () => {
  const { planner, file } = plannerOf(3);
  planned(planner);
  planner.packed(0, [recordOf(0, 0)]);
  planner.packed(1, [recordOf(0, 1)]);
  planner.packed(2, []);
  file.store(1);
  planner.lost([0, 1, 2]);
  assert.deepEqual(planned(planner), [0]);
  assert.equal(planner.isUnstored(0), false);
});

Deno.test("FramePlanner plans no further than the receiver may fall behind", () => {
  const { planner } = plannerOf(LIMITS.unstoredFrames + 1);
  assert.equal(planned(planner, LIMITS.unstoredFrames + 1).length, LIMITS.unstoredFrames);
  planner.packed(0, [recordOf(0, 0)]);
  assert.deepEqual([...planner.stored([0, 1])], [recordOf(0, 0)]);
  assert.deepEqual(planned(planner), [LIMITS.unstoredFrames]);
});

Deno.test("FramePlanner refuses an acknowledgement of what was not planned, or not sent", () => {
  const { planner } = plannerOf(2);
  planned(planner);
  assert.throws(() => [...planner.stored([0, 3])], /"stored" is out of place/);
  assert.throws(() => [...planner.stored([0, 1])], /"stored" is out of place/);
  assert.throws(() => planner.packed(2, []), RangeError);
});

Deno.test("FramePlanner gives the records of a frame once", () => {
  const { planner } = plannerOf(1);
  planned(planner);
  planner.packed(0, [recordOf(0, 0)]);
  assert.ok(planner.isUnstored(0));
  assert.deepEqual([...planner.stored([0, 1])], [recordOf(0, 0)]);
  assert.deepEqual([...planner.stored([0, 1])], []);
  assert.equal(planner.isUnstored(0), false);
});

Deno.test("FramePlanner puts no more chunks into a frame than it is told", () => {
  const files = new OpenFiles<SendFile>();
  const planner = new FramePlanner(files);
  for (let index = 0; index < 5; index++) {
    const entry = fileEntry(`f${index}`, 1);
    const file = new SendFile(index, {
      origin: { path: "/f", stamp: stampOf(1) },
      entry,
      chunks: 1,
    });
    files.open(file);
    planner.add(file);
  }
  const sizes = (mostRecords: number) =>
    planner.poll(1, { chunkBytes: 1024, mostRecords }).map(({ chunks }) => chunks.length);
  assert.deepEqual(sizes(2), [2]);
  assert.deepEqual(sizes(LIMITS.recordsPerFrame), [3]);
});
