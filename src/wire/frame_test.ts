import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { concatBytes, fromHex, toHex } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { anyRecords, countingBytes, SAMPLE_RECORDS } from "../../tests/vectors/messages.ts";
import {
  type ChunkRecord,
  decodeFrameHeader,
  decodeFrameRecords,
  decodeRecords,
  encodeLaneEnd,
  FRAME_HEADER_BYTES,
  frameCapacityBytes,
  maxBodyBytes,
  RECORD_BYTES,
  writeFrameHeader,
  writeRecord,
} from "./frame.ts";

const VECTORS_URL = new URL("../../tests/vectors/frames.json", import.meta.url);
const CHUNK_BYTES = 1 << 20;

Deno.test("the bytes of the sample frames are the committed ones, both ways", () => {
  const written = {
    "three chunks": toHex(sampleFrame()),
    "lane end": toHex(encodeLaneEnd(0xffff_ffff, 12)),
  };
  // The one way to change a vector: a deliberate change of the protocol.
  if (Deno.env.get("SFTPX_WRITE_VECTORS") === "1") {
    writeFileSync(VECTORS_URL, JSON.stringify(written, null, 2) + "\n");
  }
  const committed: typeof written = JSON.parse(readFileSync(VECTORS_URL, "utf8"));
  assert.deepEqual(written, committed);
  const frame = fromHex(committed["three chunks"]);
  assert.deepEqual(decodeFrameHeader(frame, CHUNK_BYTES), {
    kind: "chunks",
    transfer: 7,
    frame: 0xffff_fffe,
    records: 3,
    bodyBytes: 3 * RECORD_BYTES + 8,
  });
  assert.deepEqual(decodeRecords(bodyOf(frame), 3, CHUNK_BYTES), SAMPLE_RECORDS);
  assert.deepEqual(decodeFrameRecords(frame), SAMPLE_RECORDS);
  assert.deepEqual(decodeFrameHeader(fromHex(committed["lane end"]), CHUNK_BYTES), {
    kind: "end",
    transfer: 0xffff_ffff,
    frame: 12,
  });
});

Deno.test("every frame survives the wire", () => {
  const u32 = fc.nat(0xffff_ffff);
  fc.assert(
    fc.property(anyRecords(CHUNK_BYTES), u32, u32, (records, transfer, frame) => {
      const bytes = build(records, { transfer, frame });
      const header = decodeFrameHeader(bytes, CHUNK_BYTES);
      assert.deepEqual(header, {
        kind: "chunks",
        transfer,
        frame,
        records: records.length,
        bodyBytes: bytes.byteLength - FRAME_HEADER_BYTES,
      });
      assert.deepEqual(decodeRecords(bodyOf(bytes), records.length, CHUNK_BYTES), records);
    }),
    { numRuns: 200 },
  );
});

Deno.test("a frame is written and read within a larger buffer at any offset", () => {
  const outer = new Uint8Array(FRAME_HEADER_BYTES + RECORD_BYTES + 20);
  const inner = outer.subarray(7);
  const record: ChunkRecord = { ...sampleRecord(), rawBytes: 5, storedBytes: 5 };
  writeFrameHeader(inner, { transfer: 1, frame: 2, records: 1, bodyBytes: RECORD_BYTES + 5 });
  writeRecord(inner, 0, record);
  assert.equal(decodeFrameHeader(inner, CHUNK_BYTES).frame, 2);
  const body = inner.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + RECORD_BYTES + 5);
  assert.deepEqual(decodeRecords(body, 1, CHUNK_BYTES), [record]);
  assert.deepEqual(outer.subarray(0, 7), new Uint8Array(7));
});

Deno.test("decodeRecords() gives digests that do not follow their buffer", () => {
  const body = bodyOf(sampleFrame());
  const [first] = decodeRecords(body, 3, CHUNK_BYTES);
  body.fill(0);
  assert.deepEqual(first?.digest, countingBytes(0, 32));
});

Deno.test("decodeFrameHeader() refuses kinds, flags and counts that no sender writes", () => {
  const edits: readonly (readonly [at: number, value: number, found: RegExp])[] = [
    [0, 0, /unknown kind 0/],
    [0, 3, /unknown kind 3/],
    [0, 255, /unknown kind 255/],
    [1, 1, /unknown flags 1/],
    [1, 0x80, /unknown flags 128/],
    [2, 0xff, /65283 records/],
  ];
  for (const [at, value, found] of edits) {
    const frame = sampleFrame();
    frame[at] = value;
    assertFault(() => decodeFrameHeader(frame, CHUNK_BYTES), found);
  }
});

Deno.test("decodeFrameHeader() allows records to the limit and refuses none and one past", () => {
  const header = (records: number) => headerOf({ records, bodyBytes: records * RECORD_BYTES });
  assert.equal(decodeFrameHeader(header(1), CHUNK_BYTES).kind, "chunks");
  assert.equal(decodeFrameHeader(header(LIMITS.recordsPerFrame), CHUNK_BYTES).kind, "chunks");
  for (const records of [0, LIMITS.recordsPerFrame + 1, 0xffff]) {
    assertFault(() => decodeFrameHeader(header(records), CHUNK_BYTES), /records/);
  }
});

Deno.test("decodeFrameHeader() bounds a body by its records and the chunk size (I3)", () => {
  for (const records of [1, 2, LIMITS.recordsPerFrame]) {
    const least = records * RECORD_BYTES;
    const most = least + CHUNK_BYTES;
    for (const bodyBytes of [least, most]) {
      decodeFrameHeader(headerOf({ records, bodyBytes }), CHUNK_BYTES);
    }
    for (const bodyBytes of [0, least - 1, most + 1, 0xffff_ffff]) {
      assertFault(
        () => decodeFrameHeader(headerOf({ records, bodyBytes }), CHUNK_BYTES),
        /a body of/,
      );
    }
  }
  const largest = LIMITS.recordsPerFrame * RECORD_BYTES + LIMITS.maxChunkBytes;
  assert.equal(maxBodyBytes(LIMITS.maxChunkBytes), largest);
});

Deno.test("decodeFrameHeader() refuses an end record with a body", () => {
  for (const at of [2, 3, 12, 15]) {
    const end = encodeLaneEnd(1, 2);
    end[at] = 1;
    assertFault(() => decodeFrameHeader(end, CHUNK_BYTES), /end record with a body/);
  }
});

Deno.test("a header cut at any byte is a mistake of the caller, who knows its length", () => {
  for (let length = 0; length < FRAME_HEADER_BYTES; length++) {
    assert.throws(
      () => decodeFrameHeader(sampleFrame().subarray(0, length), CHUNK_BYTES),
      RangeError,
    );
  }
});

Deno.test("decodeRecords() refuses a body cut at any byte", () => {
  const body = bodyOf(sampleFrame());
  for (let length = 0; length < body.byteLength; length++) {
    assertFault(
      () => decodeRecords(body.subarray(0, length), 3, CHUNK_BYTES),
      /too short|do not fill/,
    );
  }
});

Deno.test("decodeRecords() refuses a byte that no record accounts for", () => {
  const body = concatBytes([bodyOf(sampleFrame()), Uint8Array.of(0)]);
  assertFault(() => decodeRecords(body, 3, CHUNK_BYTES), /do not fill/);
});

Deno.test("decodeRecords() holds a chunk to the chunk size, and all of a frame together", () => {
  const same = (rawBytes: number): ChunkRecord => ({
    ...sampleRecord(),
    encoding: "same",
    rawBytes,
    storedBytes: 0,
  });
  const read = (records: readonly ChunkRecord[]) =>
    decodeRecords(bodyOf(build(records)), records.length, CHUNK_BYTES);
  assert.equal(read([same(1)]).length, 1);
  assert.equal(read([same(CHUNK_BYTES)]).length, 1);
  assertFault(() => read([same(0)]), /a chunk of 0 bytes/);
  assertFault(() => read([same(CHUNK_BYTES + 1)]), /a chunk of/);
  assert.equal(read([same(CHUNK_BYTES - 1), same(1)]).length, 2);
  assertFault(() => read([same(CHUNK_BYTES), same(1)]), /raw bytes in one frame/);
});

Deno.test("decodeRecords() refuses stored bytes that the encoding cannot have", () => {
  const cases:
    readonly (readonly [ChunkRecord["encoding"], raw: number, stored: number, ok: boolean])[] = [
      ["raw", 10, 10, true],
      ["raw", 10, 9, false],
      ["raw", 10, 11, false],
      ["zstd", 10, 9, true],
      ["zstd", 10, 1, true],
      ["zstd", 10, 0, false],
      ["zstd", 10, 10, false],
      ["same", 10, 0, true],
      ["same", 10, 1, false],
    ];
  for (const [encoding, rawBytes, storedBytes, ok] of cases) {
    const record = { ...sampleRecord(), encoding, rawBytes, storedBytes };
    const read = () => decodeRecords(bodyOf(build([record])), 1, CHUNK_BYTES);
    if (ok) assert.deepEqual(read(), [record]);
    else assertFault(read, /stored bytes for/);
  }
});

Deno.test("decodeRecords() refuses an encoding it does not know and bits it must not see", () => {
  for (const [at, value] of [[16, 3], [16, 255], [17, 1], [18, 1], [19, 1]] as const) {
    const body = bodyOf(sampleFrame());
    body[at] = value;
    assertFault(() => decodeRecords(body, 3, CHUNK_BYTES), /unknown encoding/);
  }
});

Deno.test("any mutation of a frame gives records that fit or an SftpxError", () => {
  const edit = fc.tuple(fc.nat(), fc.nat(255));
  let refused = 0;
  fc.assert(
    fc.property(fc.array(edit, { minLength: 1, maxLength: 5 }), (edits) => {
      const frame = sampleFrame();
      for (const [at, value] of edits) {
        frame[at % (FRAME_HEADER_BYTES + 3 * RECORD_BYTES)] = value;
      }
      try {
        const header = decodeFrameHeader(frame, CHUNK_BYTES);
        if (header.kind === "end") return;
        const body = new Uint8Array(header.bodyBytes);
        body.set(bodyOf(frame).subarray(0, header.bodyBytes));
        const records = decodeRecords(body, header.records, CHUNK_BYTES);
        const stored = records.reduce((sum, record) => sum + record.storedBytes, 0);
        assert.equal(stored, header.bodyBytes - header.records * RECORD_BYTES);
        assert.ok(records.every((record) => record.rawBytes <= CHUNK_BYTES));
      } catch (error) {
        assert.ok(error instanceof SftpxError, String(error));
        assert.equal(error.remote, true);
        refused++;
      }
    }),
    { numRuns: 3000 },
  );
  assert.ok(refused > 300, `${refused} refused`);
});

Deno.test("frameCapacityBytes() has room for the frame whatever the encoding", () => {
  fc.assert(
    fc.property(anyRecords(CHUNK_BYTES), (records) => {
      const rawBytes = records.reduce((sum, record) => sum + record.rawBytes, 0);
      assert.ok(build(records).byteLength <= frameCapacityBytes(records.length, rawBytes));
    }),
    { numRuns: 50 },
  );
});

function sampleRecord(): ChunkRecord {
  return {
    entry: 1,
    chunk: 2,
    rawBytes: 3,
    storedBytes: 3,
    encoding: "raw",
    digest: new Uint8Array(32),
  };
}

function sampleFrame(): Uint8Array {
  const frame = build(SAMPLE_RECORDS, { transfer: 7, frame: 0xffff_fffe });
  frame.set([1, 2, 3, 4, 5, 6, 7, 8], FRAME_HEADER_BYTES + 3 * RECORD_BYTES);
  return frame;
}

/** The frame of these records, its stored bytes zero. */
function build(
  records: readonly ChunkRecord[],
  { transfer = 1, frame = 0 }: { transfer?: number; frame?: number } = {},
): Uint8Array {
  const stored = records.reduce((sum, record) => sum + record.storedBytes, 0);
  const bodyBytes = records.length * RECORD_BYTES + stored;
  const bytes = new Uint8Array(FRAME_HEADER_BYTES + bodyBytes);
  writeFrameHeader(bytes, { transfer, frame, records: records.length, bodyBytes });
  records.forEach((record, i) => writeRecord(bytes, i, record));
  return bytes;
}

function headerOf({ records, bodyBytes }: { records: number; bodyBytes: number }): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES);
  writeFrameHeader(bytes, { transfer: 1, frame: 0, records, bodyBytes });
  return bytes;
}

function bodyOf(frame: Uint8Array): Uint8Array {
  return frame.subarray(FRAME_HEADER_BYTES);
}

function assertFault(act: () => unknown, found: RegExp): void {
  assert.throws(act, (error) => {
    assert.ok(error instanceof SftpxError, String(error));
    assert.equal(error.code, "protocol");
    assert.equal(error.remote, true);
    assert.match(error.message, found);
    return true;
  });
}
