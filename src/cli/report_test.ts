import assert from "node:assert/strict";
import { Recorder, TestClock } from "../../tests/recorder.ts";
import { SftpxError } from "../base/errors.ts";
import type { SessionEvent, TransferSummary } from "../session/options.ts";
import { JsonLines } from "./json.ts";
import { type ReportOptions, TransferReport } from "./report.ts";
import type { ProgressState } from "./ui/progress.ts";
import { Terminal } from "./ui/terminal.ts";

const SUMMARY: TransferSummary = {
  ok: true,
  files: 2,
  bytes: 100,
  reusedBytes: 0,
  wireBytes: 100,
  seconds: 1.5,
  root: null,
  chunkBytes: 65536,
  failed: 0,
  changed: 2,
  deleted: 0,
  dryRun: false,
  reconnects: 0,
  error: null,
};

const START: SessionEvent = { kind: "start", direction: "push", chunkBytes: 65536, peer: "abc" };

function progress(bytesDone: number, filesDone = 0): SessionEvent {
  return {
    kind: "progress",
    phase: "send",
    reusedBytes: 0,
    bytesDone,
    bytesTotal: 1000,
    wireBytes: bytesDone,
    filesDone,
    filesTotal: 3,
    bytesPerSecond: 10,
  };
}

function setUp(
  options: Partial<ReportOptions> & { width?: number; verbose?: boolean; quiet?: boolean } = {},
) {
  const clock = new TestClock();
  const stdout = new Recorder();
  const { width, verbose = false, quiet = false, ...rest } = options;
  const stderr = new Recorder(width === undefined ? {} : { isTerminal: true, width });
  const terminal = new Terminal({
    output: stderr,
    nowMs: clock.now,
    env: () => undefined,
    quiet,
    verbose,
  });
  const json = new JsonLines(stdout, clock.now);
  const given = { terminal, stdout, json, nowMs: clock.now, deed: "sent" as const };
  const report = new TransferReport({ ...given, ...rest });
  return { clock, stdout, stderr, report };
}

Deno.test("TransferReport tells a program of no progress before the start", () => {
  const { clock, stdout, report } = setUp();
  report.event({ ...progress(0), phase: "connect" } as SessionEvent);
  clock.ms += 1000;
  report.event(START);
  report.event(progress(0));
  assert.deepEqual(stdout.jsonLines().map((line) => line["event"]), ["start", "progress"]);
});

Deno.test("TransferReport never shows progress going back (I10)", () => {
  const { clock, stdout, report } = setUp();
  report.event(START);
  stdout.text = "";
  for (const [bytes, files] of [[500, 2], [100, 1], [600, 2]] as const) {
    report.event(progress(bytes, files));
    clock.ms += 1000;
  }
  const lines = stdout.jsonLines();
  assert.deepEqual(lines.map((line) => line["bytesDone"]), [500, 500, 600]);
  assert.deepEqual(lines.map((line) => line["filesDone"]), [2, 2, 2]);
  assert.deepEqual(lines.map((line) => line["wireBytes"]), [500, 500, 600]);
});

Deno.test("TransferReport draws progress and takes it away before the summary", () => {
  const { stderr, report } = setUp({ width: 80 });
  report.event({ ...progress(0), phase: "connect" } as SessionEvent);
  assert.match(stderr.text, /connecting/);
  stderr.text = "";
  report.event({ kind: "notice", message: "mind" });
  report.event(progress(500, 1));
  assert.match(stderr.text, /sending/);
  stderr.text = "";
  assert.equal(report.finish(SUMMARY), 0);
  assert.ok(stderr.text.startsWith("\r\x1b[K"));
  assert.match(stderr.text, /2 files/);
});

Deno.test("TransferReport tells failed entries even with --quiet, and nothing else", () => {
  const { stderr, report } = setUp({ quiet: true });
  report.event({ kind: "notice", message: "mind" });
  report.event({ kind: "entry_failed", path: "a/b", code: "io", message: "it broke" });
  report.finish(SUMMARY);
  assert.equal(stderr.text, "failed: a/b: it broke\n");
});

Deno.test("TransferReport tells an error with its advice and returns its exit code", () => {
  const { stdout, stderr, report } = setUp();
  const error = new SftpxError("lost", "Cannot go on: the peer is gone");
  assert.equal(report.finish({ ...SUMMARY, files: 0, ok: false, error }), 20);
  assert.equal(
    stderr.text,
    "error: Cannot go on: the peer is gone\n  Run the same command again: it resumes.\n",
  );
  assert.equal(stdout.jsonLines().at(-1)?.["event"], "summary");
});

Deno.test("TransferReport points a usage error to the help of its command", () => {
  const { stderr, report } = setUp({ command: "send" });
  report.finish({ ...SUMMARY, files: 0, ok: false, error: new SftpxError("usage", "Cannot x") });
  assert.match(stderr.text, /Run "sftpx send --help" for the usage/);
});

Deno.test("TransferReport advises nobody in serve: what to do is told to the client", () => {
  for (const code of ["lost", "usage", "conflict"] as const) {
    const { stderr, report } = setUp({ serving: true });
    report.finish({ ...SUMMARY, files: 0, ok: false, error: new SftpxError(code, "Cannot x") });
    assert.equal(stderr.text, "error: Cannot x\n");
  }
});

Deno.test("TransferReport returns 4 for nothing to do when asked", () => {
  const { report } = setUp({ failIfUnchanged: true });
  assert.equal(report.finish({ ...SUMMARY, reusedBytes: 100, wireBytes: 0, changed: 0 }), 4);
});

Deno.test("TransferReport tells what connects and starts to --verbose only", () => {
  const events: SessionEvent[] = [
    { kind: "connected", address: "h:1", transport: "quic", connection: 0 },
    { kind: "connected", address: "h:1", transport: "quic", connection: 1 },
    { kind: "start", direction: "push", chunkBytes: 2097152, peer: "abc" },
    {
      kind: "connection",
      connection: 1,
      address: "h:1",
      transport: "tls",
      wireBytes: 5_000_000,
      lanes: 2,
      rttMs: 12,
      lossRatio: 0.00125,
      windowBytes: 3_200_000,
      congestion: "bbr",
    },
    {
      kind: "lanes",
      quic: 4,
      tcp: 1,
      lanes: 8,
      rttMs: 50,
      bytesPerSecond: 36_000_000,
      reason: "trying more",
    },
    { kind: "lanes", quic: 1, tcp: 0, lanes: 1, rttMs: null, bytesPerSecond: null, reason: "why" },
  ];
  const loud = setUp({ verbose: true });
  const plain = setUp();
  for (const event of events) {
    loud.report.event(event);
    plain.report.event(event);
  }
  assert.equal(
    loud.stderr.text,
    "connected to h:1 over quic\nconnected to h:1 over quic, connection 1\n" +
      "transfer with abc in chunks of 2 MiB\n" +
      "connection 1 to h:1 over tls carried 5.00 MB on 2 lanes, " +
      "round trip 12 ms, 0.13% lost, window 3.20 MB, bbr\n" +
      "8 lanes over 4 QUIC and 1 TCP connections: trying more, round trip 50 ms, 36.0 MB/s\n" +
      "1 lane over 1 QUIC connection: why\n",
  );
  assert.equal(plain.stderr.text, "");
});

Deno.test("TransferReport in serve names its transfer and the deed as the server sees it", () => {
  const { stdout, stderr, report } = setUp({ transfer: 7, serving: true });
  report.event({ kind: "start", direction: "pull", chunkBytes: 65536, peer: "abc" });
  report.finish(SUMMARY);
  assert.deepEqual(stdout.jsonLines().map((line) => line["transfer"]), [7, 7]);
  assert.match(stderr.text, /sent in 1.5 s/);
});

Deno.test("TransferReport keeps its deed where it is not serve's", () => {
  const { stderr, report } = setUp({ transfer: 1, deed: "sent" });
  report.event({ kind: "start", direction: "push", chunkBytes: 65536, peer: "abc" });
  report.finish(SUMMARY);
  assert.match(stderr.text, /sent in 1.5 s/);
});

Deno.test("TransferReport hands its progress to who draws it", () => {
  const drawn: ProgressState[] = [];
  const { stderr, report } = setUp({ width: 80, draw: (state) => drawn.push(state) });
  report.event(progress(1));
  assert.equal(stderr.text, "");
  assert.deepEqual(drawn.map(({ phase, bytesDone }) => [phase, bytesDone]), [["send", 1]]);
});

Deno.test("TransferReport guesses the time left from what moves, not from what was there", () => {
  const drawn: ProgressState[] = [];
  const { clock, report } = setUp({ draw: (state) => drawn.push(state) });
  for (const [seconds, moved] of [[0, 0], [1, 10], [2, 20]] as const) {
    clock.ms = seconds * 1000;
    const there = { bytesDone: 500 + moved, reusedBytes: seconds === 0 ? 0 : 500 };
    report.event(
      { ...progress(0), ...there, bytesDone: there.reusedBytes + moved } as SessionEvent,
    );
  }
  assert.equal(Math.round((drawn.at(-1)?.leftMs ?? 0) / 1000), 48);
});

Deno.test("TransferReport names each entry to --verbose only, unchanged and deleted ones with a mark", () => {
  const entry = { kind: "entry", sizeBytes: 1200, entryKind: "file", result: "done" } as const;
  const events: SessionEvent[] = [
    { ...entry, path: "a/b" },
    { ...entry, path: "a/c", result: "unchanged" },
    { ...entry, path: "a/old", sizeBytes: 0, result: "deleted" },
    { ...entry, path: "a", sizeBytes: 0, entryKind: "directory" },
    { ...entry, path: "gone/", sizeBytes: 0, entryKind: "directory", result: "deleted" },
    { ...entry, path: "link\u202e", sizeBytes: 0, entryKind: "link" },
  ];
  const loud = setUp({ verbose: true });
  const plain = setUp();
  for (const event of events) {
    loud.report.event(event);
    plain.report.event(event);
  }
  assert.equal(
    loud.stderr.text,
    "a/b  1.20 kB\na/c  1.20 kB  unchanged\na/old  deleted\na/\ngone/  deleted\nlink\\u{202e}\n",
  );
  assert.equal(plain.stderr.text, "");
  assert.equal(plain.stdout.jsonLines().length, events.length);
});

Deno.test("TransferReport prints the plan of a dry run to stdout, as data", () => {
  const step = { kind: "plan", sizeBytes: 1, entryKind: "file" } as const;
  const events: SessionEvent[] = [
    { ...step, path: "a", action: "create" },
    { ...step, path: "b", action: "unchanged" },
    { ...step, path: "d", action: "create", entryKind: "directory" },
    { ...step, path: "old", action: "delete" },
    { ...step, path: "bad\n", action: "fail", code: "conflict", message: "a directory is there" },
  ];
  const shown = (options: Parameters<typeof setUp>[0]) => {
    const { stdout, report } = setUp(options);
    for (const event of events) report.event(event);
    return stdout;
  };
  const changes = [
    "create     a",
    "create     d/",
    "delete     old",
    "fail       bad\\u{a}: a directory is there",
  ];
  assert.deepEqual(shown({ json: null }).text.trimEnd().split("\n"), changes);
  const all = shown({ json: null, verbose: true }).text.trimEnd().split("\n");
  assert.deepEqual(all, changes.toSpliced(1, 0, "unchanged  b"));
  assert.deepEqual(shown({ json: null, quiet: true }).text.trimEnd().split("\n"), changes);
  assert.deepEqual(shown({}).jsonLines().map(({ event, action }) => [event, action]), [
    ["plan", "create"],
    ["plan", "unchanged"],
    ["plan", "create"],
    ["plan", "delete"],
    ["plan", "fail"],
  ]);
});

Deno.test("TransferReport ends with one line that says what was done", () => {
  const { stderr, report } = setUp();
  const error = new SftpxError("partial", "Some entries failed");
  report.finish({ ...SUMMARY, ok: false, failed: 1, deleted: 2, error });
  const last = stderr.text.trimEnd().split("\n").at(-1) ?? "";
  assert.match(last, /^✗ 2 files, 100 B in place in 1.5 s .*2 entries deleted.*1 entry failed$/);
});

const LOSS: readonly SessionEvent[] = [
  { kind: "reconnecting", code: "lost", message: "Lost the peer: it is silent", withinMs: 30_000 },
  { ...progress(0), phase: "reconnect" } as SessionEvent,
  { kind: "reconnected", address: "h:1", seconds: 7 },
];
const LOSS_LINE = "! lost the server: it is silent; looking for it for up to 30 s\n";

Deno.test("TransferReport tells a loss in one line off a terminal, and with --verbose that it is over", () => {
  const told = (options: Parameters<typeof setUp>[0]) => {
    const { clock, stderr, report } = setUp(options);
    for (const event of [START, ...LOSS]) {
      clock.ms += 10_000;
      report.event(event);
    }
    return stderr.text;
  };
  assert.equal(told({}), LOSS_LINE);
  assert.equal(told({ quiet: true }), "");
  assert.ok(told({ verbose: true }).endsWith(`${LOSS_LINE}reconnected after 7 s\n`));
});

Deno.test("TransferReport keeps its progress below the line of a loss, as far as it was", () => {
  const { clock, stderr, report } = setUp({ width: 80 });
  report.event(START);
  report.event(progress(500));
  stderr.text = "";
  report.event(LOSS[0]!);
  report.event(LOSS[1]!);
  // The second one was drawn at once, over what stood below the line.
  const [said, below = ""] = stderr.text.split("\n");
  assert.ok(said?.startsWith("\r\x1b[K"));
  assert.match(said ?? "", /looking for it for up to 30 s$/);
  assert.match(below, /sending.*50%.*\r.*reconnecting.* 50%/);
  stderr.text = "";
  clock.ms += 1000;
  report.event(LOSS[2]!);
  report.event(progress(500));
  assert.ok(stderr.text.startsWith("\r\x1b[K"));
  assert.match(stderr.text, /sending.* 50%/);
  assert.doesNotMatch(stderr.text, /reconnected/);
});

Deno.test("TransferReport tells a program of a loss and of its end", () => {
  const { stdout, report } = setUp();
  for (const event of [START, ...LOSS]) report.event(event);
  const lines = stdout.jsonLines().filter(({ event }) => event !== "progress");
  assert.deepEqual(lines.map(({ v: _v, time: _time, ...fields }) => fields).slice(1), [
    {
      event: "reconnecting",
      code: "lost",
      message: "Lost the peer: it is silent",
      withinMs: 30_000,
    },
    { event: "reconnected", address: "h:1", seconds: 7 },
  ]);
  const progressed = stdout.jsonLines().find(({ event }) => event === "progress");
  assert.equal(progressed?.["phase"], "reconnect");
});
