// A report as one HTML file that needs nothing else: no script, no font, no request, light and dark as
// the reader's system has it. Data in, text out: whatever comes in is escaped, so that a name that a
// peer or a file chose can neither mark anything up nor turn a line around.

import { chartOf, type ReportChart } from "./report_charts.ts";
import { escapedHtml } from "./report_text.ts";

export type { BarChart, LineChart, ReportBar, ReportChart, ReportTone } from "./report_charts.ts";

/** All of a report, from top to bottom. */
export interface ReportPage {
  readonly title: string;
  /** What stands below the title, as pairs: when, where, with what. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  readonly sections: readonly ReportSection[];
}

/** A heading and what stands below it, in this order. */
export interface ReportSection {
  readonly title: string;
  readonly paragraphs?: readonly string[];
  /** Commands to be copied, one a line. */
  readonly commands?: readonly string[];
  readonly charts?: readonly ReportChart[];
  readonly table?: ReportTable;
}

export interface ReportTable {
  readonly columns: readonly ReportColumn[];
  /** As many cells as there are columns. */
  readonly rows: readonly (readonly ReportCell[])[];
}

export interface ReportColumn {
  readonly title: string;
  /** Set to the right, in digits of one width. */
  readonly isNumber?: true;
}

/** Plain text, or text that is good or bad news. */
export type ReportCell = string | { readonly text: string; readonly tone: "good" | "bad" };

/** The whole file. */
export function reportPage({ title, facts, sections }: ReportPage): string {
  const body = [
    `<h1>${escapedHtml(title)}</h1>`,
    factsOf(facts),
    ...sections.map(sectionOf),
  ].filter((part) => part !== "");
  return `${headOf(title)}<body>\n<main>\n${body.join("\n")}\n</main>\n</body>\n</html>\n`;
}

function headOf(title: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapedHtml(title)}</title>
<style>
${STYLE}</style>
</head>
`;
}

function factsOf(facts: ReportPage["facts"]): string {
  if (facts.length === 0) return "";
  const pairs = facts.map(([name, value]) =>
    `<dt>${escapedHtml(name)}</dt><dd>${escapedHtml(value)}</dd>`
  );
  return `<dl>\n${pairs.join("\n")}\n</dl>`;
}

function sectionOf(
  { title, paragraphs = [], commands = [], charts = [], table }: ReportSection,
): string {
  return [
    "<section>",
    `<h2>${escapedHtml(title)}</h2>`,
    ...paragraphs.map((text) => `<p>${escapedHtml(text)}</p>`),
    ...(commands.length === 0 ? [] : [`<pre>${commands.map(escapedHtml).join("\n")}</pre>`]),
    ...charts.map(chartOf),
    ...(table === undefined ? [] : [tableOf(table)]),
    "</section>",
  ].join("\n");
}

function tableOf({ columns, rows }: ReportTable): string {
  const kindOf = (index: number) => columns[index]?.isNumber === true ? ["number"] : [];
  const head = columns.map(({ title }, index) =>
    `<th scope="col"${classes(kindOf(index))}>${escapedHtml(title)}</th>`
  );
  const lines = rows.map((row) => {
    const cells = row.map((cell, index) => {
      const [text, tones] = typeof cell === "string" ? [cell, []] : [cell.text, [cell.tone]];
      return `<td${classes([...kindOf(index), ...tones])}>${escapedHtml(text)}</td>`;
    });
    return `<tr>${cells.join("")}</tr>`;
  });
  return `<div class="wide"><table>
<thead><tr>${head.join("")}</tr></thead>
<tbody>
${lines.join("\n")}
</tbody>
</table></div>`;
}

function classes(names: readonly string[]): string {
  return names.length === 0 ? "" : ` class="${names.join(" ")}"`;
}

/** Colours that can be told apart without red and green; good and bad are said in words too. */
const STYLE = `:root {
  color-scheme: light dark;
  --ink: #1c1f24; --soft: #5c6570; --paper: #fdfdfc; --rule: #d9dde2; --block: #f1f3f5;
  --c0: #2f6fb3; --c1: #d9822b; --c2: #4a9a83; --c3: #8a63b0; --c4: #b04a5a; --c5: #7a8794;
  --good: #1d7a55; --bad: #b3372f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e6e8eb; --soft: #9aa4b0; --paper: #15181c; --rule: #333a42; --block: #1f242a;
    --c0: #6aa6e6; --c1: #f0a860; --c2: #6fc4ab; --c3: #b795dc; --c4: #e28792; --c5: #9aa7b4;
    --good: #5cc79a; --bad: #f08a80;
  }
}
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
h1 { font-size: 1.7rem; margin: 0 0 1rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; border-bottom: 1px solid var(--rule); }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
pre { background: var(--block); padding: .75rem 1rem; overflow-x: auto; border-radius: 4px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; margin: .75rem 0; }
th, td { padding: .25rem .75rem .25rem 0; text-align: left; border-bottom: 1px solid var(--rule); }
th { color: var(--soft); font-weight: 600; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.good { color: var(--good); }
.bad { color: var(--bad); }
figure { margin: .75rem 0; }
figcaption { font-weight: 600; }
svg { display: block; width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg text { fill: var(--ink); }
svg .soft { fill: var(--soft); }
svg .rule { stroke: var(--rule); }
svg .target { stroke: var(--ink); stroke-dasharray: 4 3; }
.f0 { fill: var(--c0); } .f1 { fill: var(--c1); } .f2 { fill: var(--c2); }
.f3 { fill: var(--c3); } .f4 { fill: var(--c4); } .f5 { fill: var(--c5); }
.s0 { stroke: var(--c0); } .s1 { stroke: var(--c1); } .s2 { stroke: var(--c2); }
.s3 { stroke: var(--c3); } .s4 { stroke: var(--c4); } .s5 { stroke: var(--c5); }
svg polyline { fill: none; stroke-width: 2; }
@media print { main { max-width: none; padding: 0; } section { break-inside: avoid; } }
`;
