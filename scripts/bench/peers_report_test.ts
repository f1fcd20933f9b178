import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cell, cellKey, planCells } from "./peers_plan.ts";
import { PeersRecord, type Sample } from "./peers_record.ts";
import { jsonLines, page, type ReportOptions, rowsOf, tables } from "./peers_report.ts";

const FACTS = {
  isQuick: true,
  fileBytes: 1000,
  targetSeconds: 5,
  sftpx: "sftpx",
  cores: 2,
  startedAt: "2026-11-01T00:00:00.000Z",
};

function withRecord(use: (record: PeersRecord) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "sftpx-peers-test-"));
  try {
    use(PeersRecord.begin(join(folder, "samples.jsonl"), FACTS));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function sample(cell: Cell, seconds: number): Sample {
  return {
    cell: cellKey(cell),
    round: 0,
    pass: "first",
    bytes: 100e6,
    files: 1,
    seconds,
    insideSeconds: null,
    cpuSeconds: null,
    chose: "",
  };
}

const CELLS = planCells({
  isQuick: false,
  paths: ["50ms"],
  shapes: ["random"],
  tools: ["sftpx", "scp"],
});

/** sftpx in 4 s, the second cell with documented sysctls in 2, scp in 80 and 8. */
function filled(record: PeersRecord): ReportOptions {
  for (const cell of CELLS) {
    const own = cell.sysctls === "documented" ? 2 : 4;
    const scp = cell.congestion === "cubic" ? 80 : 8;
    record.add([sample(cell, cell.tool === "sftpx" ? own : scp)]);
  }
  return { record, cells: CELLS, facts: [["machine", "2 cores"]], leftOut: ["tar: <none>"] };
}

Deno.test("a row says how much faster sftpx was, as it comes and without anything tuned", () =>
  withRecord((record) => {
    filled(record);
    const told = rowsOf(record, CELLS).map((row) => [
      row.tool,
      row.congestion,
      row.sysctls,
      row.megabytesPerSecond,
      row.sftpxRatio,
    ]);
    assert.deepEqual(told, [
      ["sftpx", "cubic", "stock", 25, 1],
      ["scp", "cubic", "stock", 1.3, 20],
      ["scp", "bbr", "stock", 12.5, 2],
      ["sftpx", "cubic", "documented", 50, 0.5],
    ]);
  }));

Deno.test("lines of JSON are figures, bars and failures, each with its kind", () =>
  withRecord((record) => {
    const options = filled(record);
    record.fail({ cell: "50ms/random/tar/cubic/stock", round: 0, error: "Cannot run tar" });
    const kinds = jsonLines(options).map((line) => JSON.parse(line).kind);
    assert.deepEqual(kinds, ["figure", "figure", "figure", "figure", "bar", "bar", "failure"]);
  }));

Deno.test("tables show each ratio and whether a bar was met", () =>
  withRecord((record) => {
    const [figures, bars] = tables(filled(record));
    assert.equal(figures?.[1]?.["sftpx is"], "20.00 x");
    assert.deepEqual(bars?.map((bar) => [bar["against"], bar["ratio"], bar["met"]]), [
      ["scp with CUBIC", "20.00", "yes"],
      ["scp with BBR", "2.00", "yes"],
    ]);
  }));

Deno.test("the page shows bars and charts, and escapes what it was told", () =>
  withRecord((record) => {
    const text = page(filled(record));
    assert.match(text, /<svg/);
    assert.match(text, /50 ms, 0\.1 % loss, 400 Mbit\/s/);
    assert.match(text, /sftpx, documented sysctls/);
    assert.ok(text.includes("tar: &lt;none&gt;"));
    assert.ok(!text.includes("<none>"));
    assert.ok(!text.includes("<script"));
  }));
