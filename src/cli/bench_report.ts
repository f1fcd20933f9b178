// Measurements as a report: what bounds a transfer each way first, as a sentence and as a chart of the
// parts it goes through; then what that was made of. Pure.

import { boundParts } from "./bench_parts.ts";
import type { BenchFacts, Verdict } from "./bench_verdict.ts";
import type { BenchLine } from "./json_line.ts";
import type { ReportBar, ReportChart, ReportPage, ReportSection } from "./report_page.ts";
import { boundWords } from "./ui/bench.ts";
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

/** What rows mean. */
export interface ReportMeaning {
  readonly verdicts: readonly Verdict[];
  readonly facts: BenchFacts;
  readonly about: ReportAbout;
}

/** Heading of each kind of measurement, in the order of the page. */
const TITLES: readonly (readonly [bench: string, title: string])[] = [
  ["peer", "The path to the server"],
  ["pipe", "The loopback of this machine"],
  ["disk", "Disk"],
  ["hash", "Hashing"],
  ["zstd", "Compression"],
];
/** Rates of memory, beside which nothing else is to be seen: they stand in the table. */
const OFF_THE_SCALE: readonly string[] = [
  "read, just written",
  "compress noise",
  "decompress noise",
];

/** The page. */
export function benchReport(
  rows: readonly BenchLine[],
  { verdicts, facts, about }: ReportMeaning,
): ReportPage {
  const { time, place, machine, runtime } = about;
  const pairs: (readonly [string, string])[] = [
    ["Measured", time],
    ...(place === null ? [] : [["Server", place] as const]),
    ["Machine", machine],
    ["Program", runtime],
  ];
  const found = verdicts.map((verdict) => boundSection(verdict, facts));
  const sections = TITLES.flatMap(([bench, title]) => {
    const own = rows.filter((row) => row.bench === bench);
    return own.length === 0 ? [] : [rowsSection(title, own)];
  });
  return { title: "sftpx bench", facts: pairs, sections: [...found, ...sections] };
}

/** One direction: what it comes to, why, what to do, and the parts of it side by side. */
function boundSection(verdict: Verdict, facts: BenchFacts): ReportSection {
  const { direction, bytesPerSecond, bound, message, advice, commands } = verdict;
  const way = direction === "send" ? "Sending" : "Receiving";
  const { parts, missing } = boundParts(verdict, facts);
  const left = missing.length === 0 ? [] : [`not measured here: ${missing.join(", ")}`];
  const bars = parts.map(({ name, rate, isSlowest }): ReportBar => {
    const text = formatRate(rate);
    const bar = { label: name, value: rate / 1e6 };
    return isSlowest ? { ...bar, text: `${text}, the slowest`, isMarked: true } : { ...bar, text };
  });
  return {
    title: `${way}: ${formatRate(bytesPerSecond)}, bounded by ${boundWords(bound)}`,
    paragraphs: [sentence(message)],
    points: [...advice, ...left].map(sentence),
    commands,
    charts: [{
      kind: "bars",
      title: "Each part of it alone",
      unit: "MB/s",
      groups: [{ label: "", bars }],
    }],
  };
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

function rowsSection(title: string, rows: readonly BenchLine[]): ReportSection {
  return {
    title,
    charts: [...ratesChart(rows), ...scalingChart(rows)],
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

function ratesChart(rows: readonly BenchLine[]): readonly ReportChart[] {
  const drawn = rows.filter(({ name }) => !OFF_THE_SCALE.includes(name));
  if (drawn.length === 0) return [];
  const groups = Map.groupBy(drawn, groupOf);
  return [{
    kind: "bars",
    title: "Bytes a second",
    unit: "MB/s",
    groups: [...groups].map(([label, own]) => ({ label, bars: own.map(barOf) })),
  }];
}

/** What stands above bars: those below nothing would be taken for the group before them. */
function groupOf({ bench, stack, connections, lanes, by }: BenchLine): string {
  if (stack === undefined || connections === undefined || lanes === undefined) {
    return by ?? (bench === "hash" ? "reading and hashing" : "");
  }
  const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? "" : "s"}`;
  return `${stack}, ${counted(connections, "connection")}, ${counted(lanes, "lane")}`;
}

function barOf({ name, bytesPerSecond, problem }: BenchLine): ReportBar {
  if (bytesPerSecond === null) return { label: name, value: null, text: problem ?? "refused" };
  return { label: name, value: bytesPerSecond / 1e6, text: formatRate(bytesPerSecond) };
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
    lossRatio === undefined || lossRatio === 0 ? null : `${percent(lossRatio)} of packets lost`,
    dropRatio === undefined || dropRatio === 0
      ? null
      : `${percent(dropRatio)} of datagrams dropped at full sockets here`,
    busyShare === undefined ? null : `processors ${percent(busyShare)} busy`,
    problem ?? null,
  ].filter((note) => note !== null);
}
