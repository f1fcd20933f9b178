import assert from "node:assert/strict";
import { progressLine, progressLogLine, type ProgressState } from "./progress.ts";
import { textWidth } from "./width.ts";

const STATE: ProgressState = {
  phase: "sending",
  bytesDone: 1_234_000_000,
  bytesTotal: 2_900_000_000,
  filesDone: 12,
  filesTotal: 1040,
  wireBytes: 1_000_000_000,
  bytesPerSecond: 231_000_000,
  elapsedMs: 5340,
  leftMs: 7212,
};

function line(columns: number, state: Partial<ProgressState> = {}): string {
  return progressLine({ ...STATE, ...state }, { columns, color: false });
}

Deno.test("progressLine() says the most important first at 20, 40, 80 and 200 columns", () => {
  assert.equal(line(20), "sending   42%");
  assert.equal(line(40), "sending   42%  1.23 GB of 2.90 GB");
  assert.equal(
    line(80),
    `sending  ${"━".repeat(10)}${"─".repeat(15)}   42%  1.23 GB of 2.90 GB  231 MB/s  8 s left`,
  );
  assert.equal(
    line(200),
    "sending  ━━━━━━━━━━━━──────────────────   42%  1.23 GB of 2.90 GB  231 MB/s  8 s left  12 of 1,040 files",
  );
});

Deno.test("progressLine() fits any number of columns in any state", () => {
  const states: Partial<ProgressState>[] = [
    {},
    { bytesTotal: null, filesTotal: null, leftMs: null },
    { phase: "connecting" },
    { bytesDone: 0, bytesTotal: 0 },
    { bytesDone: 9e18, bytesTotal: 9e18, filesDone: 8e6, filesTotal: 8e6, leftMs: 9e15 },
  ];
  for (const state of states) {
    for (let columns = 0; columns <= 220; columns++) {
      for (const color of [false, true]) {
        const text = progressLine({ ...STATE, ...state }, { columns, color });
        assert.ok(textWidth(text) <= columns, `${columns}: ${text}`);
        assert.doesNotMatch(text, /[\r\n]/);
      }
    }
  }
});

Deno.test("progressLine() is 0% at the start and 100% only at the end", () => {
  assert.match(line(80, { bytesDone: 0 }), / 0%/);
  assert.match(line(80, { bytesDone: 2_899_999_999 }), / 99%/);
  assert.match(line(80, { bytesDone: 2_900_000_000 }), /100%/);
  assert.match(line(80, { bytesDone: 3_900_000_000 }), /100%/);
  assert.match(line(80, { bytesDone: 0, bytesTotal: 0 }), /100%/);
});

Deno.test("progressLine() has no bar and no percent while totals are unknown", () => {
  assert.equal(
    line(80, { bytesTotal: null, filesTotal: null, leftMs: null }),
    "sending  1.23 GB  231 MB/s  12 files",
  );
});

Deno.test("progressLine() says only that it connects while it does", () => {
  assert.equal(line(80, { phase: "connecting", bytesTotal: null, leftMs: null }), "connecting");
  assert.equal(line(5, { phase: "connecting", bytesTotal: null, leftMs: null }), "conn…");
});

Deno.test("progressLine() leaves the count of files out for a single file", () => {
  assert.doesNotMatch(line(200, { filesTotal: 1 }), /file/);
});

Deno.test("progressLine() has styles with colour and none without", () => {
  // deno-lint-ignore no-control-regex
  const style = /\x1b\[/;
  assert.doesNotMatch(line(80), style);
  assert.match(progressLine(STATE, { columns: 80, color: true }), style);
});

Deno.test("progressLogLine() is plain text in one line", () => {
  assert.equal(
    progressLogLine(STATE),
    "sending 42%, 1.23 GB of 2.90 GB, 231 MB/s, 12 of 1,040 files, 8 s left",
  );
});
