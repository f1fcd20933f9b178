import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { concatBytes } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import type { Codecs } from "./codecs.ts";
import type { PartOpener } from "./files.ts";
import { Lander, type Sync } from "./land.ts";
import { Packer } from "./pack.ts";
import type {
  ChunkFailure,
  ChunkToLand,
  Compression,
  FrameToLand,
  Packed,
  StandingFile,
} from "./messages.ts";
import {
  bufferFor,
  landingOf,
  noise,
  PLAIN_PARTS,
  prose,
  Scratch,
  standing,
  testCodecs,
  walked,
} from "./testing/fixture.ts";

type Place = Omit<ChunkToLand, "record">;

Deno.test("raw and compressed chunks land bit for bit, in any order", async () => {
  using scratch = new Scratch();
  const codecs = await testCodecs();
  const content = concatBytes([prose(70_000), noise(70_000), prose(60_001)]);
  const part = join(scratch.path, "part");
  const frames = chunksOf(content, 30_000).map((_, index) =>
    frameOf(codecs, scratch, content, { index, chunkBytes: 30_000 })
  );
  assert.deepEqual(
    new Set(frames.flatMap((frame) => frame.records.map((each) => each.encoding))),
    new Set(["zstd", "raw"]),
  );
  for (const packed of [frames[2]!, ...frames.slice(3).toReversed(), frames[0]!, frames[1]!]) {
    const frame = landingOf(packed, (record) => ({
      ...place(part, content.length),
      offsetBytes: record.chunk * 30_000,
    }));
    assert.deepEqual(await landOne(codecs, frame), []);
    assert.equal(fs.statSync(part).size, content.length, "the part is extended at once");
  }
  assert.deepEqual(Uint8Array.from(fs.readFileSync(part)), content);
  assert.equal(fs.statSync(part).mode & 0o777, 0o600);
});

Deno.test("a flipped bit fails its chunk as integrity; nothing is written for it; others land", async () => {
  using scratch = new Scratch();
  const codecs = await testCodecs();
  const contents = [noise(3000, 1), noise(3000, 2), noise(3000, 3)];
  const packed = smallFiles(codecs, scratch, contents);
  const bytes = new Uint8Array(packed.buffer, 0, packed.frameBytes);
  bytes[bytes.length - 4000]! ^= 1; // inside the second file
  const paths = contents.map((_, index) => join(scratch.path, `part ${index}`));
  const frame = landingOf(packed, ({ entry }) => place(paths[entry]!, 3000));
  const failures = await landOne(codecs, frame);
  assert.deepEqual(codes(failures), [[1, "integrity"]]);
  assert.ok(!fs.existsSync(paths[1]!));
  assert.deepEqual(Uint8Array.from(fs.readFileSync(paths[0]!)), contents[0]);
  assert.deepEqual(Uint8Array.from(fs.readFileSync(paths[2]!)), contents[2]);
});

Deno.test("a damaged compressed chunk fails alone too", async () => {
  using scratch = new Scratch();
  const codecs = await testCodecs();
  const contents = [prose(3000), noise(3000)];
  const packed = smallFiles(codecs, scratch, contents);
  const stored = packed.frameBytes - 3000;
  new Uint8Array(packed.buffer)[stored - 5]! ^= 0xff;
  const frame = landingOf(packed, ({ entry }) => place(join(scratch.path, `part ${entry}`), 3000));
  assert.deepEqual(codes(await landOne(codecs, frame)), [[0, "integrity"]]);
  assert.ok(!fs.existsSync(join(scratch.path, "part 0")));
});

Deno.test("a chunk that is passed over touches nothing, and what follows it lands", async () => {
  using scratch = new Scratch();
  const codecs = await testCodecs();
  const contents = [noise(3000, 1), prose(4000), noise(3000, 3)];
  const packed = smallFiles(codecs, scratch, contents);
  const frame = landingOf(
    packed,
    ({ entry, rawBytes }) =>
      entry === 1 ? null : place(join(scratch.path, `part ${entry}`), rawBytes),
  );
  assert.deepEqual(await landOne(codecs, frame), []);
  assert.ok(!fs.existsSync(join(scratch.path, "part 1")));
  assert.deepEqual(Uint8Array.from(fs.readFileSync(join(scratch.path, "part 2"))), contents[2]);
});

Deno.test("a resumed part keeps its other chunks, and a stale tail is cut", async () => {
  using scratch = new Scratch();
  const codecs = await testCodecs();
  const content = noise(9000);
  const part = scratch.file("part", concatBytes([content.subarray(0, 6000), noise(5000, 8)]));
  const packed = frameOf(codecs, scratch, content, { index: 2, chunkBytes: 3000 });
  const frame = landingOf(packed, () => ({ ...place(part, 9000), offsetBytes: 6000 }));
  assert.deepEqual(await landOne(codecs, frame), []);
  assert.deepEqual(Uint8Array.from(fs.readFileSync(part)), content);
});

Deno.test("a shorter version of a one-chunk file leaves no old tail", async () => {
  using scratch = new Scratch();
  const codecs = await testCodecs();
  const content = noise(3000);
  const part = scratch.file("part", noise(5000, 8));
  const packed = smallFiles(codecs, scratch, [content]);
  assert.deepEqual(await landOne(codecs, landingOf(packed, () => place(part, 3000))), []);
  assert.deepEqual(Uint8Array.from(fs.readFileSync(part)), content);
});

Deno.test("a same chunk is copied from the file that stands there, and verified", async () => {
  using scratch = new Scratch();
  const codecs = await testCodecs();
  const content = noise(9000);
  const stands = scratch.file("standing", content);
  const part = join(scratch.path, "part");
  const same = (from: StandingFile | null) =>
    landingOf(sameFrame(codecs, scratch, content), (record) => ({
      ...place(part, 9000),
      offsetBytes: record.chunk * 3000,
      copyFrom: from,
    }));
  assert.deepEqual(await landOne(codecs, same(standing(stands))), []);
  assert.deepEqual(
    Uint8Array.from(fs.readFileSync(part).subarray(3000, 6000)),
    content.slice(3000, 6000),
  );
  fs.rmSync(part);

  assert.deepEqual(await landOne(codecs, same(null)), []);
  assert.ok(!fs.existsSync(part), "a part that has the chunk is left alone");

  const changed = content.slice();
  changed[4000]! ^= 1;
  const cases: [string, string][] = [
    [scratch.file("changed", changed), "source_changed"],
    [scratch.file("short", content.subarray(0, 5999)), "source_changed"],
    [join(scratch.path, "absent"), "source_missing"],
  ];
  fs.symlinkSync(stands, join(scratch.path, "link"));
  cases.push([join(scratch.path, "link"), "source_changed"]);
  for (const [path, code] of cases) {
    assert.deepEqual(codes(await landOne(codecs, same(standing(path)))), [[0, code]], path);
    assert.ok(!fs.existsSync(part), "nothing is written for it");
  }

  const seen = standing(stands);
  fs.utimesSync(stands, 1000, 1000);
  assert.deepEqual(await landOne(codecs, same(seen)), [], "the same file, looked at since");
  fs.rmSync(part);
  fs.renameSync(stands, join(scratch.path, "moved"));
  scratch.file("standing", content);
  assert.deepEqual(codes(await landOne(codecs, same(seen))), [[0, "source_changed"]]);
  assert.ok(!fs.existsSync(part), "another file is not read, whatever is in it");
});

Deno.test("a same chunk of the part itself is verified where it is, and not written again", async () => {
  using scratch = new Scratch();
  const codecs = await testCodecs();
  const content = noise(9000);
  const part = scratch.file("part", content);
  fs.utimesSync(part, 1000, 1000);
  const same = () =>
    landingOf(sameFrame(codecs, scratch, content), (record) => ({
      ...place(part, content.length),
      offsetBytes: record.chunk * 3000,
      copyFrom: standing(part),
    }));
  assert.deepEqual(await landOne(codecs, same()), []);
  assert.equal(fs.statSync(part).mtimeMs, 1000_000, "nothing was written");
  const changed = content.slice();
  changed[4000]! ^= 1;
  fs.writeFileSync(part, changed);
  assert.deepEqual(codes(await landOne(codecs, same())), [[0, "source_changed"]]);
});

Deno.test("a part that is a link is not followed", async () => {
  using scratch = new Scratch();
  const codecs = await testCodecs();
  const victim = scratch.file("victim", prose(10));
  const part = join(scratch.path, "part");
  fs.symlinkSync(victim, part);
  const packed = smallFiles(codecs, scratch, [noise(3000)]);
  assert.deepEqual(codes(await landOne(codecs, landingOf(packed, () => place(part, 3000)))), [[
    0,
    "io",
  ]]);
  assert.deepEqual(Uint8Array.from(fs.readFileSync(victim)), prose(10));
});

Deno.test("a chunk past the end of its file is refused", async () => {
  using scratch = new Scratch();
  const codecs = await testCodecs();
  const part = join(scratch.path, "part");
  const packed = smallFiles(codecs, scratch, [noise(3000)]);
  const failures = await landOne(codecs, landingOf(packed, () => place(part, 2999)));
  assert.deepEqual(codes(failures), [[0, "protocol"]]);
  assert.ok(!fs.existsSync(part));
});

Deno.test("an unreachable part fails without naming our paths", async () => {
  using scratch = new Scratch();
  const codecs = await testCodecs();
  const packed = smallFiles(codecs, scratch, [noise(3000)]);
  const part = join(scratch.path, "no", "such", "part");
  const failures = await landOne(codecs, landingOf(packed, () => place(part, 3000)));
  assert.deepEqual(codes(failures), [[0, "io"]]);
  assert.ok(!failures[0]!.message.includes(scratch.path), "a path leaked");
});

Deno.test("more parts than are held open at once all land, synced", async () => {
  using scratch = new Scratch();
  const codecs = await testCodecs();
  const contents = Array.from({ length: 100 }, (_, index) => noise(50 + index, index + 1));
  const packed = smallFiles(codecs, scratch, contents);
  const frame = landingOf(packed, ({ entry, rawBytes }) => ({
    ...place(join(scratch.path, `part ${entry}`), rawBytes),
    sync: true,
  }));
  assert.deepEqual(await landOne(codecs, frame), []);
  for (const [index, content] of contents.entries()) {
    assert.deepEqual(
      Uint8Array.from(fs.readFileSync(join(scratch.path, `part ${index}`))),
      content,
    );
  }
});

Deno.test("a part that is a device is not written to", async () => {
  using scratch = new Scratch();
  const codecs = await testCodecs();
  const packed = smallFiles(codecs, scratch, [noise(3000)]);
  const failures = await landOne(codecs, landingOf(packed, () => place("/dev/null", 3000)));
  assert.deepEqual(codes(failures), [[0, "io"]]);
  assert.match(failures[0]!.message, /not a file/);
});

Deno.test("a part that cannot be synced fails its entry, though it was written", async () => {
  using scratch = new Scratch();
  const codecs = await testCodecs();
  const packed = smallFiles(codecs, scratch, [noise(3000, 1), noise(3000, 2)]);
  const frame = landingOf(packed, ({ entry }) => ({
    ...place(join(scratch.path, `part ${entry}`), 3000),
    sync: entry === 1,
  }));
  const sync = () => Promise.reject(Object.assign(new Error("sync"), { code: "ENOSPC" }));
  assert.deepEqual(codes(await landOne(codecs, frame, sync)), [[1, "no_space"]]);
});

Deno.test("the answer waits for the sync of what asks for it, of few parts at once", async () => {
  using scratch = new Scratch();
  const codecs = await testCodecs();
  const contents = Array.from({ length: 100 }, (_, index) => noise(50, index + 1));
  const packed = smallFiles(codecs, scratch, contents);
  const frame = landingOf(packed, ({ entry, rawBytes }) => ({
    ...place(join(scratch.path, `part ${entry}`), rawBytes),
    sync: entry % 2 === 0,
  }));
  let running = 0;
  let most = 0;
  let synced = 0;
  const sync = async (fd: number) => {
    most = Math.max(most, ++running);
    assert.ok(fs.fstatSync(fd).size === 50, "synced before it was written");
    await Promise.resolve();
    running--;
    synced++;
  };
  assert.deepEqual(await landOne(codecs, frame, sync), []);
  assert.deepEqual([running, synced], [0, 50]);
  assert.ok(most > 1 && most <= 32, `${most} parts at once`);
});

Deno.test("what parts were opened with is let go of after each frame, also one that fails", async () => {
  using scratch = new Scratch();
  const codecs = await testCodecs();
  const calls: string[] = [];
  const parts: PartOpener = {
    open: (path, isNew) => {
      calls.push("open");
      if (path.endsWith("bad")) throw new SftpxError("conflict", "Cannot write chunk: a test");
      return PLAIN_PARTS.open(path, isNew);
    },
    put: () => false,
    release: () => calls.push("release"),
  };
  for (const name of ["good", "bad"]) {
    const packed = smallFiles(codecs, scratch, [noise(3000, 1), noise(3000, 2)]);
    const to = (entry: number) => join(scratch.path, entry === 0 ? "first" : name);
    const frame = landingOf(packed, ({ entry }) => place(to(entry), 3000));
    await landOne(codecs, frame, undefined, parts);
  }
  assert.deepEqual(calls, ["open", "open", "release", "open", "open", "release"]);
});

Deno.test("a file of one chunk that somebody else syncs is put at once, all others are opened", async () => {
  using scratch = new Scratch();
  const codecs = await testCodecs();
  const content = noise(3000);
  const packed = smallFiles(codecs, scratch, [content, content, content, content, content]);
  const calls: string[] = [];
  const called = (how: string, path: string) => void calls.push(`${how} ${path.slice(-1)}`);
  const parts: PartOpener = {
    open: (path, isNew) => {
      called("open", path);
      return PLAIN_PARTS.open(path, isNew);
    },
    put: (path, bytes) => {
      called("put", path);
      assert.deepEqual(Uint8Array.from(bytes), content);
      return !path.endsWith("4");
    },
    release: () => {},
  };
  const others = [{}, { sync: true }, { sparse: true }, { fileBytes: 6000 }, {}] as const;
  const frame = landingOf(packed, ({ entry }) => ({
    ...place(join(scratch.path, `part ${entry}`), 3000),
    ...others[entry],
  }));
  assert.deepEqual(await landOne(codecs, frame, undefined, parts), []);
  assert.deepEqual(calls, ["put 0", "open 1", "open 2", "open 3", "put 4", "open 4"]);
});

Deno.test("the buffer comes back with every answer", async () => {
  using scratch = new Scratch();
  const codecs = await testCodecs();
  const packed = smallFiles(codecs, scratch, [noise(3000)]);
  const frame = landingOf(packed, () => null);
  const replies: unknown[] = [];
  await new Lander(codecs, { parts: PLAIN_PARTS }).land(
    { kind: "land", job: 5, frames: [frame] },
    (reply) => {
      replies.push(reply);
    },
  );
  assert.deepEqual(replies, [
    { kind: "landed", job: 5, frame: 4, buffer: packed.buffer, failures: [] },
  ]);
});

async function landOne(
  codecs: Codecs,
  frame: FrameToLand,
  sync?: Sync,
  parts: PartOpener = PLAIN_PARTS,
): Promise<readonly ChunkFailure[]> {
  const found: ChunkFailure[] = [];
  const lander = new Lander(codecs, sync === undefined ? { parts } : { parts, sync });
  await lander.land({ kind: "land", job: 1, frames: [frame] }, (reply) => {
    found.push(...reply.failures);
  });
  return found;
}

function frameOf(
  codecs: Codecs,
  scratch: Scratch,
  content: Uint8Array,
  at: { index: number; chunkBytes: number; held?: Uint8Array },
): Packed {
  const files = [walked(scratch.file("source", content))];
  const offsetBytes = at.index * at.chunkBytes;
  const rawBytes = Math.min(at.chunkBytes, content.length - offsetBytes);
  const held = at.held === undefined ? {} : { held: at.held };
  const chunks = [{ entry: 0, chunk: at.index, file: 0, offsetBytes, rawBytes, ...held }];
  const frames = [{ transfer: 9, frame: at.index, chunks, buffer: bufferFor(chunks) }];
  return packed(codecs, {
    kind: "pack",
    job: 1,
    files,
    frames,
    compression: { kind: "auto", level: 3 },
  });
}

function sameFrame(codecs: Codecs, scratch: Scratch, content: Uint8Array): Packed {
  const held = codecs.hash.digest(content.subarray(3000, 6000));
  const frame = frameOf(codecs, scratch, content, { index: 1, chunkBytes: 3000, held });
  assert.equal(frame.records[0]?.encoding, "same");
  return frame;
}

function smallFiles(
  codecs: Codecs,
  scratch: Scratch,
  contents: readonly Uint8Array[],
  compression: Compression = { kind: "auto", level: 3 },
): Packed {
  const files = contents.map((bytes, index) => walked(scratch.file(`source ${index}`, bytes)));
  const chunks = contents.map((bytes, index) => {
    return { entry: index, chunk: 0, file: index, offsetBytes: 0, rawBytes: bytes.length };
  });
  const frames = [{ transfer: 9, frame: 4, chunks, buffer: bufferFor(chunks) }];
  return packed(codecs, { kind: "pack", job: 1, files, frames, compression });
}

function packed(codecs: Codecs, job: Parameters<Packer["pack"]>[0]): Packed {
  let found: Packed | undefined;
  new Packer(codecs).pack(job, (reply) => {
    found = reply;
  });
  assert.ok(found !== undefined && found.failures.length === 0);
  return found;
}

function place(path: string, fileBytes: number): Place {
  return { path, fileBytes, offsetBytes: 0, sparse: false, sync: false, copyFrom: null };
}

function codes(failures: readonly ChunkFailure[]): [number, string][] {
  return failures.map(({ entry, code }) => [entry, code]);
}

function chunksOf(content: Uint8Array, chunkBytes: number): number[] {
  return Array.from({ length: Math.ceil(content.length / chunkBytes) }, (_, index) => index);
}

Deno.test("standing chunks that no frame carried are copied", async () => {
  using scratch = new Scratch();
  const codecs = await testCodecs();
  const content = noise(3000);
  const copyFrom = standing(scratch.file("standing", content));
  const part = join(scratch.path, "part");
  const record = {
    entry: 0,
    chunk: 0,
    rawBytes: content.byteLength,
    storedBytes: 0,
    encoding: "same",
    digest: codecs.hash.digest(content),
  } as const;
  const frame = {
    frame: -1,
    buffer: new ArrayBuffer(0),
    bodyOffset: 0,
    bodyBytes: 0,
    chunks: [{ record, ...place(part, content.byteLength), copyFrom }],
  };
  assert.deepEqual(await landOne(codecs, frame), []);
  assert.deepEqual(Uint8Array.from(fs.readFileSync(part)), content);
});
