// Bars of a report, in groups on one scale. Words are text of the page and only the bars are drawn, so
// that nothing gets smaller with the window; every bar says its figure, so that nothing hangs on a colour.

import { figureOf, largest, placeOf } from "./report_figures.ts";
import { escapedHtml } from "./report_text.ts";

/** How a figure compares with what it was to reach. */
export type ReportTone = "good" | "bad";

/** Bars to the right, in groups, all on one scale that begins at zero. */
export interface BarChart {
  readonly kind: "bars";
  readonly title: string;
  /** What a figure is, as `MB/s`. */
  readonly unit: string;
  readonly groups: readonly {
    /** Empty for a group that needs no heading. */
    readonly label: string;
    readonly bars: readonly ReportBar[];
  }[];
  /** A line across all bars, as a bar to be met. */
  readonly target?: { readonly label: string; readonly value: number };
}

export interface ReportBar {
  readonly label: string;
  /** Null where there is none: the text says why. */
  readonly value: number | null;
  /** Behind the bar, in place of the figure. */
  readonly text?: string;
  readonly tone?: ReportTone;
  /** What the chart is about: the others step back. */
  readonly isMarked?: true;
}

const COLOURS = 6;
/** Of bars that step back. */
const GREY = 5;

/** All of a chart below its title. */
export function barsOf({ unit, groups, target }: BarChart): string {
  const all = groups.flatMap(({ bars }) => bars);
  const most = largest([...all.map(({ value }) => value ?? 0), target?.value ?? 0]);
  const percentOf = (value: number) => placeOf(Math.max(0, value) / most * 100);
  const line = target === undefined ? "" : lineAt(percentOf(target.value));
  const colourOf = coloursOf(all);
  const parts = groups.flatMap(({ label, bars }) => [
    ...(label === "" ? [] : [`<h4>${escapedHtml(label)}</h4>`]),
    ...bars.map((bar) => barAt(bar, { unit, percentOf, line, colour: colourOf(bar) })),
  ]);
  const words = target === undefined
    ? ""
    : `\n<p class="soft">Dashed: ${escapedHtml(target.label)}, ${
      escapedHtml(figureOf(target.value, unit))
    }</p>`;
  return `<div class="bars">\n${parts.join("\n")}\n</div>${words}`;
}

function barAt(
  { label, value, text, tone, isMarked }: ReportBar,
  { unit, percentOf, line, colour }: {
    readonly unit: string;
    readonly percentOf: (value: number) => string;
    readonly line: string;
    readonly colour: number;
  },
): string {
  const words = escapedHtml(text ?? (value === null ? "none" : figureOf(value, unit)));
  const name = `<span class="label">${escapedHtml(label)}</span>`;
  if (value === null) return `${name}<span class="none">${words}</span>`;
  const sign = tone === undefined ? "" : tone === "good" ? " \u2713" : " \u2717";
  const figure = `<span class="figure${isMarked === true ? " marked" : ""}">${words}${sign}</span>`;
  const bar = `<rect class="f${colour}" width="${percentOf(value)}%" height="100%"/>`;
  return `${name}<svg aria-hidden="true">${bar}${line}</svg>${figure}`;
}

function lineAt(percent: string): string {
  return `<line class="target" x1="${percent}%" x2="${percent}%" y1="0" y2="100%"/>`;
}

/** One colour says nothing. Several tell what is marked, or what stands in several groups. */
function coloursOf(all: readonly ReportBar[]): (bar: ReportBar) => number {
  if (all.some(({ isMarked }) => isMarked === true)) {
    return ({ isMarked }) => isMarked === true ? 0 : GREY;
  }
  const counts = new Map<string, number>();
  for (const { label } of all) counts.set(label, (counts.get(label) ?? 0) + 1);
  const repeated = [...counts].filter(([, count]) => count > 1).map(([label]) => label);
  return ({ label }) => Math.max(0, repeated.indexOf(label)) % COLOURS;
}
