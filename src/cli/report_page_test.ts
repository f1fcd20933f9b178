import assert from "node:assert/strict";
import { type BarChart, type LineChart, reportPage, type ReportSection } from "./report_page.ts";

const BARS: BarChart = {
  kind: "bars",
  title: "Rates",
  unit: "MB/s",
  groups: [
    { label: "loopback", bars: [{ label: "tls", value: 400 }, { label: "quic", value: 100 }] },
    { label: "far", bars: [{ label: "quic", value: null, text: "refused" }] },
  ],
};

const LINES: LineChart = {
  kind: "lines",
  title: "Workers",
  xUnit: "workers",
  yUnit: "MB/s",
  lines: [{ label: "measured", points: [[0, 0], [2, 50]] }],
};

function page(section: Partial<ReportSection>, title = "Report"): string {
  return reportPage({
    title,
    facts: [["Machine", "2 cores"]],
    sections: [{ title: "S", ...section }],
  });
}

Deno.test("a report is one file that asks for nothing else", () => {
  const html = page({ charts: [BARS, LINES], paragraphs: ["p"], commands: ["a", "b"] });
  assert.match(html, /^<!doctype html>\n/);
  assert.match(html, /default-src 'none'/);
  assert.doesNotMatch(html, /<script|<link|<img|@import|url\(|https?:/);
  assert.match(html, /prefers-color-scheme: dark/);
  assert.match(html, /<pre>a\nb<\/pre>/);
});

Deno.test("whatever stands in a report marks nothing up, and holds no ticket", () => {
  const bad = `<b onclick="x">&'\u202e${"sftpx1" + "ab23".repeat(20)}`;
  const charts = [
    { ...BARS, title: bad, unit: bad, groups: [{ label: bad, bars: [{ label: bad, value: 1 }] }] },
    { ...LINES, title: bad, xUnit: bad, lines: [{ label: bad, points: [] }] },
    { ...BARS, groups: [{ label: "", bars: [{ label: "a", value: null, text: bad }] }] },
  ];
  const table = { columns: [{ title: bad }], rows: [[bad], [{ text: bad, tone: "bad" as const }]] };
  const html = reportPage({
    title: bad,
    facts: [[bad, bad]],
    sections: [{ title: bad, paragraphs: [bad], points: [bad], commands: [bad], charts, table }],
  });
  assert.doesNotMatch(html, /<b |onclick="|\u202e|ab23ab23/);
  assert.match(html, /&lt;b onclick=&quot;x&quot;&gt;&amp;&#39;\\u\{202e\}sftpx1\.\.\./);
});

Deno.test("bars are as long as their figures are large, on one scale", () => {
  const widths = [...page({ charts: [BARS] }).matchAll(/<rect[^>]* width="([\d.]+)%"/g)]
    .map(([, width]) => Number(width));
  assert.deepEqual(widths, [100, 25], "none where there is no figure");
  assert.match(page({ charts: [BARS] }), />400 MB\/s<\/span>[^]*>100 MB\/s<[^]*>refused</);
});

Deno.test("a bar to be met is a line across, and what is met is said without colour", () => {
  const groups = [{
    label: "",
    bars: [
      { label: "a", value: 10, tone: "good" as const },
      { label: "b", value: 5, tone: "bad" as const },
    ],
  }];
  const html = page({ charts: [{ ...BARS, groups, target: { label: "bar", value: 8 } }] });
  assert.match(html, /<line class="target"/);
  assert.match(html, /Dashed: bar, 8 MB\/s/);
  assert.match(html, /10 MB\/s \u2713<[^]*5 MB\/s \u2717</);
});

function fillsOf(html: string): readonly string[] {
  return [...html.matchAll(/<rect class="(f\d)"/g)].map(([, fill]) => fill!);
}

Deno.test("what has one name has one colour in all groups, what stands once the first", () => {
  const bar = (label: string) => ({ label, value: 1 });
  const both = ["a", "b"].map((label) => ({ label, bars: [bar("up"), bar("down")] }));
  const [up, down, ...again] = fillsOf(page({ charts: [{ ...BARS, groups: both }] }));
  assert.notEqual(up, down);
  assert.deepEqual(again, [up, down]);
  const once = [{ label: "", bars: ["a", "b", "c"].map(bar) }];
  assert.deepEqual(fillsOf(page({ charts: [{ ...BARS, groups: once }] })), ["f0", "f0", "f0"]);
});

Deno.test("beside a marked bar the others step back, and its figure is set off too", () => {
  const bars = [{ label: "a", value: 1 }, { label: "b", value: 2, isMarked: true as const }];
  const html = page({ charts: [{ ...BARS, groups: [{ label: "", bars }] }] });
  const [other, marked] = fillsOf(html);
  assert.notEqual(other, marked);
  assert.match(html, /class="figure">1 MB\/s<[^]*class="figure marked">2 MB\/s</);
});

Deno.test("points are a list below paragraphs", () => {
  assert.match(page({ points: ["a", "b"] }), /<ul>\n<li>a<\/li>\n<li>b<\/li>\n<\/ul>/);
});

Deno.test("lines run from the origin to the largest of both axes", () => {
  const html = page({ charts: [LINES] });
  assert.match(html, /<polyline class="s0" points="64,210 460,10"\/>/);
  assert.match(html, /MB\/s over workers/);
});

Deno.test("axes are divided at round figures, and whole numbers at whole ones", () => {
  const lines = [{ label: "l", points: [[0, 0], [2, 13_361]] as const }];
  const html = page({ charts: [{ ...LINES, lines }] });
  const figures = [...html.matchAll(/class="soft">(\d[\d.]*)</g)].map(([, figure]) => figure);
  assert.deepEqual(figures, ["0", "5000", "10000", "15000", "0", "1", "2"]);
});

Deno.test("figures that are none break no chart", () => {
  const bars = [NaN, Infinity, -1, 0].map((value) => ({ label: "a", value }));
  const points = [[NaN, Infinity], [0, 0]] as const;
  const html = page({
    charts: [
      { ...BARS, groups: [{ label: "", bars }] },
      { ...BARS, groups: [] },
      { ...LINES, lines: [{ label: "l", points }] },
      { ...LINES, lines: [] },
    ],
  });
  assert.doesNotMatch(html, /(?:width|x|y|x1|x2|y1|y2)="(?:NaN|-?Infinity|-\d)/);
  assert.doesNotMatch(html, /points="[^"]*(?:NaN|Infinity)/);
});

Deno.test("a column that says nothing in any row is left out", () => {
  const columns = ["a", "b", "c"].map((title) => ({ title }));
  const html = page({ table: { columns, rows: [["1", "-", ""], ["", "", "3"]] } });
  assert.match(html, /<th scope="col">a<\/th><th scope="col">c<\/th><\/tr>/);
  assert.match(html, /<tr><td>1<\/td><td><\/td><\/tr>\n<tr><td><\/td><td>3<\/td><\/tr>/);
});

Deno.test("a table sets numbers right and says what is good or bad", () => {
  const html = page({
    table: {
      columns: [{ title: "What" }, { title: "Ratio", isNumber: true }],
      rows: [["a", { text: "1.4", tone: "good" }]],
    },
  });
  assert.match(html, /<th scope="col">What<\/th><th scope="col" class="number">Ratio<\/th>/);
  assert.match(html, /<td>a<\/td><td class="number good">1\.4<\/td>/);
});
