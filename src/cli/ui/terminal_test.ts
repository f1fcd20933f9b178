import assert from "node:assert/strict";
import { Recorder, TestClock } from "../../../tests/recorder.ts";
import { SftpxError } from "../../base/errors.ts";
import type { LogFormat } from "./log_line.ts";
import type { ProgressState } from "./progress.ts";
import { Terminal } from "./terminal.ts";

const STATE: ProgressState = {
  phase: "send",
  bytesDone: 10,
  bytesTotal: 100,
  filesDone: 0,
  filesTotal: 1,
  reusedBytes: 0,
  wireBytes: 10,
  bytesPerSecond: 10,
  leftMs: null,
};

interface Setup {
  log?: LogFormat;
  width?: number;
  quiet?: boolean;
  verbose?: boolean;
  env?: Record<string, string>;
}

function setUp(
  { width, quiet = false, verbose = false, env = { NO_COLOR: "1" }, log }: Setup = {},
) {
  const output = new Recorder(width === undefined ? {} : { isTerminal: true, width });
  const clock = new TestClock();
  const options = { output, nowMs: clock.now, env: (name: string) => env[name], quiet, verbose };
  const format = log === undefined ? {} : { log };
  const taken = () => {
    const text = output.text;
    output.text = "";
    return text;
  };
  return { output, clock, taken, terminal: new Terminal({ ...options, ...format }) };
}

Deno.test("Terminal draws at most ten frames a second", () => {
  const { clock, taken, terminal } = setUp({ width: 80 });
  let frames = 0;
  for (let ms = 0; ms < 1000; ms++) {
    clock.ms += 1;
    terminal.progress(STATE);
    if (taken() !== "") frames += 1;
  }
  assert.equal(frames, 10);
});

Deno.test("Terminal draws over its line and keeps lines above it", () => {
  const { clock, taken, terminal } = setUp({ width: 80 });
  terminal.progress(STATE);
  const first = taken();
  assert.doesNotMatch(first, /[\r\n]/);
  clock.ms += 100;
  terminal.progress(STATE);
  assert.equal(taken(), `\r\x1b[K${first}`);
  terminal.line("a line");
  assert.equal(taken(), `\r\x1b[Ka line\n${first}`);
  terminal.line("another");
  assert.equal(taken(), `\r\x1b[Kanother\n${first}`);
  terminal.clear();
  terminal.line("the last");
  assert.equal(taken(), "\r\x1b[Kthe last\n");
  terminal.progress(STATE);
  assert.equal(taken(), first, "at once, though the last frame was just now");
});

Deno.test("Terminal keeps what it does on screen only until the next line", () => {
  const { taken, terminal } = setUp({ width: 80 });
  terminal.progress(STATE);
  terminal.doing("measuring");
  taken();
  terminal.line("a line");
  assert.equal(taken(), "\r\x1b[Ka line\n");
});

Deno.test("Terminal leaves the last column free", () => {
  const { taken, terminal } = setUp({ width: 50 });
  terminal.progress(STATE);
  assert.equal(taken().length, 49);
});

Deno.test("Terminal erases all rows of a line drawn before the window was made narrower", () => {
  const { output, clock, taken, terminal } = setUp({ width: 80 });
  terminal.progress(STATE);
  const drawn = taken().length;
  output.width = 20;
  clock.ms += 100;
  terminal.progress(STATE);
  const rows = Math.ceil(drawn / 20);
  assert.ok(rows > 1);
  assert.ok(taken().startsWith(`\r\x1b[K${"\x1b[1A\x1b[K".repeat(rows - 1)}sending`));
});

Deno.test("Terminal takes a window of no columns for one of eighty", () => {
  const { taken, terminal } = setUp({ width: 0 });
  terminal.progress(STATE);
  assert.match(taken(), /sending .*%/);
});

Deno.test("Terminal clears its line when disposed of, once", () => {
  const { taken, terminal } = setUp({ width: 80 });
  terminal.progress(STATE);
  taken();
  terminal[Symbol.dispose]();
  terminal.clear();
  assert.equal(taken(), "\r\x1b[K");
});

Deno.test("Terminal writes no escape and at most a line in five seconds off a terminal", () => {
  const { clock, taken, terminal } = setUp();
  for (let ms = 0; ms < 20_000; ms += 50) {
    clock.ms += 50;
    terminal.progress(STATE);
  }
  terminal.clear();
  const text = taken();
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(text, /[\x1b\r]/);
  assert.equal(text.trimEnd().split("\n").length, 4);
});

Deno.test("Terminal shows that it looks for the server on a terminal only", () => {
  const looking = { ...STATE, phase: "reconnect" } as const;
  const person = setUp({ width: 80 });
  person.terminal.progress(looking);
  assert.match(person.taken(), /^reconnecting .*10%/);
  const log = setUp();
  for (let seconds = 0; seconds < 30; seconds++) {
    log.clock.ms += 1000;
    log.terminal.progress(looking);
  }
  assert.equal(log.taken(), "");
});

Deno.test("Terminal animates nothing on a dumb terminal", () => {
  const { clock, taken, terminal } = setUp({ width: 80, env: { TERM: "dumb" } });
  clock.ms += 6000;
  terminal.progress(STATE);
  terminal.line("x");
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(taken(), /[\x1b\r]/);
});

Deno.test("Terminal shows only problems with --quiet", () => {
  const { clock, taken, terminal } = setUp({ width: 80, quiet: true, verbose: true });
  clock.ms += 6000;
  terminal.progress(STATE);
  terminal.line("line");
  terminal.detail("detail");
  terminal.problem("problem");
  assert.equal(taken(), "problem\n");
});

Deno.test("Terminal shows details with --verbose only", () => {
  const plain = setUp();
  plain.terminal.detail("detail");
  assert.equal(plain.taken(), "");
  const loud = setUp({ verbose: true });
  loud.terminal.detail("detail");
  assert.equal(loud.taken(), "detail\n");
});

Deno.test("Terminal begins each line of a text log with its time, off a terminal", () => {
  const { clock, taken, terminal } = setUp({ log: "text", verbose: true });
  terminal.line("a line");
  terminal.detail("a detail", { transfer: 7 });
  terminal.error(new SftpxError("lost", "Cannot go on: gone"));
  clock.ms += 5000;
  terminal.progress(STATE);
  assert.equal(
    taken(),
    "2027-01-02T03:04:05.000Z a line\n" +
      "2027-01-02T03:04:05.000Z transfer 7: a detail\n" +
      "2027-01-02T03:04:05.000Z error: Cannot go on: gone\n" +
      "2027-01-02T03:04:05.000Z Run the same command again: it resumes.\n" +
      "2027-01-02T03:04:10.000Z sending 10%, 10 B of 100 B, 10 B/s\n",
  );
});

Deno.test("Terminal is no log where a person reads along", () => {
  const { taken, terminal } = setUp({ log: "text", width: 80 });
  assert.equal(terminal.log, null);
  terminal.line("a line");
  assert.equal(taken(), "a line\n");
});

Deno.test("Terminal writes a JSON log with no progress and no colour, on a terminal too", () => {
  for (const width of [undefined, 80]) {
    const where = width === undefined ? {} : { width };
    const { output, clock, terminal } = setUp({ log: "json", verbose: true, env: {}, ...where });
    terminal.line("a line", { event: "listening", port: 1 });
    terminal.warning("mind \u202e");
    const cause = new Error("below");
    terminal.error(new SftpxError("lost", "Cannot go on: gone", { cause }), { transfer: 7 });
    clock.ms += 6000;
    terminal.progress(STATE);
    terminal.clear();
    const head = { v: 1, time: "2027-01-02T03:04:05.000Z" };
    assert.deepEqual(output.jsonLines(), [
      { ...head, event: "listening", level: "info", message: "a line", port: 1 },
      { ...head, event: "log", level: "warning", message: "mind \\u{202e}" },
      {
        ...head,
        event: "log",
        level: "error",
        message: "Cannot go on: gone",
        transfer: 7,
        code: "lost",
        exit: 20,
        remote: false,
        causes: ["caused by Error: below"],
      },
    ]);
  }
});

Deno.test("Terminal tells errors with --quiet and no warnings", () => {
  for (const log of ["text", "json"] as const) {
    const { taken, terminal } = setUp({ log, quiet: true });
    terminal.warning("mind");
    assert.equal(taken(), "");
    terminal.error(new SftpxError("io", "Cannot x"));
    assert.match(taken(), /Cannot x/);
  }
});
