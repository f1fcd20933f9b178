import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import {
  decodeFrameHeader,
  decodeRecords,
  FRAME_HEADER_BYTES,
  RECORD_BYTES,
} from "../wire/frame.ts";
import { LIMITS } from "../base/limits.ts";
import type { Codecs } from "./codecs.ts";
import { Packer, type SmallSources } from "./pack.ts";
import type { ChunkToPack, Compression, FileToPack, Packed } from "./messages.ts";
import { bufferFor, noise, prose, Scratch, testCodecs, walked } from "./testing/fixture.ts";

const NONE: Compression = { kind: "none" };
const AUTO: Compression = { kind: "auto", level: 3 };
const ALWAYS: Compression = { kind: "zstd", level: 3 };

Deno.test("a large chunk is read into its place with header, record and digest", async () => {
  using scratch = new Scratch();
  const content = noise(300_000);
  const file = walked(scratch.file("a", content));
  const codecs = await testCodecs();
  const packed = packOne(
    codecs,
    [file],
    [chunk({ offsetBytes: 100_000, rawBytes: 150_000 })],
    NONE,
  );
  const { header, records, stored } = opened(packed);
  assert.deepEqual(header, {
    kind: "chunks",
    transfer: 9,
    frame: 4,
    records: 1,
    bodyBytes: RECORD_BYTES + 150_000,
  });
  assert.deepEqual(records, packed.records);
  assert.deepEqual([records[0]!.entry, records[0]!.chunk, records[0]!.encoding], [0, 0, "raw"]);
  assert.deepEqual(stored[0], content.subarray(100_000, 250_000));
  assert.deepEqual(records[0]!.digest, codecs.hash.digest(stored[0]!));
  assert.deepEqual(packed.failures, []);
});

Deno.test("the frame's bytes on the wire are fixed", async () => {
  using scratch = new Scratch();
  const file = walked(scratch.file("abc", new TextEncoder().encode("abc")));
  const packed = packOne(await testCodecs(), [file], [chunk({ rawBytes: 3 })], NONE);
  assert.equal(
    new Uint8Array(packed.buffer, 0, packed.frameBytes).toHex(),
    "01" + "00" + "0001" + "00000009" + "00000004" + "00000037" +
      "00000000" + "00000000" + "00000003" + "00000003" + "00000000" +
      "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85" + "616263",
  );
});

Deno.test("chunks that shrink are compressed, and what follows them closes up", async () => {
  using scratch = new Scratch();
  const contents = [prose(50_000), noise(40_000), prose(30_000), noise(10)];
  const files = contents.map((bytes, index) => walked(scratch.file(`${index}`, bytes)));
  const codecs = await testCodecs();
  for (const compression of [AUTO, ALWAYS]) {
    const packed = packOne(codecs, files, wholes(contents), compression);
    const { records, stored } = opened(packed);
    assert.deepEqual(records.map((record) => record.encoding), ["zstd", "raw", "zstd", "raw"]);
    assert.ok(packed.frameBytes < 45_000);
    for (const [index, bytes] of contents.entries()) {
      const raw = records[index]!.encoding === "raw"
        ? stored[index]!
        : codecs.zstd.decompress(stored[index]!, { rawBytes: bytes.length });
      assert.deepEqual(Uint8Array.from(raw), bytes);
      assert.deepEqual(records[index]!.digest, codecs.hash.digest(bytes));
    }
  }
});

Deno.test("auto compresses a small chunk once, and no chunk whose samples do not shrink", async () => {
  using scratch = new Scratch();
  const contents = [prose(12 * 1024), noise(100_000), prose(100_000)];
  const files = contents.map((bytes, index) => walked(scratch.file(`${index}`, bytes)));
  const codecs = await testCodecs();
  const calls: [number, number][] = [];
  const counting: Codecs = {
    ...codecs,
    zstd: {
      ...codecs.zstd,
      compress: (bytes, level) => {
        calls.push([bytes.length, level]);
        return codecs.zstd.compress(bytes, level);
      },
    },
  };
  packOne(counting, files, wholes(contents), AUTO);
  const sampled: [number, number] = [12 * 1024, 1];
  assert.deepEqual(calls, [[12 * 1024, 3], sampled, sampled, [100_000, 3]]);
});

Deno.test("compression none leaves everything raw", async () => {
  using scratch = new Scratch();
  const contents = [prose(50_000)];
  const files = [walked(scratch.file("a", contents[0]!))];
  const { records } = opened(packOne(await testCodecs(), files, wholes(contents), NONE));
  assert.equal(records[0]!.encoding, "raw");
});

Deno.test("zeros take next to nothing whatever is compressed besides, but for none at all", async () => {
  using scratch = new Scratch();
  const contents = [new Uint8Array(100_000), prose(100_000), new Uint8Array(300_000)];
  const files = contents.map((bytes, index) => walked(scratch.file(`${index}`, bytes)));
  const codecs = await testCodecs();
  const expected = { none: ["raw", "raw"], zeros: ["zstd", "raw"] };
  for (const compression of [NONE, { kind: "zeros" }, AUTO, ALWAYS] as const) {
    const packed = packOne(codecs, files, wholes(contents), compression);
    const { records, stored } = opened(packed);
    const encodings = records.map(({ encoding }) => encoding);
    const [zeros, text] = {
      auto: ["zstd", "zstd"],
      zstd: ["zstd", "zstd"],
      ...expected,
    }[compression.kind]!;
    assert.deepEqual(encodings, [zeros, text, zeros], compression.kind);
    assert.deepEqual(records[2]!.digest, codecs.hash.digest(contents[2]!));
    const isNone = compression.kind === "none";
    assert.equal(packed.work.zeroBytes, isNone ? 0 : 400_000);
    // They tell nothing of what a level comes to.
    const tried = compression.kind === "auto" ? 100_000 : 0;
    assert.deepEqual([packed.work.sampledBytes, packed.work.triedBytes], [tried, tried]);
    if (isNone) continue;
    const [first, , last] = stored;
    assert.ok(first!.length + last!.length < 200, `${first!.length} and ${last!.length}`);
    const raw = codecs.zstd.decompress(last!, { rawBytes: 300_000 });
    assert.deepEqual(Uint8Array.from(raw), contents[2]);
  }
});

Deno.test("a chunk the receiver holds carries no bytes; one it holds differently does", async () => {
  using scratch = new Scratch();
  const contents = [noise(5000, 1), noise(5000, 2), noise(5000, 3)];
  const files = contents.map((bytes, index) => walked(scratch.file(`${index}`, bytes)));
  const codecs = await testCodecs();
  const chunks = wholes(contents);
  const held = [codecs.hash.digest(contents[0]!), codecs.hash.digest(contents[0]!)];
  const asked = chunks.map((each, index) => held[index] ? { ...each, held: held[index]! } : each);
  const { records, stored } = opened(packOne(codecs, files, asked, NONE));
  assert.deepEqual(records.map((record) => record.encoding), ["same", "raw", "raw"]);
  assert.deepEqual(stored, [new Uint8Array(0), contents[1], contents[2]]);
});

const CHANGES: { name: string; change: (path: string) => void }[] = [
  { name: "grown", change: (path) => fs.appendFileSync(path, "x") },
  { name: "shrunken", change: (path) => fs.truncateSync(path, 10) },
  { name: "touched", change: (path) => fs.utimesSync(path, 1000, 1000) },
  {
    name: "replaced",
    change: (path) => {
      const { atime, mtime } = fs.statSync(path);
      fs.copyFileSync(path, `${path}~`);
      fs.renameSync(`${path}~`, path);
      fs.utimesSync(path, atime, mtime);
    },
  },
  {
    name: "linked",
    change: (path) => {
      fs.renameSync(path, `${path}~`);
      fs.symlinkSync(`${path}~`, path);
    },
  },
  {
    name: "turned into a directory",
    change: (path) => {
      fs.rmSync(path);
      fs.mkdirSync(path);
    },
  },
];

for (const { name, change } of CHANGES) {
  Deno.test(`a source ${name} since the walk fails alone as source_changed`, async () => {
    using scratch = new Scratch();
    const contents = [noise(3000, 1), noise(4000, 2), prose(5000)];
    const paths = contents.map((bytes, index) => scratch.file(`${index}`, bytes));
    const files = paths.map(walked);
    change(paths[1]!);
    const packed = packOne(await testCodecs(), files, wholes(contents), NONE);
    assert.deepEqual(packed.failures.map(({ entry, code }) => ({ entry, code })), [
      { entry: 1, code: "source_changed" },
    ]);
    assert.ok(!packed.failures[0]!.message.includes(scratch.path), "a path leaked");
    const { header, records, stored } = opened(packed);
    assert.equal(header.kind === "chunks" && header.records, 2);
    assert.deepEqual(records.map((record) => record.entry), [0, 2]);
    assert.deepEqual(stored, [contents[0], contents[2]]);
  });
}

Deno.test("a pipe in a source's place is neither waited for nor read", async () => {
  using scratch = new Scratch();
  const path = scratch.file("a", noise(100));
  const file = walked(path);
  fs.rmSync(path);
  new Deno.Command("mkfifo", { args: [path] }).outputSync();
  const packed = packOne(await testCodecs(), [file], [chunk({ rawBytes: 100 })], NONE);
  assert.equal(packed.failures[0]?.code, "source_changed");
});

Deno.test("a source changed while it is read fails, though it was intact when opened", async () => {
  using scratch = new Scratch();
  const content = noise(3000);
  const path = scratch.file("a", content);
  const file = walked(path);
  const codecs = await testCodecs();
  const writing: Codecs = {
    ...codecs,
    hash: {
      ...codecs.hash,
      digest: (bytes) => {
        fs.utimesSync(path, 1000, 1000); // between the reads and the second look
        return codecs.hash.digest(bytes);
      },
    },
  };
  const packed = packOne(writing, [file], wholes([content]), NONE);
  assert.equal(packed.failures[0]?.code, "source_changed");
  assert.equal(packed.frameBytes, 0);
});

Deno.test("a missing and an unreadable source say so", async () => {
  using scratch = new Scratch();
  const path = scratch.file("a", noise(100));
  const file = walked(path);
  fs.rmSync(path);
  const deeper = { ...file, path: join(scratch.file("b", noise(1)), "c") };
  const packed = packOne(await testCodecs(), [file, deeper], [
    chunk({ rawBytes: 100 }),
    chunk({ rawBytes: 100, file: 1, entry: 1 }),
  ], NONE);
  assert.deepEqual(packed.failures.map(({ code }) => code), ["source_missing", "source_missing"]);
  assert.equal(packed.frameBytes, 0);
  assert.deepEqual(packed.records, []);
});

Deno.test("when one chunk of a file fails, its chunks before go with it and others stay", async () => {
  using scratch = new Scratch();
  const content = noise(10_000);
  const files = [walked(scratch.file("a", content)), walked(scratch.file("b", prose(5000)))];
  const packed = packOne(await testCodecs(), files, [
    chunk({ rawBytes: 4000 }),
    chunk({ rawBytes: 4000, offsetBytes: 8000, chunk: 2 }), // past the end: a short read
    chunk({ rawBytes: 5000, file: 1, entry: 1 }),
  ], ALWAYS);
  assert.deepEqual(packed.failures.map(({ entry, code }) => [entry, code]), [[
    0,
    "source_changed",
  ]]);
  assert.deepEqual(opened(packed).records.map((record) => record.entry), [1]);
});

Deno.test("a buffer too small for its chunks is a mistake, not a bad file", async () => {
  using scratch = new Scratch();
  const file = walked(scratch.file("a", noise(100)));
  const packer = new Packer(await testCodecs());
  const chunks = [chunk({ rawBytes: 100 })];
  const buffer = new ArrayBuffer(bufferFor(chunks).byteLength - 1);
  const frames = [{ transfer: 9, frame: 4, chunks, buffer }];
  assert.throws(
    () => packer.pack({ kind: "pack", job: 1, files: [file], frames, compression: NONE }, () => {}),
    RangeError,
  );
});

Deno.test("a small file is packed alike whatever reads it, and is left out where it changed", async () => {
  using scratch = new Scratch();
  const contents = [noise(10, 1), noise(300, 2), noise(20, 3)];
  const files = contents.map((bytes, index) => walked(scratch.file(`${index}`, bytes)));
  const codecs = await testCodecs();
  const plain = opened(packOne(codecs, files, wholes(contents), NONE));
  // The second one is left to `node:fs`.
  const answers = ["read", "unread", "read"] as const;
  const small: SmallSources = {
    read(path, { into }) {
      const at = files.findIndex((file) => file.path === path);
      if (answers[at] === "read") into.set(contents[at]!);
      return answers[at]!;
    },
  };
  assert.deepEqual(opened(packOne(codecs, files, wholes(contents), NONE, small)), plain);
  const changed: SmallSources = {
    read(path, how) {
      how.into.fill(1);
      return path === files[1]!.path ? "changed" : small.read(path, how);
    },
  };
  const packed = packOne(codecs, files, wholes(contents), NONE, changed);
  assert.deepEqual(packed.failures.map(({ entry, code }) => [entry, code]), [[
    1,
    "source_changed",
  ]]);
  assert.deepEqual(opened(packed).stored, [contents[0], contents[2]]);
});

Deno.test("a part of a file is not asked of what reads whole ones", async () => {
  using scratch = new Scratch();
  const content = noise(3000);
  const file = walked(scratch.file("a", content));
  const small: SmallSources = { read: () => assert.fail("it was asked") };
  const part = chunk({ rawBytes: 1000, offsetBytes: 1000, chunk: 1 });
  const packed = packOne(await testCodecs(), [file], [part], NONE, small);
  assert.deepEqual(opened(packed).stored[0], content.subarray(1000, 2000));
});

Deno.test("each frame of a job is posted by itself", async () => {
  using scratch = new Scratch();
  const content = noise(9000);
  const file = walked(scratch.file("a", content));
  const frames = [0, 1, 2].map((index) => {
    const chunks = [chunk({ rawBytes: 3000, offsetBytes: index * 3000, chunk: index })];
    return { transfer: 9, frame: 4 + index, chunks, buffer: bufferFor(chunks) };
  });
  const posted: Packed[] = [];
  const job = { kind: "pack", job: 7, files: [file], frames, compression: NONE } as const;
  new Packer(await testCodecs()).pack(job, (reply) => posted.push(reply));
  assert.deepEqual(posted.map(({ job, frame }) => [job, frame]), [[7, 4], [7, 5], [7, 6]]);
  for (const [index, reply] of posted.entries()) {
    assert.deepEqual(opened(reply).stored[0], content.subarray(index * 3000, index * 3000 + 3000));
  }
});

function packOne(
  codecs: Codecs,
  files: readonly FileToPack[],
  chunks: readonly ChunkToPack[],
  compression: Compression,
  small: SmallSources | null = null,
): Packed {
  const frames = [{ transfer: 9, frame: 4, chunks, buffer: bufferFor(chunks) }];
  const posted: Packed[] = [];
  const job = { kind: "pack", job: 1, files, frames, compression } as const;
  new Packer(codecs, { small }).pack(job, (reply) => posted.push(reply));
  assert.equal(posted.length, 1);
  return posted[0]!;
}

function chunk(some: Partial<ChunkToPack> & { rawBytes: number }): ChunkToPack {
  return { entry: 0, chunk: 0, file: 0, offsetBytes: 0, ...some };
}

function wholes(contents: readonly Uint8Array[]): ChunkToPack[] {
  return contents.map((bytes, index) =>
    chunk({ rawBytes: bytes.length, file: index, entry: index })
  );
}

function opened(packed: Packed) {
  const chunkBytes = LIMITS.maxChunkBytes;
  const bytes = new Uint8Array(packed.buffer, 0, packed.frameBytes);
  const header = decodeFrameHeader(bytes, chunkBytes);
  const body = bytes.subarray(FRAME_HEADER_BYTES);
  const records = decodeRecords(body, packed.records.length, chunkBytes);
  let at = records.length * RECORD_BYTES;
  const stored = records.map((record) => body.slice(at, at += record.storedBytes));
  return { header, records, stored };
}
