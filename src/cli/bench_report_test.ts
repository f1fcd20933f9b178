import assert from "node:assert/strict";
import { benchReport } from "./bench_report.ts";
import type { Verdict } from "./bench_verdict.ts";
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

Deno.test("a report begins with what it all means, then the path, then the machine", () => {
  const verdicts = [VERDICT, { ...VERDICT, direction: "receive" as const }];
  const { sections, facts } = benchReport(ROWS, { verdicts, about: ABOUT });
  assert.deepEqual(sections.map(({ title }) => title), [
    "What bounds a transfer",
    "The path to the server",
    "Disk",
    "Hashing",
  ]);
  assert.deepEqual(sections[0]?.commands, ["sysctl x"], "once");
  assert.deepEqual(facts[1], ["Server", "h:1"]);
  assert.equal(
    benchReport(ROWS, { verdicts: [], about: { ...ABOUT, place: null } }).facts.length,
    3,
  );
});

Deno.test("hashing by several numbers of workers is a chart beside as many times one", () => {
  const { sections } = benchReport(ROWS, { verdicts: [], about: ABOUT });
  const hashing = sections.find(({ title }) => title === "Hashing");
  const [, lines] = hashing?.charts ?? [];
  assert.ok(lines?.kind === "lines");
  assert.deepEqual(lines.lines.map(({ points }) => points), [
    [[0, 0], [1, 2], [2, 2]],
    [[0, 0], [1, 2], [2, 4]],
  ]);
  const one = benchReport(ROWS.slice(0, 2), { verdicts: [], about: ABOUT });
  assert.equal(one.sections.at(-1)?.charts?.length, 1);
});

Deno.test("every row stands in a table, with why it has no rate", () => {
  const html = reportPage(benchReport(ROWS, { verdicts: [VERDICT], about: ABOUT }));
  assert.match(html, /Sending reaches 2\.00 MB\/s, bounded by the link: why\./);
  assert.match(html, /<td>reach<\/td><td>quiche<\/td><td class="number">none<\/td>.*silent/);
  assert.match(html, /round trip 2 ms/);
  assert.match(html, /50% of as many times one thread/);
});
