import assert from "node:assert/strict";
import { SftpxError } from "../../base/errors.ts";
import type { TransferSummary } from "../../session/options.ts";
import { summaryLines } from "./summary.ts";

const SUMMARY: TransferSummary = {
  ok: true,
  files: 1204,
  bytes: 3_420_000_000,
  reusedBytes: 0,
  wireBytes: 3_420_000_000,
  seconds: 14.8,
  root: "3f9a2b1c0d".padEnd(64, "0"),
  chunkBytes: 2097152,
  failed: 0,
  error: null,
};

function lines(rest: Partial<TransferSummary> = {}, color = false): readonly string[] {
  return summaryLines({ ...SUMMARY, ...rest }, { deed: "sent", color });
}

Deno.test("summaryLines() says what, how long, how fast, and the root in short", () => {
  assert.deepEqual(lines(), [
    "✓ 1,204 files, 3.42 GB sent in 14.8 s, 231 MB/s",
    "  root 3f9a2b1c0d000000",
  ]);
});

Deno.test("summaryLines() says what was already there and what compression saved", () => {
  assert.deepEqual(lines({ reusedBytes: 2_000_000_000, wireBytes: 710_000_000 }), [
    "✓ 1,204 files, 3.42 GB sent in 14.8 s, 95.9 MB/s",
    "  710 MB on the wire: 2.00 GB already there, compression saved 710 MB (50%)",
    "  root 3f9a2b1c0d000000",
  ]);
});

Deno.test("summaryLines() says when everything was already there", () => {
  assert.equal(
    lines({ reusedBytes: SUMMARY.bytes, wireBytes: 0, seconds: 0.34 })[0],
    "✓ 1,204 files, 3.42 GB already there (340 ms)",
  );
});

Deno.test("summaryLines() does not boast of savings below one percent or below nothing", () => {
  for (const wireBytes of [SUMMARY.bytes - 1000, SUMMARY.bytes + 5000]) {
    assert.equal(lines({ wireBytes }).length, 2);
  }
});

Deno.test("summaryLines() has no speed where there is no time and no bytes", () => {
  assert.equal(lines({ seconds: 0, root: null })[0], "✓ 1,204 files, 3.42 GB sent in 0 ms");
  assert.equal(
    lines({ files: 1, bytes: 0, wireBytes: 0, root: null })[0],
    "✓ 1 file, 0 B sent in 14.8 s",
  );
});

Deno.test("summaryLines() counts failed entries and does not call that sent", () => {
  const error = new SftpxError("partial", "Some entries failed");
  assert.deepEqual(lines({ ok: false, failed: 1, root: null, error }), [
    "✗ 1,204 files, 3.42 GB in place in 14.8 s, 231 MB/s",
    "  1 entry failed",
  ]);
  assert.match(lines({ ok: false, failed: 2, root: null, error })[1] ?? "", /2 entries failed/);
});

Deno.test("summaryLines() has styles with colour only", () => {
  assert.ok(lines({}, true)[0]?.startsWith("\x1b[32m✓\x1b[0m "));
});
