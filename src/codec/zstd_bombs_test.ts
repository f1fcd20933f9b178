// One corpus of bombs for every decoder: what may not be unpacked, what it claims and what it holds. Most
// of it no decoder is even handed; what only unpacking shows is stopped at the size announced, and the
// memory that this takes is measured.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import * as zlib from "node:zlib";
import { concatBytes } from "../base/bytes.ts";
import { boundedZstd, ZSTD_LOADERS } from "./compress.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const MAGIC = [0x28, 0xb5, 0x2f, 0xfd];
const RAW = 0;
const RLE = 1;
/** A window of 8 MiB, and no content size. */
const OPEN = [...MAGIC, 0x00, 13 << 3];
const SKIPPABLE = [0x50, 0x2a, 0x4d, 0x18, 2, 0, 0, 0, 1, 2];
/** What the honest frame of the corpus holds. */
const HELD_BYTES = 65_536;
/** What the largest of it would be, unpacked. */
const BOMB_BYTES = 256 * MiB;
/** A window, the output, and what a decoder needs of its own. */
const ALLOWED_BYTES = 48 * MiB;
/** The end of a frame, where its last block says what to repeat. */
const SPOILED_BYTES = 8;
const SPOILED_TIMES = 20_000;
/** What so many may leave to the collector: a decoder of 14 kB each would be more. */
const KEPT_BYTES = 256 * MiB;

interface Bomb {
  readonly what: string;
  readonly frame: Uint8Array;
  readonly announcedBytes: number;
  /** Its header or its blocks' headers betray it: no decoder sees it. */
  readonly isPlain: boolean;
}

function block(sizeBytes: number, type: number, isLast: boolean, ...body: number[]): number[] {
  const header = sizeBytes << 3 | type << 1 | (isLast ? 1 : 0);
  return [header & 0xff, header >> 8 & 0xff, header >> 16 & 0xff, ...body];
}

/** Content that shrinks to compressed blocks, whose headers do not tell what they hold. */
function hidden(bytes: number): Uint8Array {
  const pattern = Uint8Array.from(
    { length: 1000 },
    (_, i) => (i * 7919 + (i >> 3) * 104_729) & 0xff,
  );
  const content = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += pattern.length) {
    content.set(pattern.subarray(0, Math.min(pattern.length, bytes - at)), at);
  }
  const { ZSTD_c_compressionLevel, ZSTD_c_contentSizeFlag } = zlib.constants;
  return Uint8Array.from(zlib.zstdCompressSync(content, {
    params: { [ZSTD_c_compressionLevel]: 1, [ZSTD_c_contentSizeFlag]: 0 },
  }));
}

function plain(what: string, bytes: readonly number[], announcedBytes = HELD_BYTES): Bomb {
  return { what, frame: Uint8Array.from(bytes), announcedBytes, isPlain: true };
}

function bombs(): readonly Bomb[] {
  const empty = block(0, RAW, true);
  const honest = [...hidden(HELD_BYTES)];
  const repeats = Array(2048).fill(block(128 * KiB, RLE, false, 7)).flat();
  return [
    plain("content size of 2^53 in a window of its own", [
      ...MAGIC,
      0xe0,
      0,
      0,
      0,
      0,
      0,
      0,
      32,
      0,
      ...empty,
    ]),
    plain("content size of 2^64 - 1", [...MAGIC, 0xe0, ...Array(8).fill(255), ...empty]),
    plain("content size one past what was announced", [...MAGIC, 0xa0, 1, 0, 1, 0, ...empty]),
    plain("content size one short of what was announced", [...MAGIC, 0x60, 0xff, 0xfe, ...empty]),
    plain("a window of 2^31", [...MAGIC, 0x00, 21 << 3, ...empty]),
    plain("the largest window there is", [...MAGIC, 0x00, 0xff, ...empty]),
    plain("a window one step past the cap", [...MAGIC, 0x00, (14 << 3) + 1, ...empty]),
    plain("a dictionary", [...MAGIC, 0x03, 13 << 3, 1, 2, 3, 4, ...empty]),
    plain("a reserved bit", [...MAGIC, 0x08, 13 << 3, ...empty]),
    plain("a skippable frame before it", [...SKIPPABLE, ...honest]),
    plain("a skippable frame behind it", [...honest, ...SKIPPABLE]),
    plain("a skippable frame that is 4 GiB long", [0x50, 0x2a, 0x4d, 0x18, 255, 255, 255, 255]),
    plain("a second frame", [...honest, ...honest]),
    plain("a byte behind it", [...honest, 0]),
    plain("another format's magic number", [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]),
    plain("nothing at all", []),
    plain("repeated bytes without an end", [...OPEN, ...repeats, ...empty]),
    plain("a block larger than a block may be", [...OPEN, ...block(128 * KiB + 1, RLE, true, 7)]),
    plain("a block of the reserved type", [...OPEN, ...block(4, 3, true, 1, 2, 3, 4)]),
    plain("a block that is longer than the frame", [...OPEN, ...block(1000, RAW, true, 1, 2)]),
    {
      what: "compressed blocks of more than was announced",
      frame: hidden(BOMB_BYTES),
      announcedBytes: HELD_BYTES,
      isPlain: false,
    },
    {
      what: "compressed blocks of one byte more",
      frame: hidden(HELD_BYTES + 1),
      announcedBytes: HELD_BYTES,
      isPlain: false,
    },
    {
      what: "compressed blocks of one byte less",
      frame: hidden(HELD_BYTES - 1),
      announcedBytes: HELD_BYTES,
      isPlain: false,
    },
    {
      what: "a compressed block of garbage",
      frame: Uint8Array.from([...OPEN, ...block(9, 2, true, 1, 2, 3, 4, 5, 6, 7, 8, 9)]),
      announcedBytes: HELD_BYTES,
      isPlain: false,
    },
  ];
}

const CORPUS = bombs();

Deno.test("what a bomb's headers betray reaches no decoder", () => {
  for (const { what, frame, announcedBytes, isPlain } of CORPUS) {
    let handed = 0;
    const counting = boundedZstd({
      encoder: null,
      decoder: {
        name: "counting",
        decompress: () => {
          handed++;
          throw new Error("unpacked");
        },
      },
    });
    assert.throws(() => counting.decompress(frame, { rawBytes: announcedBytes }), {
      name: "SftpxError",
      code: isPlain ? "protocol" : "integrity",
    }, what);
    assert.equal(handed, isPlain ? 0 : 1, what);
  }
});

for (const loader of ZSTD_LOADERS) {
  Deno.test(`${loader.name} refuses every bomb, and goes on decoding`, async () => {
    const found = await loader.load();
    if (found === null) {
      return assert.equal(loader.name, "zstd-napi", "only the addon may be absent");
    }
    const zstd = boundedZstd(found);
    const honest = hidden(HELD_BYTES);
    for (const { what, frame, announcedBytes } of CORPUS) {
      assert.throws(() => zstd.decompress(frame, { rawBytes: announcedBytes }), {
        name: "SftpxError",
        remote: true,
      }, what);
      assert.equal(zstd.decompress(honest, { rawBytes: HELD_BYTES }).length, HELD_BYTES, what);
    }
  });

  Deno.test({
    name: `${loader.name} takes no memory for a bomb but what was announced and a window`,
    ignore: process.platform !== "linux",
    fn: async () => {
      if (await loader.load() === null) return;
      const { code, grownBytes } = await unpacked(loader.name, hidden(BOMB_BYTES), { times: 1 });
      assert.equal(code, "integrity");
      assert.ok(grownBytes < ALLOWED_BYTES, `${Math.round(grownBytes / MiB)} MiB were taken`);
    },
  });

  Deno.test({
    name: `${loader.name} keeps nothing of chunks that do not decompress`,
    ignore: process.platform !== "linux",
    fn: async () => {
      if (await loader.load() === null) return;
      const spoiled = hidden(HELD_BYTES).fill(0xff, -SPOILED_BYTES);
      const { code, grownBytes } = await unpacked(loader.name, spoiled, { times: SPOILED_TIMES });
      assert.equal(code, "integrity");
      assert.ok(grownBytes < KEPT_BYTES, `${Math.round(grownBytes / MiB)} MiB were taken`);
    },
  });
}

/** What a process of its own says that met a frame so many times, as its first work. */
async function unpacked(
  name: string,
  frame: Uint8Array,
  { times }: { readonly times: number },
): Promise<{ readonly code: string; readonly grownBytes: number }> {
  const directory = mkdtempSync(join(tmpdir(), "sftpx-bomb-"));
  try {
    const path = join(directory, "bomb");
    writeFileSync(path, frame);
    const script = join(directory, "unpack.ts");
    writeFileSync(script, unpacking(path, { name, times }));
    const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--config", fileOf("../../deno.json"), script],
      env: { DENO_NO_UPDATE_CHECK: "1" },
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    return JSON.parse(new TextDecoder().decode(stdout));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A program that meets the bomb as its first work, and tells by how much its peak of memory grew. */
function unpacking(path: string, { name, times }: { name: string; times: number }): string {
  const module = new URL("./compress.ts", import.meta.url).href;
  return `
    import { readFileSync } from "node:fs";
    import { boundedZstd, ZSTD_LOADERS } from ${JSON.stringify(module)};
    const peakBytes = () =>
      Number(/VmHWM:\\s+(\\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))[1]) * 1024;
    const loader = ZSTD_LOADERS.find(({ name }) => name === ${JSON.stringify(name)});
    const zstd = boundedZstd(await loader.load());
    const bomb = Uint8Array.from(readFileSync(${JSON.stringify(path)}));
    const before = peakBytes();
    let code = null;
    for (let time = 0; time < ${times}; time++) {
      try {
        zstd.decompress(bomb, { rawBytes: ${HELD_BYTES} });
      } catch (thrown) {
        code = thrown.code;
      }
      // As between two frames: what was closed is let go then.
      if (time % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    }
    console.log(JSON.stringify({ code, grownBytes: peakBytes() - before }));
  `;
}

function fileOf(relative: string): string {
  return decodeURIComponent(new URL(relative, import.meta.url).pathname);
}

Deno.test("the honest frame of the corpus is one that every bomb differs from", () => {
  assert.ok(concatBytes([hidden(HELD_BYTES)]).length < HELD_BYTES);
  assert.ok(hidden(BOMB_BYTES).length < MiB, "a bomb is small");
});
