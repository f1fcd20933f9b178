import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import { OneTransfer } from "./one_transfer.ts";
import type { TransferSummary } from "./options.ts";
import { failedSummary } from "./progress.ts";

function summaryOf(code: "lost" | "busy" | "refused" | "terminated"): TransferSummary {
  const error = new SftpxError(code, code);
  return failedSummary(error, { chunkBytes: 0, startMs: 0, dryRun: false });
}

const DONE: TransferSummary = { ...summaryOf("lost"), ok: true, error: null };

function watched(waitMs: number) {
  const over = Promise.withResolvers<TransferSummary>();
  let times = 0;
  const once = new OneTransfer({
    waitMs,
    onOver: (summary) => {
      times++;
      over.resolve(summary);
    },
  });
  return { once, over: over.promise, times: () => times };
}

Deno.test("whatever ends otherwise than by a loss is the end", () => {
  for (const summary of [DONE, summaryOf("refused"), summaryOf("terminated")]) {
    const { once, times } = watched(3_600_000);
    once.began();
    once.done(summary);
    assert.equal(times(), 1);
  }
});

Deno.test("a lost client is waited for, and is the end once its time is over", async () => {
  const { once, over, times } = watched(1);
  once.began();
  once.done(summaryOf("lost"));
  assert.equal(times(), 0);
  assert.equal((await over).error?.code, "lost");
  assert.equal(once.giveUp(), null);
});

for (const code of ["lost", "busy"] as const) {
  Deno.test(`a client that comes back takes the place of what was ${code}`, () => {
    const { once, times } = watched(3_600_000);
    once.began();
    once.done(summaryOf(code));
    once.began();
    assert.equal(once.giveUp(), null);
    once.done(DONE); // A timer left behind would fail this test.
    assert.equal(times(), 1);
  });
}

Deno.test("while another transfer runs nobody waits for the one that was lost", () => {
  const { once, times } = watched(3_600_000);
  once.began();
  once.began();
  once.done(summaryOf("lost"));
  assert.equal(once.giveUp(), null);
  once.done(DONE);
  assert.equal(times(), 1);
});

Deno.test("giveUp() answers what was waited for", () => {
  const { once, times } = watched(3_600_000);
  const lost = summaryOf("lost");
  once.began();
  once.done(lost);
  assert.equal(once.giveUp(), lost);
  assert.equal(times(), 0);
});
