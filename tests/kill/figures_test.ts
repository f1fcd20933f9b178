import assert from "node:assert/strict";
import type { JsonLine } from "../e2e/json_output.ts";
import { distribution, figuresOf } from "./figures.ts";
import { SCALES } from "./payload.ts";
import { type Plan, planRound } from "./plan.ts";
import { type AttemptReport, reportRound, stateAfter } from "./report.ts";

const MB = 1e6;
const NOTHING = {
  corrupt: [],
  problems: [],
  notes: [],
  leftovers: 0,
  servers: 1,
  commands: [],
  directory: null,
};

function attempt(of: Partial<AttemptReport>): AttemptReport {
  return {
    code: 137,
    killed: "client",
    killedAfterMs: 500,
    trigger: "time",
    firstChunkMs: 300,
    bytesDone: 0,
    reusedBytes: 0,
    wireBytes: 0,
    reconnects: 0,
    isWhole: false,
    landedBytes: null,
    ...of,
  };
}

/** A round of 100 MB in one file that cannot be made smaller. */
function plan(): Plan {
  const drawn = planRound(1, SCALES.quick);
  const item = {
    kind: "file",
    path: "f",
    sizeBytes: 100 * MB,
    content: "noise",
    mode: 0o644,
    mtimeMs: 0,
  } as const;
  return {
    ...drawn,
    payload: { ...drawn.payload, items: [item] },
    totalBytes: 100 * MB,
    isPlain: true,
  };
}

function whole(reusedBytes: number): AttemptReport {
  return attempt({
    code: 0,
    killed: null,
    bytesDone: 100 * MB,
    reusedBytes,
    wireBytes: 100 * MB - reusedBytes,
    isWhole: true,
  });
}

Deno.test("distribution() names the smallest value that so many do not pass", () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.deepEqual(distribution([...values, null]), {
    count: 100,
    min: 1,
    median: 50,
    p90: 90,
    p99: 99,
    max: 100,
  });
  assert.equal(distribution([null]), null);
});

Deno.test("what was stored and is not reused was sent again", () => {
  const attempts = [attempt({ bytesDone: 60 * MB, wireBytes: 65 * MB }), whole(50 * MB)];
  const report = reportRound({ plan: plan(), attempts, ...NOTHING });
  assert.equal(report.sentAgainBytes, 10 * MB);
  assert.equal(report.wireExcessBytes, 15 * MB);
});

Deno.test("what came on disk counts where a killed client could not tell it any more", () => {
  const attempts = [
    attempt({ bytesDone: 60 * MB, landedBytes: 70 * MB }),
    // Ten more, on top of the fifty that it reused.
    attempt({ bytesDone: 60 * MB, reusedBytes: 50 * MB, landedBytes: 70 * MB }),
    { ...whole(60 * MB), landedBytes: 100 * MB },
  ];
  const report = reportRound({ plan: plan(), attempts, ...NOTHING });
  assert.equal(report.sentAgainBytes, 20 * MB);
});

Deno.test("more than two intervals of the journal for a kill is a problem", () => {
  const large = { ...plan(), totalBytes: 500 * MB };
  const end = attempt({ ...whole(0), bytesDone: 500 * MB, wireBytes: 500 * MB });
  const problemsOf = (bytesDone: number) =>
    reportRound({ plan: large, attempts: [attempt({ bytesDone }), end], ...NOTHING }).problems;
  assert.deepEqual(problemsOf(130 * MB), []);
  assert.match(problemsOf(140 * MB).join(), /^140000000 bytes were stored and sent again/);
});

Deno.test("nothing is counted where it would not be sound", () => {
  const restarted = [attempt({ killed: "restart" }), whole(0)];
  assert.equal(reportRound({ plan: plan(), attempts: restarted, ...NOTHING }).sentAgainBytes, null);
  const changed = { ...NOTHING, notes: ["append f"] };
  const report = reportRound({ plan: plan(), attempts: [whole(0)], ...changed });
  assert.equal(report.sentAgainBytes, null);
  assert.equal(report.wireExcessBytes, null);
  const broken = reportRound({ plan: plan(), attempts: [attempt({})], ...NOTHING });
  assert.equal(broken.sentAgainBytes, null);
});

Deno.test("the first new chunk is the first line with bytes on the wire", () => {
  const startedMs = Date.UTC(2027, 0, 1);
  const line = (afterMs: number, fields: Record<string, unknown>): JsonLine => ({
    v: 1,
    event: "progress",
    time: new Date(startedMs + afterMs).toISOString(),
    ...fields,
  });
  const lines = [
    line(100, { bytesDone: 50, reusedBytes: 50, wireBytes: 0 }),
    line(300, { bytesDone: 60, reusedBytes: 50, wireBytes: 12 }),
    line(500, { bytesDone: 70, reusedBytes: 50, wireBytes: 24 }),
  ];
  const told = stateAfter({ lines, summary: null, startedMs });
  assert.deepEqual(told, {
    firstChunkMs: 300,
    bytesDone: 70,
    reusedBytes: 50,
    wireBytes: 24,
    reconnects: 0,
    isWhole: false,
  });
});

Deno.test("a command that waited for its server tells nothing of the first chunk", () => {
  const waited = attempt({ killed: "restart", firstChunkMs: 9000 });
  const resumed = attempt({ firstChunkMs: 400 });
  const attempts = [waited, waited, resumed, whole(0)];
  const { firstChunkMs, freshFirstChunkMs } = figuresOf([
    reportRound({ plan: plan(), attempts, ...NOTHING }),
  ]);
  assert.equal(firstChunkMs?.count, 2);
  assert.equal(firstChunkMs.max, 400);
  assert.equal(freshFirstChunkMs, null);
});

Deno.test("figures count rounds that are wrong, and kills by victim", () => {
  const attempts = [attempt({}), whole(0)];
  const rounds = [
    reportRound({ plan: plan(), attempts, ...NOTHING }),
    reportRound({ plan: plan(), attempts, ...NOTHING, corrupt: ["f"] }),
    reportRound({ plan: plan(), attempts, ...NOTHING, problems: ["exit 1"] }),
  ];
  const figures = figuresOf(rounds);
  assert.equal(figures.corrupt, 1);
  assert.equal(figures.failed, 2);
  assert.deepEqual(figures.kills, { client: 3 });
});
