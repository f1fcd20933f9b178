import assert from "node:assert/strict";
import { type ErrorCode, SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { HandClock } from "./_fixture.ts";
import { type Attempt, runAttempts } from "./attempts.ts";
import type { ClientSession } from "./client_session.ts";
import type { SessionEvent, TransferOptions, TransferSummary } from "./options.ts";
import { failedSummary, idleProgress } from "./progress.ts";

/** How one attempt goes: what is stored before it ends, and with what it ends. */
interface Turn {
  readonly isAccepted: boolean;
  readonly code: ErrorCode | null;
  readonly storedBytes?: number;
}

/** Runs attempts that take no time by a clock that goes as fast as they pause. */
async function run(
  { timeoutMs }: { readonly timeoutMs: number },
  turnOf: (attempt: number) => Turn,
): Promise<{ summary: TransferSummary; attempts: number; told: SessionEvent[] }> {
  using clock = new HandClock();
  const told: SessionEvent[] = [];
  let attempts = 0;
  const signal = new AbortController().signal;
  const onEvent = (event: SessionEvent) => void told.push(event);
  const options = { signal, dryRun: false, chunkBytes: 65_536, timeoutMs, onEvent };
  let summary: TransferSummary | null = null;
  runAttempts(options as unknown as TransferOptions, (attempt) => {
    const turn = turnOf(attempts++);
    return takeTurn(attempt, turn);
  }).then((ended) => summary = ended);
  for (let pauses = 0; summary === null && pauses < 100; pauses++) {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    if (clock.dueMs > clock.nowMs && clock.dueMs < Infinity) clock.nowMs = clock.dueMs;
    clock.goOff();
  }
  assert.ok(summary !== null, "it goes on for ever");
  return { summary, attempts, told };
}

function takeTurn(
  { onSession, onAccepted, onEvent }: Attempt,
  { isAccepted, code, storedBytes }: Turn,
): Promise<TransferSummary> {
  const hub = { heardMs: performance.now() };
  onSession({ hub, address: "somewhere" } as ClientSession);
  if (isAccepted) onAccepted();
  if (storedBytes !== undefined) {
    onEvent({ ...idleProgress("send"), bytesDone: storedBytes, filesDone: 0 });
  }
  if (code !== null) throw new SftpxError(code, `Ended as ${code}`, { remote: true });
  const none = new SftpxError("lost", "");
  const nothing = failedSummary(none, { chunkBytes: 65_536, startMs: 0, dryRun: false });
  return Promise.resolve({ ...nothing, ok: true, error: null });
}

Deno.test("a peer that accepts and then is busy is waited for as long as one that is busy at once", async () => {
  const busy = { isAccepted: true, code: "busy" } as const;
  const { summary, attempts } = await run({ timeoutMs: 400 }, () => busy);
  assert.equal(summary.error?.code, "busy");
  assert.match(summary.error?.message ?? "", /; waited 0.4 s for it$/);
  // With a new deadline for every accept it is eight sessions, until they came to nothing too often.
  assert.ok(attempts < LIMITS.fruitlessSessions, `${attempts} attempts`);
});

Deno.test("a busy peer that stored something meanwhile is waited for anew", async () => {
  const { summary, attempts } = await run({ timeoutMs: 400 }, (attempt) => ({
    isAccepted: true,
    code: attempt === 6 ? null : "busy",
    storedBytes: attempt + 1,
  }));
  assert.equal(summary.error, null);
  assert.equal(attempts, 7);
});

Deno.test("sessions that end as busy after their accept count among those to no avail", async () => {
  const { summary, attempts } = await run({ timeoutMs: 200 }, (attempt) => ({
    // Looked for in between, a peer has all its time again.
    isAccepted: attempt % 2 === 0,
    code: attempt % 2 === 0 ? "busy" : "lost",
  }));
  assert.equal(attempts, LIMITS.fruitlessSessions);
  assert.match(summary.error?.message ?? "", /; 8 times in a row before anything new was stored$/);
});

Deno.test("a peer that is busy and takes nothing on is waited for, however often it says so", async () => {
  const { summary, attempts } = await run({ timeoutMs: 60_000 }, (attempt) => ({
    isAccepted: attempt === 3,
    code: attempt === 3 ? null : "busy",
  }));
  assert.equal(summary.error, null);
  assert.equal(attempts, 4);
});
