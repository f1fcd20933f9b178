import assert from "node:assert/strict";
import { isCode } from "./_fixture.ts";
import { LIMITS } from "../base/limits.ts";
import { type CompressionChoice, formatCompression, parseCompression } from "./compression.ts";

const CHOICES: Record<string, CompressionChoice> = {
  "none": { kind: "none" },
  "auto": { kind: "adaptive" },
  "auto:1": { kind: "auto", level: 1 },
  "auto:3": { kind: "auto", level: 3 },
  "zstd:3": { kind: "zstd", level: 3 },
  "zstd:19": { kind: "zstd", level: 19 },
};

for (const [text, compression] of Object.entries(CHOICES)) {
  Deno.test(`"${text}" is written and read back`, () => {
    assert.equal(formatCompression(compression), text);
    assert.deepEqual(parseCompression(text), compression);
  });
}

Deno.test('parseCompression() reads "zstd" at the default level', () => {
  assert.deepEqual(parseCompression("zstd"), { kind: "zstd", level: LIMITS.defaultZstdLevel });
});

for (
  const text of [
    "",
    "lzma",
    "none:1",
    "zstd:0",
    "zstd:20",
    "zstd:01",
    "zstd:-1",
    " zstd",
    "zstd:3\n",
  ]
) {
  Deno.test(`parseCompression() refuses ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseCompression(text), isCode("protocol", true));
  });
}
