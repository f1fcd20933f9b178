import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { concatBytes } from "../base/bytes.ts";
import { DirectReader, type DirectSource } from "./direct_read.ts";
import type { FileToReread, Reread } from "./messages.ts";
import { Rereader } from "./reread.ts";
import { Scratch, testCodecs } from "./testing/fixture.ts";

const CHUNK = 65_536;

async function rereaderOf(direct?: DirectReader): Promise<{
  readonly digest: (bytes: Uint8Array) => Uint8Array;
  readonly read: (...files: FileToReread[]) => Reread[];
}> {
  const codecs = await testCodecs();
  const rereader = new Rereader(codecs, direct === undefined ? {} : { direct });
  return {
    digest: (bytes) => codecs.hash.digest(bytes),
    read: (...files) => {
      const replies: Reread[] = [];
      const job = { kind: "reread", job: 7, files, chunkBytes: CHUNK } as const;
      rereader.reread(job, (reply) => replies.push(reply));
      return replies;
    },
  };
}

/** Bytes that differ from chunk to chunk and within. */
function contents(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * 7 + (i >> 16)) & 0xff);
}

/** What has no direct reads. */
function cached(): DirectReader {
  return new DirectReader({ without: ["direct-io"] });
}

const SIZES = [1, 511, 4096, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 4097];

for (const [how, reader] of [["directly", undefined], ["through the cache", cached]] as const) {
  Deno.test(`Rereader answers the digests of what is there, read ${how}`, async () => {
    using scratch = new Scratch();
    const { digest, read } = await rereaderOf(reader?.());
    const files = SIZES.map((sizeBytes, entry) => {
      return { entry, sizeBytes, path: scratch.file(`f${entry}`, contents(sizeBytes)) };
    });
    const replies = read(...files);
    assert.deepEqual(replies.map(({ entry }) => entry), files.map(({ entry }) => entry));
    for (const { entry, sizeBytes } of files) {
      const chunks: Uint8Array[] = [];
      for (let at = 0; at < sizeBytes; at += CHUNK) {
        chunks.push(digest(contents(sizeBytes).subarray(at, at + CHUNK)));
      }
      assert.deepEqual(replies[entry]?.digests, concatBytes(chunks), `${sizeBytes} bytes`);
    }
  });

  Deno.test(`Rereader sees a bit that flipped, read ${how}`, async () => {
    using scratch = new Scratch();
    const { read } = await rereaderOf(reader?.());
    const sizeBytes = CHUNK + 100;
    const path = scratch.file("f", contents(sizeBytes));
    const file = { entry: 3, path, sizeBytes };
    const before = read(file)[0]?.digests;
    flip(path, CHUNK + 50);
    const after = read(file)[0]?.digests;
    assert.ok(before && after);
    assert.deepEqual(after.subarray(0, 32), before.subarray(0, 32), "the first chunk is as it was");
    assert.notDeepEqual(after.subarray(32), before.subarray(32));
  });
}

Deno.test("Rereader answers nothing for a file of another size, a link, a directory or none", async () => {
  using scratch = new Scratch();
  const { read } = await rereaderOf();
  const path = scratch.file("f", contents(100));
  fs.symlinkSync(path, join(scratch.path, "link"));
  const files = [
    { path, sizeBytes: 99 },
    { path, sizeBytes: 101 },
    { path: join(scratch.path, "link"), sizeBytes: 100 },
    { path: scratch.path, sizeBytes: 100 },
    { path: join(scratch.path, "none"), sizeBytes: 100 },
  ].map((file, entry) => ({ ...file, entry }));
  assert.deepEqual(read(...files).map(({ digests }) => digests), [null, null, null, null, null]);
  assert.ok(read({ path, sizeBytes: 100, entry: 0 })[0]?.digests, "and of what is as it should be");
});

Deno.test("DirectReader asks for whole blocks at whole blocks, and gives up where it is refused", () => {
  const asked: [number, number][] = [];
  const closed: number[] = [];
  let refuses = false;
  const source: DirectSource = {
    open: () => 5,
    read: (_fd, into, offsetBytes) => {
      if (refuses || into.byteOffset % 32 !== 16) {
        throw Object.assign(new Error(), { code: "EINVAL" });
      }
      asked.push([into.length, offsetBytes]);
      return Math.min(into.length, 10_000 - offsetBytes);
    },
    close: (fd) => closed.push(fd),
  };
  const reader = new DirectReader({ source });
  const reading = reader.open("f", CHUNK);
  assert.ok(reading);
  asked.length = 0;
  assert.equal(reading.read(10_000, 0).length, 10_000);
  assert.deepEqual(asked, [[12_288, 0]]);
  reading[Symbol.dispose]();
  assert.deepEqual(closed, [5]);
  refuses = true;
  assert.equal(new DirectReader({ source }).open("f", CHUNK), null);
  assert.deepEqual(closed, [5, 5], "what was opened is closed");
});

Deno.test("DirectReader throws every other failure, and closes what it opened", () => {
  let closed = 0;
  const failing = Object.assign(new Error("bad disk"), { code: "EIO" });
  const source: DirectSource = {
    open: () => 5,
    read: () => {
      throw failing;
    },
    close: () => closed++,
  };
  assert.throws(() => new DirectReader({ source }).open("f", CHUNK), failing);
  assert.equal(closed, 1);
});

function flip(path: string, at: number): void {
  const fd = fs.openSync(path, "r+");
  try {
    const byte = new Uint8Array(1);
    fs.readSync(fd, byte, 0, 1, at);
    byte[0]! ^= 1;
    fs.writeSync(fd, byte, 0, 1, at);
  } finally {
    fs.closeSync(fd);
  }
}
