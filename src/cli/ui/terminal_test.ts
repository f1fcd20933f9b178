import assert from "node:assert/strict";
import { Recorder, TestClock } from "../../../tests/recorder.ts";
import type { ProgressState } from "./progress.ts";
import { Terminal } from "./terminal.ts";

const STATE: ProgressState = {
  phase: "sending",
  bytesDone: 10,
  bytesTotal: 100,
  filesDone: 0,
  filesTotal: 1,
  wireBytes: 10,
  bytesPerSecond: 10,
  elapsedMs: 0,
  leftMs: null,
};

interface Setup {
  width?: number;
  quiet?: boolean;
  verbose?: boolean;
  env?: Record<string, string>;
}

function setUp({ width, quiet = false, verbose = false, env = { NO_COLOR: "1" } }: Setup = {}) {
  const output = new Recorder(width === undefined ? {} : { isTerminal: true, width });
  const clock = new TestClock();
  const options = { output, nowMs: clock.now, env: (name: string) => env[name], quiet, verbose };
  const taken = () => {
    const text = output.text;
    output.text = "";
    return text;
  };
  return { output, clock, taken, terminal: new Terminal(options) };
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
  assert.equal(taken(), "\r\x1b[Ka line\n");
  terminal.progress(STATE);
  assert.equal(taken(), first);
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
