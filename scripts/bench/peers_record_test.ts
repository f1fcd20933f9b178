import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cell, cellKey } from "./peers_plan.ts";
import { figuresOf, PeersRecord, type RunFacts, type Sample } from "./peers_record.ts";

const FACTS: RunFacts = {
  isQuick: true,
  fileBytes: 1000,
  targetSeconds: 5,
  sftpx: "sftpx",
  cores: 2,
  startedAt: "2026-11-01T00:00:00.000Z",
};
const CELL: Cell = {
  path: "loopback",
  shape: "small",
  tool: "rsync",
  congestion: "cubic",
  sysctls: "stock",
  isRunTwice: true,
};

function sample(more: Partial<Sample> = {}): Sample {
  return {
    cell: cellKey(CELL),
    round: 0,
    pass: "first",
    bytes: 1000,
    files: 10,
    seconds: 2,
    insideSeconds: null,
    cpuSeconds: null,
    chose: "",
    ...more,
  };
}

function inFolder(use: (path: string) => void): void {
  const folder = mkdtempSync(join(tmpdir(), "sftpx-peers-test-"));
  try {
    use(join(folder, "samples.jsonl"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

Deno.test("what was measured is there when a record is taken up again", () =>
  inFolder((path) => {
    const begun = PeersRecord.begin(path, FACTS);
    const samples = [sample(), sample({ pass: "unchanged", seconds: 1 })];
    begun.add(samples);
    const resumed = PeersRecord.resume(path);
    assert.deepEqual(resumed.facts, FACTS);
    assert.deepEqual(resumed.samples, samples);
    assert.ok(resumed.has(CELL, 0));
    assert.ok(!resumed.has(CELL, 1));
  }));

Deno.test("a line that was cut off is measured again, and spoils none after it", () =>
  inFolder((path) => {
    PeersRecord.begin(path, FACTS).add([sample(), sample({ pass: "unchanged" })]);
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.slice(0, -20));
    const resumed = PeersRecord.resume(path);
    assert.equal(resumed.samples.length, 1);
    assert.ok(!resumed.has(CELL, 0));
    resumed.add([sample(), sample({ pass: "unchanged" })]);
    assert.ok(PeersRecord.resume(path).has(CELL, 0));
    assert.equal(PeersRecord.resume(path).samples.length, 2);
  }));

Deno.test("samples are not written over", () =>
  inFolder((path) => {
    PeersRecord.begin(path, FACTS);
    assert.throws(() => PeersRecord.begin(path, FACTS), /it is there; --resume goes on/);
  }));

Deno.test("a file of something else is no record", () =>
  inFolder((path) => {
    writeFileSync(path, "{}\n");
    assert.throws(() => PeersRecord.resume(path), /it holds no run/);
    writeFileSync(path, JSON.stringify({ kind: "run", v: 9, ...FACTS }) + "\n");
    assert.throws(() => PeersRecord.resume(path), /its version is 9/);
  }));

Deno.test("a failure is told until the cell went well", () =>
  inFolder((path) => {
    const record = PeersRecord.begin(path, FACTS);
    record.fail({ cell: cellKey(CELL), round: 0, error: "Cannot run rsync" });
    assert.equal(PeersRecord.resume(path).failures[0]?.error, "Cannot run rsync");
    record.add([sample()]);
    assert.deepEqual(record.failures, []);
    assert.deepEqual(PeersRecord.resume(path).failures, []);
  }));

Deno.test("figures are medians of rates, so that runs of different sizes stand beside each other", () => {
  const samples = [
    sample({ bytes: 1000, seconds: 1 }),
    sample({ round: 1, bytes: 8000, seconds: 2 }),
    sample({ round: 2, bytes: 9000, seconds: 3 }),
    sample({ pass: "unchanged", bytes: 1, seconds: 1 }),
    sample({ cell: "another", bytes: 1, seconds: 1 }),
  ];
  const figures = figuresOf(samples, { cell: cellKey(CELL), pass: "first", cores: 2 });
  assert.equal(figures?.bytesPerSecond, 3000);
  assert.equal(figures?.runs, 3);
  assert.equal(figures?.insideBytesPerSecond, null);
  assert.equal(figuresOf(samples, { cell: "none", pass: "first", cores: 2 }), null);
});

Deno.test("cores are busy as far as CPU seconds fill the time that bytes moved in", () => {
  const samples = [sample({ insideSeconds: 1, cpuSeconds: 1.5 })];
  const figures = figuresOf(samples, { cell: cellKey(CELL), pass: "first", cores: 2 });
  assert.equal(figures?.busyRatio, 0.75);
  assert.equal(figures?.insideBytesPerSecond, 1000);
});
