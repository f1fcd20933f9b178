// Charts of a report as inline SVG: bars in groups, and lines. Every bar says its figure in words, so
// that nothing hangs on a colour, and a chart says what it shows to who cannot see it.

import { escapedHtml } from "./report_text.ts";

export type ReportChart = BarChart | LineChart;

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
}

/** Lines over one x axis; both axes begin at zero. */
export interface LineChart {
  readonly kind: "lines";
  readonly title: string;
  readonly xUnit: string;
  readonly yUnit: string;
  readonly lines: readonly {
    readonly label: string;
    readonly points: readonly (readonly [x: number, y: number])[];
  }[];
}

const WIDTH = 760;
/** Of a label before its bar; longer ones are cut. */
const LABEL_WIDTH = 210;
const LABEL_CHARS = 34;
/** Behind the longest bar, for its figure. */
const FIGURE_WIDTH = 170;
const ROW_HEIGHT = 22;
const HEADING_HEIGHT = 24;
const GROUP_GAP = 8;
const COLOURS = 6;

/** A chart with its title. */
export function chartOf(chart: ReportChart): string {
  const svg = chart.kind === "bars" ? barsOf(chart) : linesOf(chart);
  return `<figure>\n<figcaption>${escapedHtml(chart.title)}</figcaption>\n${svg}\n</figure>`;
}

function barsOf({ title, unit, groups, target }: BarChart): string {
  const values = groups.flatMap(({ bars }) => bars.map(({ value }) => value ?? 0));
  const most = largest([...values, target?.value ?? 0]);
  const room = WIDTH - LABEL_WIDTH - FIGURE_WIDTH;
  const lengthOf = (value: number) => Math.max(0, value) / most * room;
  const colours = coloursOf(groups.flatMap(({ bars }) => bars.map(({ label }) => label)));
  const parts: string[] = [];
  let y = 0;
  for (const { label, bars } of groups) {
    if (label !== "") {
      parts.push(textAt({ x: 0, y: y + HEADING_HEIGHT - 8 }, label, 'font-weight="600"'));
      y += HEADING_HEIGHT;
    }
    for (const bar of bars) {
      parts.push(...barAt(y, bar, { unit, lengthOf, colour: colours.get(bar.label) ?? 0 }));
      y += ROW_HEIGHT;
    }
    y += GROUP_GAP;
  }
  if (target !== undefined) {
    const x = LABEL_WIDTH + lengthOf(target.value);
    parts.push(`<line class="target" x1="${at(x)}" y1="0" x2="${at(x)}" y2="${y}"/>`);
    const words = `${target.label}: ${figure(target.value, unit)}`;
    parts.push(textAt({ x, y: y + 12 }, words, 'text-anchor="middle" class="soft"'));
    y += 18;
  }
  return svgOf(title, Math.max(y, 1), parts);
}

function barAt(
  y: number,
  { label, value, text, tone }: ReportBar,
  { unit, lengthOf, colour }: {
    readonly unit: string;
    readonly lengthOf: (value: number) => number;
    readonly colour: number;
  },
): readonly string[] {
  const length = value === null ? 0 : lengthOf(value);
  const words = text ?? (value === null ? "none" : figure(value, unit));
  const middle = y + ROW_HEIGHT / 2 + 4;
  const sign = tone === undefined ? "" : tone === "good" ? " \u2713" : " \u2717";
  return [
    textAt({ x: LABEL_WIDTH - 8, y: middle }, cut(label), 'text-anchor="end" class="soft"'),
    `<rect class="f${colour}" x="${LABEL_WIDTH}" y="${y + 3}" width="${at(length)}" height="${
      ROW_HEIGHT - 6
    }"/>`,
    textAt({ x: LABEL_WIDTH + length + 6, y: middle }, words + sign),
  ];
}

const PLOT = { left: 70, top: 10, right: 20, height: 220 } as const;
const TICKS = 4;

function linesOf({ title, xUnit, yUnit, lines }: LineChart): string {
  const points = lines.flatMap((line) => line.points);
  const mostX = largest(points.map(([x]) => x));
  const mostY = largest(points.map(([, y]) => y));
  const width = WIDTH - PLOT.left - PLOT.right;
  const bottom = PLOT.top + PLOT.height;
  const xOf = (x: number) => PLOT.left + x / mostX * width;
  const yOf = (y: number) => bottom - Math.max(0, y) / mostY * PLOT.height;
  const parts: string[] = [];
  for (let tick = 0; tick <= TICKS; tick++) {
    const [x, y] = [mostX * tick / TICKS, mostY * tick / TICKS];
    const line = `x1="${PLOT.left}" x2="${WIDTH - PLOT.right}" y1="${at(yOf(y))}"`;
    parts.push(`<line class="rule" ${line} y2="${at(yOf(y))}"/>`);
    const end = 'text-anchor="end" class="soft"';
    parts.push(textAt({ x: PLOT.left - 6, y: yOf(y) + 4 }, short(y), end));
    const middle = 'text-anchor="middle" class="soft"';
    parts.push(textAt({ x: xOf(x), y: bottom + 16 }, short(x), middle));
  }
  parts.push(textAt({ x: PLOT.left, y: bottom + 34 }, `${yUnit} over ${xUnit}`, 'class="soft"'));
  for (const [index, { points }] of lines.entries()) {
    const path = points.map(([x, y]) => `${at(xOf(x))},${at(yOf(y))}`).join(" ");
    parts.push(`<polyline class="s${index % COLOURS}" points="${path}"/>`);
  }
  let y = bottom + 40;
  for (const [index, { label }] of lines.entries()) {
    parts.push(
      `<rect class="f${index % COLOURS}" x="${PLOT.left}" y="${y}" width="12" height="12"/>`,
    );
    parts.push(textAt({ x: PLOT.left + 18, y: y + 10 }, label));
    y += 18;
  }
  return svgOf(title, y, parts);
}

function svgOf(title: string, height: number, parts: readonly string[]): string {
  const box = `viewBox="0 0 ${WIDTH} ${Math.ceil(height)}"`;
  return `<svg ${box} role="img" aria-label="${escapedHtml(title)}">\n${parts.join("\n")}\n</svg>`;
}

function textAt({ x, y }: { x: number; y: number }, text: string, more = ""): string {
  const attributes = more === "" ? "" : ` ${more}`;
  return `<text x="${at(x)}" y="${at(y)}"${attributes}>${escapedHtml(text)}</text>`;
}

/** A colour for each label, the same wherever it stands again. */
function coloursOf(labels: readonly string[]): ReadonlyMap<string, number> {
  const distinct = [...new Set(labels)];
  return new Map(distinct.map((label, index) => [label, index % COLOURS]));
}

/** Never zero, which nothing is a part of. */
function largest(values: readonly number[]): number {
  let most = 0;
  for (const value of values) if (Number.isFinite(value) && value > most) most = value;
  return most === 0 ? 1 : most;
}

function figure(value: number, unit: string): string {
  return unit === "" ? short(value) : `${short(value)} ${unit}`;
}

/** Three digits say it. */
function short(value: number): string {
  if (!Number.isFinite(value)) return "?";
  if (Math.abs(value) >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

function cut(label: string): string {
  return label.length <= LABEL_CHARS ? label : `${label.slice(0, LABEL_CHARS - 1)}\u2026`;
}

/** A place on the page: a tenth of a pixel is enough, and no figure of a machine gets in. */
function at(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toFixed(1))) : "0";
}
