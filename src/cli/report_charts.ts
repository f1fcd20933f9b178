// Charts of a report, whatever is drawn in them, with their titles.

import { type BarChart, barsOf } from "./report_bars.ts";
import { type LineChart, linesOf } from "./report_lines.ts";
import { escapedHtml } from "./report_text.ts";

export type ReportChart = BarChart | LineChart;

/** A chart with its title. */
export function chartOf(chart: ReportChart): string {
  const drawn = chart.kind === "bars" ? barsOf(chart) : linesOf(chart);
  return `<figure>\n<figcaption>${escapedHtml(chart.title)}</figcaption>\n${drawn}\n</figure>`;
}
