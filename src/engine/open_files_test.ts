import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { OpenFiles } from "./open_files.ts";

Deno.test("OpenFiles has room for as many files as are allowed, and not for one more", () => {
  const files = new OpenFiles<{ index: number; chunks: number }>();
  for (let index = 0; index < LIMITS.openEntries; index++) {
    assert.ok(files.hasRoom(0), `file ${index}`);
    files.open({ index, chunks: 0 });
  }
  assert.equal(files.hasRoom(0), false);
  assert.equal(files.size, LIMITS.openEntries);
});

Deno.test("OpenFiles has room for as many chunks as are allowed, and not for one more", () => {
  const files = new OpenFiles<{ index: number; chunks: number }>();
  files.open({ index: 0, chunks: 1 });
  assert.ok(files.hasRoom(LIMITS.openChunks - 1));
  assert.equal(files.hasRoom(LIMITS.openChunks), false);
});

Deno.test("OpenFiles gets back the room of a file that is closed", () => {
  const files = new OpenFiles<{ index: number; chunks: number }>();
  const file = { index: 7, chunks: LIMITS.openChunks };
  files.open(file);
  assert.equal(files.find(7), file);
  assert.equal(files.hasRoom(1), false);
  files.close(file);
  assert.equal(files.find(7), undefined);
  assert.equal(files.size, 0);
  assert.ok(files.hasRoom(LIMITS.openChunks));
});

Deno.test("OpenFiles counts what is held elsewhere like what it holds", () => {
  const files = new OpenFiles<{ index: number; chunks: number }>();
  files.reserve(LIMITS.openChunks);
  assert.equal(files.size, 1);
  assert.equal(files.hasRoom(1), false);
  files.release(LIMITS.openChunks);
  assert.ok(files.hasRoom(1));
  for (let index = 0; index < LIMITS.openEntries; index++) files.reserve(0);
  assert.equal(files.hasRoom(0), false);
  files.release(0);
  assert.ok(files.hasRoom(0));
});

Deno.test("OpenFiles names those that are in parts until they are closed", () => {
  const files = new OpenFiles<{ index: number; chunks: number }>();
  const all = [1, 2, 3].map((index) => ({ index, chunks: 1 }));
  const [first, second] = all;
  for (const file of all) files.open(file);
  assert.deepEqual(files.inParts, []);
  files.holdPart(first!);
  files.holdPart(second!);
  assert.deepEqual(files.inParts, [first, second]);
  files.close(first!);
  assert.deepEqual(files.inParts, [second]);
});
