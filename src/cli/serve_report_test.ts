import assert from "node:assert/strict";
import { Recorder, TestClock } from "../../tests/recorder.ts";
import type { ServeEvent, TransferSummary } from "../session/options.ts";
import { SftpxError } from "../base/errors.ts";
import { JsonLines } from "./json.ts";
import { ServeReport } from "./serve_report.ts";
import type { LogFormat } from "./ui/log_line.ts";
import { Terminal } from "./ui/terminal.ts";

const ADDRESS = { hostname: "::", port: 4443 };
const TICKET = "sftpx1" + "ab23".repeat(20);
const SUMMARY: TransferSummary = {
  ok: true,
  files: 1,
  bytes: 1,
  reusedBytes: 0,
  wireBytes: 1,
  seconds: 1,
  root: null,
  chunkBytes: 65536,
  failed: 0,
  changed: 2,
  deleted: 0,
  dryRun: false,
  reconnects: 0,
  error: null,
};

const ACCESS: Extract<ServeEvent, { kind: "access" }> = {
  kind: "access",
  address: "192.0.2.7:4000",
  identity: "you",
  asked: "push",
  transfer: 1,
  paths: ["in box/a"],
  morePaths: 0,
  dryRun: false,
  files: 1,
  bytes: 5,
  wireBytes: 6,
  seconds: 0.25,
  result: "ok",
  reason: null,
};

interface Setup {
  json?: boolean;
  width?: number;
  log?: LogFormat;
  verbose?: boolean;
}

function setUp(options: Setup = {}) {
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
    verbose: options.verbose ?? true,
    log: options.log ?? null,
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
      phase: "receive",
      reusedBytes: 0,
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

Deno.test("ServeReport says how its ticket is used, as far as it opens", () => {
  for (const [access, use] of [["read", "get TICKET ."], ["write", "send FILE TICKET"]] as const) {
    const { stderr, report } = setUp();
    report.listening({ address: ADDRESS, identity: "me", ticket: TICKET }, { access });
    assert.ok(stderr.text.includes(`as in: sftpx ${use}\n`), stderr.text);
  }
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
  const refusal = { identity: null, code: "refused", message: "no grant", count: 1 };
  report.event({ kind: "peer_refused", address: "h:2", ...refusal });
  for (const transfer of [1, 2]) {
    const start = { kind: "start", direction: "push", chunkBytes: 65536, peer: "you" } as const;
    report.event({ kind: "transfer", transfer, event: start });
  }
  report.event(progress(1, 10));
  report.event(progress(2, 20));
  report.event({ kind: "transfer_done", transfer: 2, summary: SUMMARY });
  report.event({ kind: "transfer_done", transfer: 1, summary: SUMMARY });
  assert.deepEqual(stdout.jsonLines().map((line) => [line["event"], line["transfer"]]), [
    ["peer", undefined],
    ["peer_refused", undefined],
    ["start", 1],
    ["start", 2],
    ["progress", 1],
    ["progress", 2],
    ["summary", 2],
    ["summary", 1],
  ]);
  assert.match(stderr.text, /warning: refused h:2: no grant\n/);
});

Deno.test("ServeReport shows all transfers under way in one line", () => {
  const { clock, stderr, report } = setUp({ width: 100 });
  const drawn = () => {
    const text = stderr.text;
    stderr.text = "";
    clock.ms += 1000;
    return /(receiving|\d transfers).*?(\d+%)/.exec(text)?.slice(1) ?? null;
  };
  report.event(progress(1, 11));
  assert.deepEqual(drawn(), ["receiving", "11%"]);
  report.event(progress(2, 33));
  assert.deepEqual(drawn(), ["2 transfers", "22%"]);
  report.event({ kind: "transfer_done", transfer: 1, summary: SUMMARY });
  drawn();
  report.event(progress(2, 44));
  assert.deepEqual(drawn(), ["receiving", "44%"]);
});

Deno.test("ServeReport writes one line of the access log for each thing asked", () => {
  const { stderr, report } = setUp({ log: "text" });
  report.event(ACCESS);
  report.event({ kind: "transfer_done", transfer: 1, summary: SUMMARY });
  assert.equal(
    stderr.text,
    "2027-01-02T03:04:05.000Z access push result=ok peer=you address=192.0.2.7:4000 transfer=1 " +
      'path="in box/a" files=1 bytes=5 wire=6 seconds=0.250\n',
  );
});

Deno.test("ServeReport tells a transfer by its summary on a terminal, and a listing by its line", () => {
  const { stderr, report } = setUp({ width: 80, verbose: false });
  report.event(ACCESS);
  report.event({ kind: "transfer_done", transfer: 1, summary: SUMMARY });
  report.event({ ...ACCESS, asked: "list", transfer: null });
  assert.match(stderr.text, /^✓ 1 file, 1 B received in 1 s.*\naccess list /);
});

Deno.test("ServeReport writes every line as a JSON object in a JSON log", () => {
  const { stdout, stderr, report } = setUp({ log: "json", width: 80 });
  report.listening({ address: ADDRESS, identity: "me", ticket: TICKET });
  report.event({ kind: "peer", address: "h:1", identity: "you" });
  const refusal = { identity: null, code: "refused", message: "no grant", count: 1 };
  report.event({ kind: "peer_refused", address: "h:2", ...refusal });
  report.event(progress(1, 10));
  const failed = { kind: "entry_failed", path: "a", code: "io", message: "m" } as const;
  report.event({ kind: "transfer", transfer: 1, event: failed });
  report.event(ACCESS);
  const error = new SftpxError("lost", "Cannot go on");
  report.event({ kind: "transfer_done", transfer: 1, summary: { ...SUMMARY, ok: false, error } });
  report.event({ kind: "reloaded", keys: 2, error: null });
  report.event({ kind: "reloaded", keys: null, error });
  report.event({ kind: "peer_left", address: "h:1", identity: "you" });
  assert.deepEqual(stderr.jsonLines().map(({ event, level }) => [event, level]), [
    ["listening", "info"],
    ["log", "info"],
    ["peer", "debug"],
    ["peer_refused", "warning"],
    ["entry_failed", "error"],
    ["access", "info"],
    ["log", "error"],
    ["reloaded", "info"],
    ["reloaded", "warning"],
    ["peer_left", "debug"],
  ]);
  assert.equal(stdout.text, `${TICKET}\n`);
  assert.doesNotMatch(stderr.text, /ab23/);
});

Deno.test("ServeReport says what was read anew, and where there is nothing to read", () => {
  const { stdout, stderr, report } = setUp({ json: true });
  report.event({ kind: "reloaded", keys: 1, error: null });
  report.event({ kind: "reloaded", keys: null, error: null });
  assert.equal(
    stderr.text,
    "authorized keys read anew, 1 key\nnothing to read anew: there is no file of authorized keys\n",
  );
  assert.deepEqual(stdout.jsonLines().map(({ keys, error }) => [keys, error]), [
    [1, undefined],
    [null, undefined],
  ]);
});

Deno.test("ServeReport tells JSON about accesses, reloads and peers that leave", () => {
  const { stdout, report } = setUp({ json: true });
  report.event(ACCESS);
  report.event({ kind: "reloaded", keys: 1, error: null });
  const error = new SftpxError("io", "Cannot read \u202e");
  report.event({ kind: "reloaded", keys: null, error });
  report.event({ kind: "peer_left", address: "h:1", identity: "you" });
  const [access, reloaded, kept, left] = stdout.jsonLines();
  assert.deepEqual(
    { ...access, v: 0, time: "", kind: "access" },
    { v: 0, event: "access", time: "", ...ACCESS },
  );
  assert.equal(reloaded?.["keys"], 1);
  assert.deepEqual(kept?.["error"], { code: "io", message: "Cannot read \\u{202e}" });
  assert.equal(left?.["event"], "peer_left");
});

Deno.test("ServeReport tells of an authorized key that was turned away in the access log", () => {
  const { stderr, report } = setUp({ log: "text" });
  const refusal = { identity: "you", code: "refused", message: 'it is "over"', count: 2 };
  report.event({ kind: "peer_refused", address: "h:2", ...refusal });
  assert.equal(
    stderr.text,
    "2027-01-02T03:04:05.000Z access enter result=refused peer=you address=h:2 times=2 " +
      String.raw`reason="it is \"over\""` + "\n",
  );
});

Deno.test("ServeReport tells why a transfer failed once in a log, by its line of the access log", () => {
  const error = new SftpxError("refused", "Cannot push: this key only allows reading");
  const refused = { ...ACCESS, result: error.code, reason: error.message };
  const times = (options: Parameters<typeof setUp>[0]) => {
    const { stderr, report } = setUp(options);
    report.event(refused);
    report.event({ kind: "transfer_done", transfer: 1, summary: { ...SUMMARY, ok: false, error } });
    return stderr.text.split(error.message).length - 1;
  };
  assert.equal(times({ log: "text", verbose: false }), 1);
  assert.equal(times({ log: "json", verbose: false }), 2, "the line and its reason");
  assert.equal(times({ log: "text", verbose: true }), 2);
  assert.equal(times({ width: 80, verbose: false }), 1, "a terminal has its error line");
});
