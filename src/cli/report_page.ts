// A report as one HTML file that needs nothing else: no script, no font, no request, light and dark as
// the reader's system has it. Data in, text out: whatever comes in is escaped, so that a name that a
// peer or a file chose can neither mark anything up nor turn a line around.

import { chartOf, type ReportChart } from "./report_charts.ts";
import { REPORT_STYLE } from "./report_style.ts";
import { escapedHtml } from "./report_text.ts";

export type { BarChart, ReportBar, ReportTone } from "./report_bars.ts";
export type { ReportChart } from "./report_charts.ts";
export type { LineChart } from "./report_lines.ts";

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
  /** A list below them. */
  readonly points?: readonly string[];
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
${REPORT_STYLE}</style>
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
  { title, paragraphs = [], points = [], commands = [], charts = [], table }: ReportSection,
): string {
  return [
    "<section>",
    `<h2>${escapedHtml(title)}</h2>`,
    ...paragraphs.map((text) => `<p>${escapedHtml(text)}</p>`),
    ...(points.length === 0 ? [] : [listOf(points)]),
    ...(commands.length === 0 ? [] : [`<pre>${commands.map(escapedHtml).join("\n")}</pre>`]),
    ...charts.map(chartOf),
    ...(table === undefined ? [] : [tableOf(table)]),
    "</section>",
  ].join("\n");
}

function listOf(points: readonly string[]): string {
  return `<ul>\n${points.map((text) => `<li>${escapedHtml(text)}</li>`).join("\n")}\n</ul>`;
}

/** Without the columns that say nothing in any row. */
function tableOf(all: ReportTable): string {
  const telling = all.columns.flatMap((_, index) =>
    all.rows.some((row) => says(row[index])) ? [index] : []
  );
  const columns = telling.map((index) => all.columns[index]!);
  const rows = all.rows.map((row) => telling.map((index) => row[index] ?? ""));
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

function says(cell: ReportCell | undefined): boolean {
  const text = typeof cell === "object" ? cell.text : cell;
  return text !== undefined && text !== "" && text !== "-";
}

function classes(names: readonly string[]): string {
  return names.length === 0 ? "" : ` class="${names.join(" ")}"`;
}
