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
  changed: 2,
  deleted: 0,
  dryRun: false,
  reconnects: 0,
  error: null,
};

function lines(rest: Partial<TransferSummary> = {}, color = false): readonly string[] {
  return summaryLines({ ...SUMMARY, ...rest }, { deed: "sent", color });
}

Deno.test("summaryLines() says what, how long and how fast in one line", () => {
  assert.deepEqual(lines(), ["✓ 1,204 files, 3.42 GB sent in 14.8 s, 231 MB/s"]);
});

Deno.test("summaryLines() shows the root in short before it, to --verbose", () => {
  assert.deepEqual(summaryLines(SUMMARY, { deed: "sent", color: false, verbose: true }), [
    "  root 3f9a2b1c0d000000",
    "✓ 1,204 files, 3.42 GB sent in 14.8 s, 231 MB/s",
  ]);
});

Deno.test("summaryLines() shows what compressed and what limited, to --verbose", () => {
  const more = { ...SUMMARY, root: null, compression: "zstd:1", limitBytesPerSecond: 2_500_000 };
  const all = summaryLines(more, { deed: "sent", color: false, verbose: true });
  assert.equal(all[0], "  compression zstd:1, at most 2.50 MB/s");
  assert.equal(lines(more).length, 1);
});

Deno.test("summaryLines() says what was there, what compression saved and what was deleted", () => {
  assert.deepEqual(lines({ reusedBytes: 2_000_000_000, wireBytes: 710_000_000, deleted: 3 }), [
    "✓ 1,204 files, 3.42 GB in place in 14.8 s, 95.9 MB/s " +
    "(1.42 GB sent, 2.00 GB already there, compression saved 710 MB, 50%, 3 entries deleted)",
  ]);
  assert.match(lines({ deleted: 1 })[0] ?? "", / \(1 entry deleted\)$/);
});

Deno.test("summaryLines() says when everything was already there", () => {
  assert.deepEqual(
    lines({ reusedBytes: SUMMARY.bytes, wireBytes: 0, seconds: 0.34, changed: 0 }),
    ["✓ 1,204 files, 3.42 GB already there, in 340 ms"],
  );
});

Deno.test("summaryLines() calls empty files sent only where something was changed", () => {
  const empty = { files: 2, bytes: 0, wireBytes: 0, seconds: 0.34 };
  assert.deepEqual(lines({ ...empty, changed: 0 }), ["✓ 2 files, 0 B already there, in 340 ms"]);
  for (const rest of [{ changed: 1 }, { changed: null }, { changed: 0, files: 0 }]) {
    assert.match(lines({ ...empty, ...rest })[0]!, /^✓ \d files, 0 B sent in 340 ms/);
  }
});

Deno.test("summaryLines() says what changed though no bytes of a file did", () => {
  assert.deepEqual(
    lines({ files: 3, bytes: 6, reusedBytes: 6, wireBytes: 0, seconds: 0.34, changed: 4 }),
    ["✓ 3 files, 6 B already there, in 340 ms (4 entries changed)"],
  );
});

Deno.test("summaryLines() does not boast of savings below one percent or below nothing", () => {
  for (const wireBytes of [SUMMARY.bytes - 1000, SUMMARY.bytes + 5000]) {
    assert.doesNotMatch(lines({ wireBytes })[0] ?? "", /saved/);
  }
});

Deno.test("summaryLines() has no speed where too little time or too few bytes went into it", () => {
  assert.deepEqual(lines({ seconds: 0 }), ["✓ 1,204 files, 3.42 GB sent in 0 ms"]);
  assert.doesNotMatch(lines({ seconds: 0.099 })[0] ?? "", /B\/s/);
  assert.match(lines({ seconds: 0.1 })[0] ?? "", / in 100 ms, 34\.2 GB\/s/);
  assert.doesNotMatch(lines({ reusedBytes: SUMMARY.bytes - 999_999 })[0] ?? "", /B\/s/);
  assert.match(lines({ reusedBytes: SUMMARY.bytes - 1_000_000 })[0] ?? "", /B\/s/);
  assert.deepEqual(lines({ files: 1, bytes: 0, wireBytes: 0 }), ["✓ 1 file, 0 B sent in 14.8 s"]);
});

Deno.test("summaryLines() counts failed entries and does not call that sent", () => {
  const error = new SftpxError("partial", "Some entries failed");
  assert.deepEqual(lines({ ok: false, failed: 1, root: null, error }), [
    "✗ 1,204 files, 3.42 GB in place in 14.8 s, 231 MB/s; 1 entry failed",
  ]);
  assert.match(lines({ ok: false, failed: 2, error })[0] ?? "", /; 2 entries failed$/);
});

Deno.test("summaryLines() says how often the server was lost and found again", () => {
  const [once] = lines({ reconnects: 1 });
  assert.equal(once, "✓ 1,204 files, 3.42 GB sent in 14.8 s, 231 MB/s (reconnected once)");
  assert.match(
    lines({ reconnects: 3, deleted: 1 })[0]!,
    / \(1 entry deleted, reconnected 3 times\)$/,
  );
});

Deno.test("summaryLines() says of a dry run what would be done, and that nothing was", () => {
  const plan = { dryRun: true, wireBytes: 0, root: null, seconds: 0.1 };
  assert.deepEqual(lines({ ...plan, changed: 3, deleted: 2, reusedBytes: 2_000_000_000 }), [
    "✓ dry run: would change 3 entries and delete 2; 1,204 files, 3.42 GB in all, " +
    "2.00 GB of them already there; nothing was done",
  ]);
  assert.deepEqual(lines({ ...plan, changed: 0 }), [
    "✓ dry run: would change nothing; 1,204 files, 3.42 GB in all; nothing was done",
  ]);
  const error = new SftpxError("partial", "Some entries would fail");
  assert.deepEqual(lines({ ...plan, changed: 1, failed: 1, ok: false, error }), [
    "✗ dry run: would change 1 entry; 1,204 files, 3.42 GB in all; 1 entry would fail; nothing was done",
  ]);
});

Deno.test("summaryLines() has styles with colour only", () => {
  assert.ok(lines({}, true)[0]?.startsWith("\x1b[32m✓\x1b[0m "));
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(lines({ failed: 2 })[0] ?? "", /\x1b/);
});
