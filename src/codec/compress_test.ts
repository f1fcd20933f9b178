import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { concatBytes } from "../base/bytes.ts";
import { boundedZstd, loadZstd, type Zstd, ZSTD_LOADERS, type ZstdPackage } from "./compress.ts";
import { LEAST_SAVING, sampledRatio, SampleScratch } from "./sample.ts";

const MiB = 1024 * 1024;
const CONTENTS: readonly { readonly name: string; readonly bytes: Uint8Array }[] = [
  { name: "one byte", bytes: Uint8Array.of(7) },
  { name: "text", bytes: text(300_000) },
  { name: "zeros", bytes: new Uint8Array(2 * MiB) },
  { name: "random", bytes: random(500_000) },
  { name: "one block", bytes: text(128 * 1024) },
  { name: "one block and a byte", bytes: text(128 * 1024 + 1) },
  { name: "half random", bytes: concatBytes([random(MiB), text(MiB)]) },
];

for (const encoding of ZSTD_LOADERS.filter((loader) => loader.name !== "fzstd")) {
  for (const decoding of ZSTD_LOADERS) {
    const ignore = !isBuilt(encoding) || !isBuilt(decoding);
    Deno.test(`${decoding.name} decodes what ${encoding.name} encodes`, { ignore }, async () => {
      const encoder = (await encoding.load())?.encoder;
      assert.ok(encoder);
      const decoder = await load(decoding);
      assert.equal(decoder.decoderName, decoding.name);
      for (const { name, bytes } of CONTENTS) {
        for (const level of [1, 3, 9]) {
          const packed = encoder.compress(bytes, level).slice();
          const raw = decoder.decompress(packed, { rawBytes: bytes.length });
          assert.ok(equal(raw, bytes), `${name} at level ${level}`);
        }
      }
    });
  }
}

for (const loader of ZSTD_LOADERS) {
  const ignore = !isBuilt(loader);

  Deno.test(`${loader.name} refuses a bomb without unpacking it`, { ignore }, async () => {
    const zstd = await load(loader);
    const bomb = await packed(new Uint8Array(64 * MiB), 3);
    assert.ok(bomb.length < 16 * 1024);
    assert.throws(() => zstd.decompress(bomb, { rawBytes: 2 * MiB }), {
      name: "SftpxError",
      code: "protocol",
      remote: true,
    });
  });

  Deno.test(`${loader.name} refuses a bomb that does not say its size`, { ignore }, async () => {
    const zstd = await load(loader);
    // Compressed blocks hide their size, so this bomb is the decoder's own to stop.
    const bomb = withoutContentSize(await packed(text(4 * MiB), 3));
    assert.throws(() => zstd.decompress(bomb, { rawBytes: MiB }), { code: "integrity" });
    assert.throws(() => zstd.decompress(bomb, { rawBytes: 4 * MiB - 1 }), { code: "integrity" });
    assert.throws(() => zstd.decompress(bomb, { rawBytes: 4 * MiB + 1 }), { code: "integrity" });
    assert.equal(zstd.decompress(bomb, { rawBytes: 4 * MiB }).length, 4 * MiB);
  });

  Deno.test(`${loader.name} itself never yields more than asked for`, { ignore }, async () => {
    const decoder = (await loader.load())!.decoder;
    const content = text(300_000);
    const frame = withoutContentSize(await packed(content, 3));
    assert.equal(decoder.decompress(frame, { rawBytes: content.length }).length, content.length);
    assert.throws(() => decoder.decompress(frame, { rawBytes: content.length - 1 }));
  });

  Deno.test(`${loader.name} survives every flipped byte`, { ignore }, async () => {
    const zstd = await load(loader);
    const content = text(3000);
    const intact = await packed(content, 3);
    let refused = 0;
    for (let at = 0; at < intact.length; at++) {
      const damaged = intact.slice();
      damaged[at]! ^= 0x41;
      try {
        assert.equal(zstd.decompress(damaged, { rawBytes: content.length }).length, content.length);
      } catch (error) {
        if (!(error instanceof Error) || error.name !== "SftpxError") throw error;
        refused++;
      }
    }
    assert.ok(refused > 10, `only ${refused} refused`);
  });

  Deno.test(`${loader.name} refuses truncation at every byte`, { ignore }, async () => {
    const zstd = await load(loader);
    const content = text(3000);
    const intact = await packed(content, 3);
    for (let length = 0; length < intact.length; length++) {
      assert.throws(
        () => zstd.decompress(intact.subarray(0, length), { rawBytes: content.length }),
        { name: "SftpxError", code: "protocol" },
        `cut at ${length}`,
      );
    }
  });

  Deno.test(
    `${loader.name} survives arbitrary bytes behind a sound header`,
    { ignore },
    async () => {
      const zstd = await load(loader);
      fc.assert(fc.property(fc.uint8Array({ minLength: 3, maxLength: 300 }), (body) => {
        const size = body.length << 3 | 2 << 1 | 1;
        const frame = concatBytes([
          Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38),
          Uint8Array.of(size & 0xff, size >> 8 & 0xff, size >> 16),
          body,
        ]);
        try {
          assert.equal(zstd.decompress(frame, { rawBytes: 1000 }).length, 1000);
        } catch (error) {
          assert.equal((error as Error).name, "SftpxError");
        }
      }));
    },
  );
}

Deno.test("a decoder that yields the wrong size is caught, whatever it is", () => {
  const lying: ZstdPackage = {
    encoder: null,
    decoder: { name: "lying", decompress: () => new Uint8Array(9) },
  };
  const frame = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38, 0x05, 0, 0);
  assert.throws(() => boundedZstd(lying).decompress(frame, { rawBytes: 10 }), {
    code: "integrity",
  });
  assert.equal(boundedZstd(lying).decompress(frame, { rawBytes: 9 }).length, 9);
});

Deno.test("loadZstd() passes over what is left out, and decodes even where nothing encodes", async () => {
  const node = await loadZstd({ without: ["zstd-napi"] });
  assert.deepEqual([node.name, node.decoderName], ["node:zlib", "node:zlib"]);
  const fallback = await loadZstd({ without: ["zstd-napi", "node:zlib"] });
  assert.deepEqual([fallback.name, fallback.decoderName], ["none", "fzstd"]);
  assert.equal(fallback.compress(text(100), 3), null);
  const without = ["zstd-napi", "node:zlib", "fzstd"];
  await assert.rejects(loadZstd({ without }), { code: "unsupported" });
});

Deno.test("sampledRatio() tells text from random bytes", async () => {
  const zstd = await loadZstd({ without: [] });
  const scratch = new SampleScratch();
  assert.ok(sampledRatio(zstd, text(2 * MiB), scratch) <= 1 - LEAST_SAVING);
  assert.ok(sampledRatio(zstd, random(2 * MiB), scratch) > 1 - LEAST_SAVING);
  assert.ok(sampledRatio(zstd, text(2000), scratch) <= 1 - LEAST_SAVING);
  assert.ok(sampledRatio(zstd, random(2000), scratch) > 1 - LEAST_SAVING);
});

Deno.test("sampledRatio() looks at the beginning, the middle and the end", async () => {
  const zstd = await loadZstd({ without: [] });
  const scratch = new SampleScratch();
  const zeros = new Uint8Array(4096);
  for (const at of [0, MiB - 2048, 2 * MiB - 4096]) {
    const bytes = random(2 * MiB);
    bytes.set(zeros, at);
    assert.ok(sampledRatio(zstd, bytes, scratch) <= 1 - LEAST_SAVING, `zeros at ${at}`);
  }
});

Deno.test("sampledRatio() saves nothing where nothing can compress", async () => {
  const zstd = await loadZstd({ without: ["zstd-napi", "node:zlib"] });
  assert.ok(sampledRatio(zstd, text(2 * MiB), new SampleScratch()) > 1 - LEAST_SAVING);
});

async function load(loader: typeof ZSTD_LOADERS[number]): Promise<Zstd> {
  const found = await loader.load();
  assert.ok(found !== null, `${loader.name} does not load`);
  return boundedZstd(found);
}

// The addon is there only where it could be built.
function isBuilt(loader: typeof ZSTD_LOADERS[number]): boolean {
  if (loader.name !== "zstd-napi") return true;
  const entry = fileURLToPath(import.meta.resolve("zstd-napi/binding.js"));
  return existsSync(join(dirname(entry), "build", "Release", "binding.node"));
}

async function packed(bytes: Uint8Array, level: number): Promise<Uint8Array<ArrayBuffer>> {
  const zstd = await loadZstd({ without: ["zstd-napi"] });
  const out = zstd.compress(bytes, level);
  assert.ok(out !== null);
  return Uint8Array.from(out);
}

// Rewrites a frame header with a content size into one with a window of 8 MiB and none.
function withoutContentSize(frame: Uint8Array): Uint8Array<ArrayBuffer> {
  const descriptor = frame[4]!;
  const single = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  const headerBytes = 5 + (single ? 0 : 1) + (sizeFlag === 0 ? (single ? 1 : 0) : 1 << sizeFlag);
  const header = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, descriptor & 0x04, 13 << 3);
  return concatBytes([header, frame.subarray(headerBytes)]);
}

function text(length: number): Uint8Array<ArrayBuffer> {
  const words = ["chunk", "lane", "frame", "digest", "journal", "peer", "grant", "ticket"];
  let out = "";
  for (let seed = 1; out.length < length; seed = seed * 48271 % 2147483647) {
    out += `${words[seed % words.length]} ${seed % 9973} `;
  }
  return Uint8Array.from(new TextEncoder().encode(out.slice(0, length)));
}

function random(length: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(length);
  for (let at = 0; at < length; at += 65536) {
    crypto.getRandomValues(out.subarray(at, Math.min(length, at + 65536)));
  }
  return out;
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}
