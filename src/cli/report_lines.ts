// Lines of a report over one x axis, as inline SVG; both axes begin at zero and are divided at round
// figures.

import { largest, placeOf, shortOf } from "./report_figures.ts";
import { escapedHtml } from "./report_text.ts";

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

/** Drawn as narrow as a phone has it: letters shrink with the drawing. */
const WIDTH = 480;
const PLOT = { left: 64, top: 10, right: 20, height: 200 } as const;
const ROW_HEIGHT = 18;
const COLOURS = 6;
/** Parts of an axis at most. */
const TICKS = 5;

/** All of a chart below its title. */
export function linesOf({ title, xUnit, yUnit, lines }: LineChart): string {
  const points = lines.flatMap((line) => line.points);
  const xTicks = ticksOf(largest(points.map(([x]) => x)), points.every(([x]) => isWhole(x)));
  const yTicks = ticksOf(largest(points.map(([, y]) => y)), false);
  const [mostX, mostY] = [largest(xTicks), largest(yTicks)];
  const bottom = PLOT.top + PLOT.height;
  const xOf = (x: number) => PLOT.left + x / mostX * (WIDTH - PLOT.left - PLOT.right);
  const yOf = (y: number) => bottom - Math.max(0, y) / mostY * PLOT.height;
  const parts: string[] = [];
  for (const y of yTicks) {
    const ends = `x1="${PLOT.left}" x2="${WIDTH - PLOT.right}"`;
    parts.push(`<line class="rule" ${ends} y1="${placeOf(yOf(y))}" y2="${placeOf(yOf(y))}"/>`);
    const place = { x: PLOT.left - 6, y: yOf(y) + 4 };
    parts.push(textAt(place, shortOf(y), 'text-anchor="end" class="soft"'));
  }
  for (const x of xTicks) {
    const place = { x: xOf(x), y: bottom + 16 };
    parts.push(textAt(place, shortOf(x), 'text-anchor="middle" class="soft"'));
  }
  parts.push(textAt({ x: PLOT.left, y: bottom + 34 }, `${yUnit} over ${xUnit}`, 'class="soft"'));
  let y = bottom + 42;
  for (const [index, { label, points }] of lines.entries()) {
    const colour = index % COLOURS;
    const places = points.map(([x, y]) => [placeOf(xOf(x)), placeOf(yOf(y))] as const);
    parts.push(`<polyline class="s${colour}" points="${places.map(String).join(" ")}"/>`);
    parts.push(...places.map(([x, y]) => `<circle class="f${colour}" cx="${x}" cy="${y}" r="3"/>`));
    parts.push(`<rect class="f${colour}" x="${PLOT.left}" y="${y}" width="12" height="12"/>`);
    parts.push(textAt({ x: PLOT.left + 18, y: y + 10 }, label));
    y += ROW_HEIGHT;
  }
  const box = `viewBox="0 0 ${WIDTH} ${Math.ceil(y)}"`;
  return `<svg class="lines" ${box} role="img" aria-label="${escapedHtml(title)}">\n${
    parts.join("\n")
  }\n</svg>`;
}

/** From zero to the first round figure that all points are below. */
function ticksOf(most: number, whole: boolean): readonly number[] {
  const power = 10 ** Math.floor(Math.log10(most / TICKS));
  const round = [1, 2, 2.5, 5, 10].map((times) => times * power);
  const step = round.find((step) => step * TICKS >= most && !(whole && !isWhole(step))) ?? most;
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, tick) => tick * step);
}

function isWhole(value: number): boolean {
  return Number.isInteger(value);
}

function textAt({ x, y }: { x: number; y: number }, text: string, more = ""): string {
  const attributes = more === "" ? "" : ` ${more}`;
  return `<text x="${placeOf(x)}" y="${placeOf(y)}"${attributes}>${escapedHtml(text)}</text>`;
}
