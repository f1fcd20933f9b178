import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { LIMITS } from "../base/limits.ts";
import { writeAroundHoles } from "./holes.ts";
import { noise, openToWrite, Scratch } from "./testing/fixture.ts";

const HOLE = LIMITS.holeBytes;

Deno.test("zero runs of a fresh part take no space on disk, and read as zeros", () => {
  using scratch = new Scratch();
  const bytes = new Uint8Array(32 * HOLE);
  bytes.set(noise(HOLE), 8 * HOLE + 100);
  const { path, fd } = part(scratch, bytes.length);
  try {
    writeAroundHoles(fd, bytes, 0);
  } finally {
    fs.closeSync(fd);
  }
  assert.deepEqual(Uint8Array.from(fs.readFileSync(path)), bytes);
  assert.ok(fs.statSync(path).blocks * 512 <= 4 * HOLE, "the zero runs were written");
});

Deno.test("zeros overwrite what a resumed part held", () => {
  using scratch = new Scratch();
  const path = scratch.file("part", noise(8 * HOLE));
  const { fd } = openToWrite(path);
  try {
    writeAroundHoles(fd, new Uint8Array(4 * HOLE), 2 * HOLE);
  } finally {
    fs.closeSync(fd);
  }
  const expected = noise(8 * HOLE).fill(0, 2 * HOLE, 6 * HOLE);
  assert.deepEqual(Uint8Array.from(fs.readFileSync(path)), expected);
});

Deno.test("whatever stood there, what is written is what reads back", () => {
  using scratch = new Scratch();
  const blocks = fc.array(fc.boolean(), { minLength: 1, maxLength: 6 });
  const shift = fc.integer({ min: 0, max: HOLE });
  fc.assert(
    fc.property(blocks, blocks, shift, shift, (before, after, offsetBytes, cut) => {
      const old = patched(before);
      const bytes = patched(after).subarray(Math.min(cut, HOLE - 1));
      const path = scratch.file("part", old);
      const { fd } = openToWrite(path);
      try {
        fs.ftruncateSync(fd, offsetBytes + bytes.length);
        writeAroundHoles(fd, bytes, offsetBytes);
      } finally {
        fs.closeSync(fd);
      }
      const found = Uint8Array.from(fs.readFileSync(path));
      assert.equal(found.length, offsetBytes + bytes.length);
      assert.deepEqual(found.subarray(offsetBytes), bytes);
      const kept = Math.min(offsetBytes, old.length);
      assert.deepEqual(found.subarray(0, kept), old.subarray(0, kept));
    }),
    { numRuns: 40 },
  );
});

function part(scratch: Scratch, fileBytes: number): { path: string; fd: number } {
  const path = join(scratch.path, "part");
  const { fd } = openToWrite(path);
  fs.ftruncateSync(fd, fileBytes);
  return { path, fd };
}

function patched(blocks: readonly boolean[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(blocks.length * HOLE);
  blocks.forEach((full, index) => full && bytes.set(noise(HOLE, index + 1), index * HOLE));
  return bytes;
}
