// What a soak came to, in lines, and whether it is good.

import { type Growth, growthOf, type Sample } from "./samples.ts";
import type { SoakReport } from "./soak.ts";

/** After everybody has gone there is no more than before anybody came, but for what runtimes keep. */
const IDLE_DESCRIPTORS = 8;
const IDLE_THREADS = 2;

/** What is wrong with a run, in lines; none where all is well. `slack` is for short ones. */
export function problemsOf(
  report: SoakReport,
  options: { readonly slack?: number } = {},
): readonly string[] {
  const { samples, exit } = report;
  const grown = growthOf(samples, options).filter(({ isBounded }) => !isBounded);
  return [
    ...report.problems,
    ...grown.map(({ figure, first, last }) => `${figure} grew from ${first} to ${last}`),
    ...problemsLeft(report),
    ...(exit === 0 ? [] : [`the server ended with ${exit}`]),
  ];
}

/** What is left once everybody has gone. */
export function problemsLeft(
  { before, after, leftParts }: Pick<SoakReport, "before" | "after" | "leftParts">,
): readonly string[] {
  return [
    ...left("descriptors", { before, after, most: IDLE_DESCRIPTORS }),
    ...left("threads", { before, after, most: IDLE_THREADS }),
    ...leftParts.map((name) => `left in .sftpx: parts/${name}`),
  ];
}

export function isGood(report: SoakReport): boolean {
  return problemsOf(report).length === 0;
}

export function visitsLine({ visits, strangersCame }: SoakReport): string {
  const told = Object.entries(visits).toSorted().map(([visit, count]) => `${visit} ${count}`);
  return `visits: ${told.join(", ")}; strangers came ${strangersCame} times`;
}

/** The table and the verdict. */
export function growthLines(report: SoakReport): readonly string[] {
  const rows = growthOf(report.samples).map((growth) => [
    growth.figure,
    shown(growth, report.before[growth.figure]),
    shown(growth, growth.first),
    shown(growth, growth.last),
    shown(growth, growth.most),
    shown(growth, report.after[growth.figure]),
  ]);
  const table = [["held", "before", "first third", "last third", "most", "after"], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) =>
    row.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)
    ).join("  ")
  );
  const problems = problemsOf(report);
  const verdict = problems.length === 0
    ? `nothing grew and nothing was left, over ${report.samples.length} samples`
    : `${problems.length} problems:`;
  return [...lines, verdict, ...problems];
}

function left(
  figure: "descriptors" | "threads",
  { before, after, most }: {
    readonly before: Sample;
    readonly after: Sample;
    readonly most: number;
  },
): readonly string[] {
  const more = after[figure] - before[figure];
  return more <= most ? [] : [`${figure}: ${before[figure]} before, ${after[figure]} after`];
}

function shown({ figure }: Growth, value: number): string {
  return figure.endsWith("Bytes") ? `${(value / 1e6).toFixed(1)} MB` : String(value);
}
