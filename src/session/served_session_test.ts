import assert from "node:assert/strict";
import { type ErrorCode, SftpxError } from "../base/errors.ts";
import type { TransferSummary } from "./options.ts";
import { failedSummary } from "./progress.ts";
import { settleUse } from "./served_session.ts";

function summaryOf(code: ErrorCode | null, root: string | null): TransferSummary {
  const error = code === null ? null : new SftpxError(code, "test");
  const failed = failedSummary(error ?? new SftpxError("failed", ""), {
    chunkBytes: 0,
    startMs: 0,
    dryRun: false,
  });
  return { ...failed, ok: error === null, error, root };
}

const ENDS: readonly [ErrorCode | null, "root" | null, "spend" | "pause" | "release"][] = [
  [null, "root", "spend"],
  ["partial", "root", "spend"],
  ["lost", null, "pause"],
  ["terminated", null, "pause"],
  ["interrupted", null, "pause"],
  ["refused", null, "release"],
  ["protocol", null, "release"],
  ["source_missing", null, "release"],
];

for (const [code, root, wanted] of ENDS) {
  Deno.test(`a transfer that ended ${code ?? "well"} makes its ticket's use ${wanted}`, () => {
    const done: string[] = [];
    settleUse({
      spend: () => void done.push("spend"),
      pause: () => void done.push("pause"),
      release: () => void done.push("release"),
    }, summaryOf(code, root));
    assert.deepEqual(done, [wanted]);
  });
}

Deno.test("a transfer without a counted ticket settles nothing", () => {
  settleUse(null, summaryOf("lost", null));
});
