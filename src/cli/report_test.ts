import assert from "node:assert/strict";
import { Recorder, TestClock } from "../../tests/recorder.ts";
import { SftpxError } from "../base/errors.ts";
import type { SessionEvent, TransferSummary } from "../session/options.ts";
import { JsonLines } from "./json.ts";
import { type ReportOptions, TransferReport } from "./report.ts";
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
  error: null,
};

function progress(bytesDone: number, filesDone = 0): SessionEvent {
  return {
    kind: "progress",
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
  const report = new TransferReport({ terminal, json, nowMs: clock.now, deed: "sent", ...rest });
  return { clock, stdout, stderr, report };
}

Deno.test("TransferReport never shows progress going back (I10)", () => {
  const { clock, stdout, report } = setUp();
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
  report.connecting();
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

Deno.test("TransferReport returns 4 for nothing to do when asked", () => {
  const { report } = setUp({ failIfUnchanged: true });
  assert.equal(report.finish({ ...SUMMARY, reusedBytes: 100, wireBytes: 0 }), 4);
});

Deno.test("TransferReport tells what connects and starts to --verbose only", () => {
  const events: SessionEvent[] = [
    { kind: "connected", address: "h:1", transport: "quic" },
    { kind: "start", direction: "push", chunkBytes: 2097152, peer: "abc" },
  ];
  const loud = setUp({ verbose: true });
  const plain = setUp();
  for (const event of events) {
    loud.report.event(event);
    plain.report.event(event);
  }
  assert.equal(
    loud.stderr.text,
    "connected to h:1 over quic\ntransfer with abc in chunks of 2 MiB\n",
  );
  assert.equal(plain.stderr.text, "");
});

Deno.test("TransferReport in serve names its transfer and the deed as the server sees it", () => {
  const { stdout, stderr, report } = setUp({ transfer: 7, deed: "received" });
  report.event({ kind: "start", direction: "pull", chunkBytes: 65536, peer: "abc" });
  report.finish(SUMMARY);
  assert.deepEqual(stdout.jsonLines().map((line) => line["transfer"]), [7, 7]);
  assert.match(stderr.text, /sent in 1.5 s/);
});

Deno.test("TransferReport leaves the progress line to another transfer", () => {
  const { stderr, report } = setUp({ width: 80, drawsProgress: () => false });
  report.event(progress(1));
  assert.equal(stderr.text, "");
});
