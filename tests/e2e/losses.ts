// Whether a session was lost in the middle of a transfer, by what its client told: never, or so often,
// each told once, and what was stored sent once.

import assert from "node:assert/strict";
import type { JsonLine, Transfer } from "./json_output.ts";
import { eventsOf, shown, SIZE_BYTES } from "./line.ts";

const MiB = 2 ** 20;

/** No session was lost, and every byte went once. */
export function assertUndisturbed(transfer: Transfer, bytes = SIZE_BYTES): void {
  const { lines, summary } = transfer;
  assert.deepEqual(eventsOf(lines, "reconnecting"), [], shown(transfer));
  assert.equal(summary["reconnects"], 0);
  assert.equal(summary.wireBytes, bytes);
}

/** The session was lost and found so often, each told once; what was stored went once. */
export function assertReconnected(transfer: Transfer, times = 1): void {
  const { lines, summary, stderr } = transfer;
  assert.equal(eventsOf(lines, "reconnecting").length, times, shown(transfer));
  assert.equal(eventsOf(lines, "reconnected").length, times, shown(transfer));
  assert.equal(eventsOf(lines, "start").length, 1);
  assert.equal(summary["reconnects"], times);
  assert.equal(stderr.match(/^! /gm)?.length, times, stderr);
  // I10: what was shown as done stays done.
  const done = eventsOf(lines, "progress").map(({ bytesDone }) => Number(bytesDone));
  assert.deepEqual(done, done.toSorted((a, b) => a - b));
  assertNothingTwice(transfer);
}

/** What was known to be stored when the peer was lost was not sent again. */
function assertNothingTwice({ lines, summary }: Transfer): void {
  let mayBeLost = 0;
  let last: JsonLine | undefined;
  for (const line of lines) {
    if (line.event === "progress") last = line;
    if (line.event !== "reconnecting") continue;
    assert.ok(Number(last?.["bytesDone"]) > 0, "nothing was stored before");
    // The line may be a moment old: what was sent since then may be lost too.
    mayBeLost += Number(last?.["wireBytes"]) - Number(last?.["bytesDone"]) + SLACK_BYTES;
  }
  const most = SIZE_BYTES + mayBeLost;
  assert.ok(summary.wireBytes <= most, `${summary.wireBytes} of at most ${most}`);
}

/** A fifth of a second between two lines of progress, and what the stack holds unsent. */
const SLACK_BYTES = 3 * MiB;
