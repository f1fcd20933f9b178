import assert from "node:assert/strict";
import { progressLine, progressLogLine, type ProgressState, together } from "./progress.ts";
import { textWidth } from "./width.ts";

const STATE: ProgressState = {
  phase: "send",
  bytesDone: 1_234_000_000,
  bytesTotal: 2_900_000_000,
  filesDone: 12,
  filesTotal: 1040,
  reusedBytes: 200_000_000,
  wireBytes: 1_000_000_000,
  bytesPerSecond: 231_000_000,
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
    "sending  ━━━━━━━━━━━━──────────────────   42%  1.23 GB of 2.90 GB  231 MB/s  8 s left  12 of 1,040 files  200 MB already there  1.00 GB on the wire",
  );
});

Deno.test("progressLine() fits any number of columns in any state", () => {
  const states: Partial<ProgressState>[] = [
    {},
    { bytesTotal: null, filesTotal: null, leftMs: null },
    { phase: "connect" },
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
    "sending  1.23 GB  231 MB/s  12 files  200 MB already there  1.00 GB on the wire",
  );
});

Deno.test("progressLine() says only that it connects while it does", () => {
  assert.equal(line(80, { phase: "connect", bytesTotal: null, leftMs: null }), "connecting");
  assert.equal(line(5, { phase: "connect", bytesTotal: null, leftMs: null }), "conn…");
});

Deno.test("progressLine() says how far it was while it looks for the server, and no rate", () => {
  const text = line(200, { phase: "reconnect" });
  assert.match(text, /^reconnecting {2}━+─+ {3}42% {2}1\.23 GB of 2\.90 GB {2}12 of 1,040 files/);
  assert.doesNotMatch(text, /\/s|left/);
  const blank = { bytesDone: 0, bytesTotal: null, filesDone: 0, filesTotal: null };
  assert.equal(line(200, { phase: "reconnect", ...blank }), "reconnecting");
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
    "sending 42%, 1.23 GB of 2.90 GB, 231 MB/s, 12 of 1,040 files, 200 MB already there, " +
      "1.00 GB on the wire, 8 s left",
  );
});

Deno.test("progressLine() names each phase, with a rate and a guess only where bytes move", () => {
  const plain = { reusedBytes: 0, wireBytes: 0 };
  const starts = (["scan", "send", "receive", "verify", "commit"] as const).map((phase) =>
    progressLogLine({ ...STATE, ...plain, phase })
  );
  assert.deepEqual(starts, [
    "scanning 42%, 1.23 GB of 2.90 GB, 12 of 1,040 files",
    "sending 42%, 1.23 GB of 2.90 GB, 231 MB/s, 12 of 1,040 files, 8 s left",
    "receiving 42%, 1.23 GB of 2.90 GB, 231 MB/s, 12 of 1,040 files, 8 s left",
    "verifying 42%, 1.23 GB of 2.90 GB, 12 of 1,040 files",
    "committing 42%, 1.23 GB of 2.90 GB, 12 of 1,040 files",
  ]);
});

Deno.test("progressLine() has no rate before anything has moved, and one when it stands still", () => {
  const none = { bytesDone: 0, reusedBytes: 0, wireBytes: 0, bytesPerSecond: 0, leftMs: null };
  assert.doesNotMatch(line(200, none), /B\/s/);
  assert.doesNotMatch(line(200, { ...none, bytesDone: 500, reusedBytes: 500 }), /B\/s/);
  const still = line(200, { ...none, bytesDone: 600, reusedBytes: 500, leftMs: 9000 });
  assert.match(still, / 0 B\/s/);
  assert.doesNotMatch(still, /left/);
});

Deno.test("progressLine() says nothing but that it scans before anything was counted", () => {
  const nothing = { bytesDone: 0, filesDone: 0, bytesTotal: null, filesTotal: null, leftMs: null };
  const none = { ...nothing, reusedBytes: 0, wireBytes: 0, bytesPerSecond: 0 };
  assert.equal(line(80, { ...none, phase: "scan" }), "scanning");
  assert.equal(progressLogLine({ ...STATE, ...none, phase: "scan" }), "scanning");
});

Deno.test("progressLine() names bytes on the wire only where they are not those moved", () => {
  assert.doesNotMatch(line(200, { reusedBytes: 0, wireBytes: 1_234_000_100 }), /wire|there/);
  assert.match(line(200, { reusedBytes: 0, wireBytes: 500_000_000 }), /500 MB on the wire/);
});

Deno.test("together() adds transfers up, and knows a total only where all do", () => {
  assert.equal(together([STATE]), STATE);
  const sum = together([STATE, { ...STATE, phase: "scan" }, STATE]);
  assert.equal(
    progressLogLine(sum),
    "3 transfers 42%, 3.70 GB of 8.70 GB, 693 MB/s, 36 of 3,120 files, 600 MB already there, " +
      "3.00 GB on the wire, 8 s left",
  );
  const unknown = together([STATE, { ...STATE, bytesTotal: null, filesTotal: null, leftMs: null }]);
  assert.equal(
    progressLogLine(unknown),
    "2 transfers 2.47 GB, 462 MB/s, 24 files, 400 MB already there, 2.00 GB on the wire",
  );
  assert.throws(() => together([]), RangeError);
});
