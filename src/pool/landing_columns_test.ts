import assert from "node:assert/strict";
import fc from "fast-check";
import { packFrame, unpackChunks } from "./landing_columns.ts";
import type { ChunkToLand, FrameToLand } from "./messages.ts";

const RECORD = {
  entry: 3,
  chunk: 0,
  rawBytes: 5,
  storedBytes: 5,
  encoding: "raw",
  digest: new Uint8Array(32),
} as const;
const STANDING = {
  path: "/r/a",
  stamp: { device: 1n, inode: 2n, sizeBytes: 5, mtimeNs: 3n, ctimeNs: 4n },
};

const chunk: fc.Arbitrary<ChunkToLand | null> = fc.option(fc.record({
  record: fc.constant(RECORD),
  path: fc.string({ unit: "grapheme" }).map((name) => `/r/${name.replaceAll("\0", "")}`),
  offsetBytes: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  fileBytes: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  sparse: fc.boolean(),
  sync: fc.boolean(),
  copyFrom: fc.constantFrom(...new Array<null>(9).fill(null), STANDING),
}, { noNullPrototype: true }));

function frameOf(chunks: FrameToLand["chunks"], bodyBytes = 100): FrameToLand {
  return { frame: 7, buffer: new ArrayBuffer(200), bodyOffset: 1, bodyBytes, chunks };
}

/** What is left of a chunk where its frame has the record. */
function withoutRecord(chunk: ChunkToLand | null): Omit<ChunkToLand, "record"> | null {
  if (chunk === null) return null;
  const { record: _, ...rest } = chunk;
  return rest;
}

Deno.test("a worker is told of the chunks of a frame what the main thread says, but for their records", () => {
  let packed = 0;
  const chunks = fc.array(chunk, { minLength: 1, maxLength: 20 });
  fc.assert(fc.property(chunks, (chunks) => {
    const frame = frameOf(chunks);
    const sent = structuredClone(packFrame(frame));
    assert.equal(sent.chunks.length, chunks.length);
    const unpacked = unpackChunks(sent.chunks);
    if (sent.chunks instanceof Array) return assert.deepEqual(sent, frame);
    packed++;
    assert.deepEqual(unpacked, chunks.map(withoutRecord));
    const { chunks: _, ...rest } = sent;
    assert.deepEqual({ ...rest, chunks }, frame);
  }));
  assert.ok(packed > 10, `${packed} were packed`);
});

Deno.test("copies take their records with them: no frame has those", () => {
  const copy: ChunkToLand = {
    record: RECORD,
    path: "/r/p",
    offsetBytes: 0,
    fileBytes: 5,
    sparse: false,
    sync: false,
    copyFrom: null,
  };
  const bare = frameOf([copy], 0);
  assert.equal(packFrame(bare), bare);
  const copied = frameOf([copy, { ...copy, copyFrom: STANDING }]);
  assert.equal(packFrame(copied), copied);
});
