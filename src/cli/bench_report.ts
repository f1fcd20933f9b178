// Measurements as a report: verdicts first, then what they were made of. Pure.

import type { Verdict } from "./bench_verdict.ts";
import type { BenchLine } from "./json_line.ts";
import type { ReportBar, ReportChart, ReportPage, ReportSection } from "./report_page.ts";
import { verdictLine } from "./ui/bench.ts";
import { formatBytes, formatRate } from "./units.ts";

/** What a report is about besides the rows. */
export interface ReportAbout {
  /** RFC 3339. */
  readonly time: string;
  /** Where the path led; null for this machine alone. */
  readonly place: string | null;
  readonly machine: string;
  readonly runtime: string;
}

/** Heading of each kind of measurement, in the order of the page. */
const TITLES: readonly (readonly [bench: string, title: string])[] = [
  ["peer", "The path to the server"],
  ["pipe", "The loopback of this machine"],
  ["disk", "Disk"],
  ["hash", "Hashing"],
  ["zstd", "Compression"],
];

/** The page. */
export function benchReport(
  rows: readonly BenchLine[],
  { verdicts, about }: { readonly verdicts: readonly Verdict[]; readonly about: ReportAbout },
): ReportPage {
  const { time, place, machine, runtime } = about;
  const facts: (readonly [string, string])[] = [
    ["Measured", time],
    ...(place === null ? [] : [["Server", place] as const]),
    ["Machine", machine],
    ["Program", runtime],
  ];
  const found = verdicts.length === 0 ? [] : [boundSection(verdicts)];
  const sections = TITLES.flatMap(([bench, title]) => {
    const own = rows.filter((row) => row.bench === bench);
    return own.length === 0 ? [] : [rowsSection(title, own)];
  });
  return { title: "sftpx bench", facts, sections: [...found, ...sections] };
}

function boundSection(verdicts: readonly Verdict[]): ReportSection {
  const commands = [...new Set(verdicts.flatMap((verdict) => verdict.commands))];
  return {
    title: "What bounds a transfer",
    paragraphs: verdicts.flatMap((verdict) => [verdictLine(verdict), ...verdict.advice]),
    commands,
  };
}

function rowsSection(title: string, rows: readonly BenchLine[]): ReportSection {
  return {
    title,
    charts: [ratesChart(rows), ...scalingChart(rows)],
    table: {
      columns: [
        { title: "What" },
        { title: "By" },
        { title: "Rate", isNumber: true },
        { title: "Moved", isNumber: true },
        { title: "Notes" },
      ],
      rows: rows.map((row) => [
        row.name,
        row.by ?? "",
        row.bytesPerSecond === null ? "none" : formatRate(row.bytesPerSecond),
        formatBytes(row.bytes),
        notesOf(row).join(", "),
      ]),
    },
  };
}

function ratesChart(rows: readonly BenchLine[]): ReportChart {
  const groups = Map.groupBy(rows, ({ by }) => by ?? "");
  return {
    kind: "bars",
    title: "Rates",
    unit: "MB/s",
    groups: [...groups].map(([label, own]) => ({ label, bars: own.map(barOf) })),
  };
}

function barOf({ name, bytesPerSecond, problem }: BenchLine): ReportBar {
  if (bytesPerSecond === null) return { label: name, value: null, text: problem ?? "refused" };
  return { label: name, value: bytesPerSecond / 1e6 };
}

/** Over threads, where several numbers of them were measured. */
function scalingChart(rows: readonly BenchLine[]): readonly ReportChart[] {
  const scaled = rows.flatMap(({ threads, scaling, bytesPerSecond }) =>
    threads === undefined || scaling === undefined || bytesPerSecond === null
      ? []
      : [{ threads, scaling, rate: bytesPerSecond / 1e6 }]
  );
  if (scaled.length < 2) return [];
  const measured = scaled.map(({ threads, rate }) => [threads, rate] as const);
  const full = scaled.map(({ threads, rate, scaling }) => [threads, rate / scaling] as const);
  return [{
    kind: "lines",
    title: "Hashing by workers",
    xUnit: "workers",
    yUnit: "MB/s",
    lines: [
      { label: "measured", points: [[0, 0], ...measured] },
      { label: "as many times one thread", points: [[0, 0], ...full] },
    ],
  }];
}

/** What else a row says, in words. */
function notesOf(row: BenchLine): readonly string[] {
  const percent = (ratio: number) => `${Number((ratio * 100).toPrecision(3))}%`;
  const { rttMs, ratio, scaling, lossRatio, dropRatio, busyShare, problem } = row;
  return [
    rttMs === undefined ? null : `round trip ${rttMs} ms`,
    ratio === undefined ? null : `to ${percent(ratio)} of its size`,
    scaling === undefined ? null : `${percent(scaling)} of as many times one thread`,
    lossRatio === undefined ? null : `${percent(lossRatio)} of packets lost`,
    dropRatio === undefined || dropRatio === 0
      ? null
      : `${percent(dropRatio)} of datagrams dropped at full sockets here`,
    busyShare === undefined ? null : `processors ${percent(busyShare)} busy`,
    problem ?? null,
  ].filter((note) => note !== null);
}
