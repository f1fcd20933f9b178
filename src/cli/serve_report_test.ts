import assert from "node:assert/strict";
import { Recorder, TestClock } from "../../tests/recorder.ts";
import type { ServeEvent } from "../session/options.ts";
import { JsonLines } from "./json.ts";
import { ServeReport } from "./serve_report.ts";
import { Terminal } from "./ui/terminal.ts";

const ADDRESS = { hostname: "::", port: 4443 };
const TICKET = "sftpx1" + "ab23".repeat(20);
const SUMMARY = {
  ok: true,
  files: 1,
  bytes: 1,
  reusedBytes: 0,
  wireBytes: 1,
  seconds: 1,
  root: null,
  chunkBytes: 65536,
  failed: 0,
  error: null,
};

function setUp(options: { json?: boolean; width?: number } = {}) {
  const clock = new TestClock();
  const stdout = new Recorder();
  const stderr = new Recorder(
    options.width === undefined ? {} : { isTerminal: true, width: options.width },
  );
  const env = (name: string) => name === "NO_COLOR" ? "1" : undefined;
  const terminal = new Terminal({
    output: stderr,
    nowMs: clock.now,
    env,
    quiet: false,
    verbose: true,
  });
  const json = options.json === true ? new JsonLines(stdout, clock.now) : null;
  const report = new ServeReport({ terminal, stdout, json, nowMs: clock.now });
  return { clock, stdout, stderr, report };
}

function progress(transfer: number, bytesDone: number): ServeEvent {
  return {
    kind: "transfer",
    transfer,
    event: {
      kind: "progress",
      bytesDone,
      bytesTotal: 100,
      wireBytes: 0,
      filesDone: 0,
      filesTotal: 1,
      bytesPerSecond: 1,
    },
  };
}

Deno.test("ServeReport prints the ticket to stdout, alone, and nowhere else (I9)", () => {
  const { stdout, stderr, report } = setUp();
  report.listening({ address: ADDRESS, identity: "me", ticket: TICKET });
  assert.equal(stdout.text, `${TICKET}\n`);
  assert.doesNotMatch(stderr.text, /ab23/);
  assert.match(stderr.text, /^listening on \[::\]:4443 as me\n/);
});

Deno.test("ServeReport prints nothing to stdout without a ticket", () => {
  const { stdout, report } = setUp();
  report.listening({ address: ADDRESS, identity: "me", ticket: null });
  assert.equal(stdout.text, "");
});

Deno.test("ServeReport prints listening as the first JSON line", () => {
  const { stdout, stderr, report } = setUp({ json: true });
  report.listening({ address: ADDRESS, identity: "me", ticket: TICKET });
  const [line, ...rest] = stdout.jsonLines();
  assert.deepEqual(rest, []);
  assert.equal(line?.["event"], "listening");
  assert.equal(line?.["ticket"], TICKET);
  assert.equal(line?.["port"], 4443);
  assert.doesNotMatch(stderr.text, /ab23/);
});

Deno.test("ServeReport tells each transfer to its summary", () => {
  const { stdout, stderr, report } = setUp({ json: true });
  report.event({ kind: "peer", address: "h:1", identity: "you" });
  report.event({ kind: "peer_refused", address: "h:2", code: "refused", message: "no grant" });
  report.event(progress(1, 10));
  report.event(progress(2, 20));
  report.event({ kind: "transfer_done", transfer: 2, summary: SUMMARY });
  report.event({ kind: "transfer_done", transfer: 1, summary: SUMMARY });
  assert.deepEqual(stdout.jsonLines().map((line) => [line["event"], line["transfer"]]), [
    ["peer", undefined],
    ["peer_refused", undefined],
    ["progress", 1],
    ["progress", 2],
    ["summary", 2],
    ["summary", 1],
  ]);
  assert.match(stderr.text, /warning: refused h:2: no grant\n/);
});

Deno.test("ServeReport gives the progress line to the oldest transfer", () => {
  const { clock, stderr, report } = setUp({ width: 100 });
  const drawn = () => {
    const text = stderr.text;
    stderr.text = "";
    clock.ms += 1000;
    return /\d+%/.exec(text)?.[0] ?? null;
  };
  report.event(progress(1, 11));
  assert.equal(drawn(), "11%");
  report.event(progress(2, 22));
  assert.equal(drawn(), null);
  report.event({ kind: "transfer_done", transfer: 1, summary: SUMMARY });
  drawn();
  report.event(progress(2, 33));
  assert.equal(drawn(), "33%");
});
