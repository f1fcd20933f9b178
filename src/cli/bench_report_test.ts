import assert from "node:assert/strict";
import { benchReport } from "./bench_report.ts";
import type { BenchFacts, Verdict } from "./bench_verdict.ts";
import type { BenchLine } from "./json_line.ts";
import { reportPage } from "./report_page.ts";

const ABOUT = { time: "2027-01-02T03:04:05.000Z", place: "h:1", machine: "m", runtime: "r" };
const RATE = { bytes: 2e6, seconds: 1, bytesPerSecond: 2e6 };
const ROWS: readonly BenchLine[] = [
  { bench: "disk", name: "write and sync", by: "/tmp", ...RATE },
  { bench: "hash", name: "a file, 1 worker", threads: 1, scaling: 1, ...RATE },
  { bench: "hash", name: "a file, 2 workers", threads: 2, scaling: 0.5, ...RATE },
  { bench: "peer", name: "up", by: "tls 1x4, h:1", ...RATE, rttMs: 2 },
  { bench: "peer", name: "reach", by: "quiche", ...RATE, bytesPerSecond: null, problem: "silent" },
];
const VERDICT: Verdict = {
  direction: "send",
  bound: "link",
  bytesPerSecond: 2e6,
  message: "why",
  advice: ["do this"],
  commands: ["sysctl x"],
};

const PATH = {
  direction: "up",
  rttMs: 2,
  connections: 1,
  lanes: 4,
  lossRatio: null,
  busyShare: null,
  ownShare: null,
  dropRatio: null,
} as const;
const FACTS: BenchFacts = {
  paths: [
    { ...PATH, stack: "deno-quic", bytesPerSecond: 1e6 },
    { ...PATH, stack: "tls", bytesPerSecond: 2e6 },
    { ...PATH, stack: "tls", bytesPerSecond: 9e6, direction: "down" },
  ],
  isLoopback: false,
  diskRead: null,
  diskWrite: 8e6,
  hash: 7e6,
  zstd: null,
  socketBytes: null,
  limit: null,
  windowBytes: null,
};

Deno.test("a report begins with what it all means, then the path, then the machine", () => {
  const verdicts = [VERDICT, { ...VERDICT, direction: "receive" as const }];
  const { sections, facts } = benchReport(ROWS, { verdicts, facts: FACTS, about: ABOUT });
  assert.deepEqual(sections.map(({ title }) => title), [
    "Sending: 2.00 MB/s, bounded by the link",
    "Receiving: 2.00 MB/s, bounded by the link",
    "The path to the server",
    "Disk",
    "Hashing",
  ]);
  assert.deepEqual(sections[0]?.commands, ["sysctl x"]);
  assert.deepEqual(facts[1], ["Server", "h:1"]);
  assert.equal(
    benchReport(ROWS, { verdicts: [], facts: FACTS, about: { ...ABOUT, place: null } }).facts
      .length,
    3,
  );
});

Deno.test("each way shows its parts, the slowest marked, and names what was not measured", () => {
  const verdicts = [VERDICT, { ...VERDICT, direction: "receive" as const }];
  const { sections } = benchReport(ROWS, { verdicts, facts: FACTS, about: ABOUT });
  const shownOf = (index: number) => {
    const chart = sections[index]?.charts?.[0];
    assert.ok(chart?.kind === "bars");
    return chart.groups[0]?.bars.map(({ label, text, isMarked }) => [label, text, isMarked]);
  };
  assert.deepEqual(shownOf(0), [
    ["hashing, all workers", "7.00 MB/s", undefined],
    ["the path, over tls", "2.00 MB/s, the slowest", true],
  ]);
  assert.deepEqual(sections[0]?.points, ["Do this.", "Not measured here: disk."]);
  assert.deepEqual(shownOf(1)?.map(([, , isMarked]) => isMarked), [undefined, true, undefined]);
  assert.deepEqual(sections[1]?.points, ["Do this."]);
});

Deno.test("what memory alone gives stands in the table and takes no scale", () => {
  const disk = ["write and sync", "read, just written"].map((name) => ({ ...ROWS[0]!, name }));
  const [section] = benchReport(disk, { verdicts: [], facts: FACTS, about: ABOUT }).sections;
  const chart = section?.charts?.[0];
  assert.ok(chart?.kind === "bars");
  assert.deepEqual(chart.groups[0]?.bars.map(({ label }) => label), ["write and sync"]);
  assert.equal(section?.table?.rows.length, 2);
});

Deno.test("what a package does alone and what workers do with a file are not mixed up", () => {
  const alone = { ...ROWS[1]!, name: "blake3", by: "blake3-jit" };
  const meaning = { verdicts: [], facts: FACTS, about: ABOUT };
  const [section] = benchReport([alone, ...ROWS.slice(1, 3)], meaning).sections;
  const chart = section?.charts?.[0];
  assert.ok(chart?.kind === "bars");
  assert.deepEqual(chart.groups.map(({ label, bars }) => [label, bars.length]), [
    ["blake3-jit", 1],
    ["reading and hashing", 2],
  ]);
});

Deno.test("hashing by several numbers of workers is a chart beside as many times one", () => {
  const { sections } = benchReport(ROWS, { verdicts: [], facts: FACTS, about: ABOUT });
  const hashing = sections.find(({ title }) => title === "Hashing");
  const [, lines] = hashing?.charts ?? [];
  assert.ok(lines?.kind === "lines");
  assert.deepEqual(lines.lines.map(({ points }) => points), [
    [[0, 0], [1, 2], [2, 2]],
    [[0, 0], [1, 2], [2, 4]],
  ]);
  const one = benchReport(ROWS.slice(0, 2), { verdicts: [], facts: FACTS, about: ABOUT });
  assert.equal(one.sections.at(-1)?.charts?.length, 1);
});

Deno.test("every row stands in a table, with why it has no rate", () => {
  const html = reportPage(benchReport(ROWS, { verdicts: [VERDICT], facts: FACTS, about: ABOUT }));
  assert.match(html, /Sending: 2\.00 MB\/s, bounded by the link<\/h2>\n<p>Why\.<\/p>/);
  assert.match(html, /<td>reach<\/td><td>quiche<\/td><td class="number">none<\/td>.*silent/);
  assert.match(html, /round trip 2 ms/);
  assert.match(html, /50% of as many times one thread/);
});
