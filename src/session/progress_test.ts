import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import type { EntryReport, FailureReport, TransferCounts } from "../engine/report.ts";
import type { ChunkRecord } from "../wire/frame.ts";
import type { SessionEvent } from "./options.ts";
import { failedSummary, Progress, type TellingHalf } from "./progress.ts";

const COUNTS: TransferCounts = {
  bytesDone: 500,
  bytesTotal: 1000,
  reusedBytes: 100,
  filesDone: 1,
  filesTotal: 2,
  changed: 3,
  phase: "move",
};
const RESULT = {
  root: new Uint8Array(32).fill(0xab),
  files: 2,
  bytes: 1000,
  failed: 0,
  changed: 3,
  deleted: 4,
};
const LANE = {
  connection: 0,
  address: "127.0.0.1:1",
  stack: "memory",
  stats: () => ({ rttMs: null, lossRatio: null, windowBytes: null }),
};
const CHUNK_BYTES = 65_536;

/** A half of the engine with so much to tell. */
function half(
  { failures = [], entries = [], notices = [] }: {
    failures?: FailureReport[];
    entries?: EntryReport[];
    notices?: string[];
  },
): TellingHalf {
  return {
    pollFailure: () => failures.shift() ?? null,
    pollEntry: () => entries.shift() ?? null,
    pollNotice: () => notices.shift() ?? null,
  };
}

/** A progress whose timer a test turns by hand, beside a clock of its own. */
function scene(counts: TransferCounts = COUNTS) {
  const events: SessionEvent[] = [];
  const ticks: number[] = [];
  const timers: (() => void)[] = [];
  let nowMs = 1000;
  const scope = { now: performance.now, set: globalThis.setInterval };
  performance.now = () => nowMs;
  globalThis.setInterval = ((tick: () => void) => timers.push(tick)) as never;
  let current = counts;
  const progress = new Progress((event) => void events.push(event), {
    moving: "send",
    counts: () => current,
    onTick: (atMs) => void ticks.push(atMs),
  });
  return {
    progress,
    events,
    ticks,
    timers,
    fail: (failure: FailureReport) => progress.tell(half({ failures: [failure] })),
    /** Time passes, in steps of the timer, while bytes come in. */
    pass: (ms: number, bytesDone: number) => {
      nowMs += ms;
      current = { ...current, bytesDone };
      timers[0]?.();
    },
    rate: () => {
      const last = events.at(-1);
      return last?.kind === "progress" ? last.bytesPerSecond : null;
    },
    [Symbol.dispose]: () => {
      performance.now = scope.now;
      globalThis.setInterval = scope.set;
    },
  };
}

function recordOf(storedBytes: number): ChunkRecord {
  const digest = new Uint8Array(32);
  return { entry: 0, chunk: 0, rawBytes: 1000, storedBytes, encoding: "zstd", digest };
}

Deno.test("a report carries the engine's counts, and the payload that went over the wire", () => {
  using it = scene();
  it.progress.addFrame([recordOf(300), recordOf(0)], LANE);
  it.progress.addFrame([recordOf(40)], LANE);
  it.pass(200, 500);
  assert.deepEqual(it.events, [{
    kind: "progress",
    phase: "send",
    bytesDone: 500,
    bytesTotal: 1000,
    reusedBytes: 100,
    wireBytes: 340,
    filesDone: 1,
    filesTotal: 2,
    changed: 3,
    bytesPerSecond: 0,
  }]);
  assert.deepEqual(it.ticks, [1200]);
});

Deno.test("a rate is of the last seconds: a stall shows", () => {
  using it = scene();
  for (let step = 1; step <= 10; step++) it.pass(200, step * 2000);
  assert.equal(it.rate(), 10_000);
  for (let step = 0; step < 10; step++) it.pass(200, 20_000);
  assert.ok((it.rate() ?? 0) < 10_000);
  for (let step = 0; step < 10; step++) it.pass(200, 20_000);
  assert.equal(it.rate(), 0);
});

Deno.test("stop() reports once more, and then never again", () => {
  const events: SessionEvent[] = [];
  const progress = new Progress((event) => void events.push(event), {
    moving: "send",
    counts: () => COUNTS,
    onTick: () => {},
  });
  progress.stop({ rttMs: null });
  assert.equal(events.length, 1);
});

Deno.test("finished() says what is in place and what was not sent", () => {
  using it = scene();
  it.progress.addFrame([recordOf(300)], LANE);
  const { seconds: _, ...summary } = it.progress.finished(RESULT, CHUNK_BYTES);
  assert.deepEqual(summary, {
    ok: true,
    files: 2,
    bytes: 1000,
    reusedBytes: 100,
    wireBytes: 300,
    root: "ab".repeat(32),
    chunkBytes: CHUNK_BYTES,
    failed: 0,
    changed: 3,
    deleted: 4,
    dryRun: false,
    reconnects: 0,
    compression: "zstd",
    error: null,
  });
});

Deno.test("a summary tells what was chosen and what limited, once anything was carried", () => {
  using it = scene();
  it.progress.limitTo(null);
  it.progress.chose({ kind: "auto", level: 5 }, 1000);
  assert.equal("compression" in it.progress.finished(RESULT, CHUNK_BYTES), false);
  it.progress.addFrame([recordOf(300)], LANE);
  it.progress.limitTo(7_000_000);
  for (
    const summary of [
      it.progress.finished(RESULT, CHUNK_BYTES),
      it.progress.broken(new SftpxError("lost", "Cannot go on: x"), CHUNK_BYTES),
    ]
  ) {
    assert.equal(summary.compression, "zstd:5");
    assert.equal(summary.limitBytesPerSecond, 7_000_000);
  }
});

Deno.test("finished() never calls more reused than is in place", () => {
  using it = scene({ ...COUNTS, reusedBytes: 5000 });
  assert.equal(it.progress.finished(RESULT, CHUNK_BYTES).reusedBytes, 1000);
});

Deno.test("with some entries failed the end is partial, and quotes the first cause", () => {
  using it = scene();
  it.fail({ path: "a", code: "permission", message: "first", remote: false });
  it.fail({ path: "b", code: "io", message: "second", remote: false });
  const summary = it.progress.finished(RESULT, CHUNK_BYTES);
  assert.deepEqual([summary.ok, summary.error?.code, summary.failed], [false, "partial", 2]);
  assert.match(summary.error?.message ?? "", /2 entries failed.*first/);
  assert.equal(summary.root, "ab".repeat(32));
});

Deno.test("with every entry failed the end is the first cause's", () => {
  using it = scene();
  it.fail({ path: "a", code: "permission", message: "first", remote: false });
  it.fail({ path: "b", code: "io", message: "second", remote: false });
  const { error } = it.progress.finished({ ...RESULT, files: 0, bytes: 0 }, CHUNK_BYTES);
  assert.deepEqual([error?.code, error?.message], ["permission", "first"]);
});

Deno.test("a peer's words and every path are made safe to show", () => {
  using it = scene();
  const message = "\u001b[2J";
  it.fail({ path: "a\u001b", code: "io", message, remote: true });
  const [event] = it.events;
  assert.ok(event?.kind === "entry_failed");
  assert.ok(!`${event.path}${event.message}`.includes("\u001b"));
});

Deno.test("broken() keeps the cause, and states no root", () => {
  using it = scene();
  const cause = new SftpxError("lost", "gone");
  const summary = it.progress.broken(cause, CHUNK_BYTES);
  assert.equal(summary.error, cause);
  assert.deepEqual([summary.ok, summary.root, summary.files], [false, null, 1]);
});

Deno.test("failedSummary() is of a transfer that never began", () => {
  const cause = new SftpxError("unreachable", "no answer");
  const startMs = performance.now() - 1500;
  const summary = failedSummary(cause, { chunkBytes: CHUNK_BYTES, startMs, dryRun: false });
  assert.equal(summary.error, cause);
  assert.ok(summary.seconds >= 1.5 && summary.seconds < 10);
  assert.deepEqual([summary.ok, summary.files, summary.wireBytes], [false, 0, 0]);
});

for (const moving of ["send", "receive"] as const) {
  Deno.test(`a phase in which bytes move is called ${moving} at that end`, () => {
    const phases: string[] = [];
    for (const phase of ["scan", "move", "verify", "commit"] as const) {
      const onEvent = (event: SessionEvent) => {
        if (event.kind === "progress") phases.push(event.phase);
      };
      const counts = () => ({ ...COUNTS, phase });
      new Progress(onEvent, { moving, counts, onTick: () => {} }).stop({ rttMs: null });
    }
    assert.deepEqual(phases, ["scan", moving, "verify", "commit"]);
  });
}

Deno.test("an entry is told with its path made safe; what each connection carried comes last", () => {
  using it = scene();
  it.progress.tell(half({
    entries: [{ path: "a\u001b", kind: "file", sizeBytes: 3, result: "done" }],
    notices: ["by the way"],
  }));
  const [event] = it.events;
  assert.deepEqual(event, {
    kind: "entry",
    path: "a\\u{1b}",
    entryKind: "file",
    sizeBytes: 3,
    result: "done",
  });
  it.progress.addLane(LANE);
  it.progress.addFrame([recordOf(30)], LANE);
  it.progress.stop({ rttMs: null });
  const kinds = it.events.slice(1).map(({ kind }) => kind);
  assert.deepEqual(kinds, ["notice", "progress", "connection"]);
});

Deno.test("broken() tells what was deleted before it broke", () => {
  using it = scene();
  it.progress.addDeleted(2);
  it.progress.addDeleted(3);
  const summary = it.progress.broken(new SftpxError("lost", "gone"), CHUNK_BYTES);
  assert.deepEqual([summary.deleted, summary.changed], [5, null]);
});
