// What `bench peers` came to: as lines of JSON, as tables, and as one HTML page with charts.

import {
  type ReportCell,
  reportPage,
  type ReportSection,
  type ReportTable,
} from "../../src/cli/report_page.ts";
import { type Bar, barsOf, linkBytesPerSecond } from "./peers_bars.ts";
import { type Cell, cellKey, PATHS, type PathSpec, type Shape, SHAPES } from "./peers_plan.ts";
import { type Figures, figuresOf, type Pass, type PeersRecord } from "./peers_record.ts";
import { unitOf } from "./peers_size.ts";

/** One line of the tables: a cell, one pass of it. */
export interface Row {
  readonly path: string;
  readonly shape: Shape;
  readonly pass: Pass;
  readonly tool: string;
  readonly congestion: string;
  readonly sysctls: string;
  readonly runs: number;
  readonly megabytesPerSecond: number;
  readonly filesPerSecond: number;
  readonly seconds: number;
  readonly bytes: number;
  readonly files: number;
  /** How much faster sftpx was, both as their users wait; null without sftpx. */
  readonly sftpxRatio: number | null;
  readonly busyRatio: number | null;
  /** Part of the link that noise went through at; null where no link bounds it. */
  readonly linkRatio: number | null;
  readonly chose: string;
}

const PASSES = ["first", "unchanged"] as const;

export interface ReportOptions {
  readonly record: PeersRecord;
  readonly cells: readonly Cell[];
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** Tools and paths that were not measured, and why. */
  readonly leftOut: readonly string[];
}

/** All figures there are, in the plan's order. */
export function rowsOf(record: PeersRecord, cells: readonly Cell[]): readonly Row[] {
  const { cores } = record.facts;
  const look = (cell: Cell, pass: Pass) =>
    figuresOf(record.samples, { cell: cellKey(cell), pass, cores });
  return cells.flatMap((cell) =>
    PASSES.flatMap((pass) => {
      const figures = look(cell, pass);
      if (figures === null) return [];
      const own = look({ ...cell, tool: "sftpx", congestion: "cubic", sysctls: "stock" }, pass);
      return [rowOf(cell, { pass, figures, own })];
    })
  );
}

function rowOf(
  { path, shape, tool, congestion, sysctls }: Cell,
  { pass, figures, own }: { pass: Pass; figures: Figures; own: Figures | null },
): Row {
  const rate = ({ bytesPerSecond, filesPerSecond }: Figures) =>
    unitOf(shape) === "bytes" ? bytesPerSecond : filesPerSecond;
  return {
    path,
    shape,
    pass,
    tool,
    congestion,
    sysctls,
    runs: figures.runs,
    megabytesPerSecond: rounded(figures.bytesPerSecond / 1e6, 1),
    filesPerSecond: rounded(figures.filesPerSecond, 1),
    seconds: rounded(figures.seconds, 2),
    bytes: figures.bytes,
    files: figures.files,
    sftpxRatio: own === null ? null : rounded(rate(own) / rate(figures), 2),
    busyRatio: figures.busyRatio === null ? null : rounded(figures.busyRatio, 2),
    linkRatio: linkRatioOf({ path, shape }, figures),
    chose: figures.chose,
  };
}

function linkRatioOf(
  { path, shape }: Pick<Cell, "path" | "shape">,
  { bytesPerSecond }: Figures,
): number | null {
  const link = linkBytesPerSecond(path);
  return link === 0 || shape !== "random" ? null : rounded(bytesPerSecond / link, 3);
}

/** One JSON object a line: figures, bars, failures. */
export function jsonLines({ record, cells }: ReportOptions): readonly string[] {
  const lines = [
    ...rowsOf(record, cells).map((row) => ({ kind: "figure", ...row })),
    ...barsOf(record.samples, record.facts).map((bar) => ({ kind: "bar", ...bar })),
    ...record.failures.map((failure) => ({ kind: "failure", ...failure })),
  ];
  return lines.map((line) => JSON.stringify(line));
}

/** Tables for a terminal: figures, then bars. */
export function tables({ record, cells }: ReportOptions): readonly (readonly TableRow[])[] {
  const figures = rowsOf(record, cells).map((row): TableRow => ({
    path: row.path,
    shape: row.pass === "first" ? row.shape : `${row.shape} again`,
    tool: row.tool,
    tcp: row.path === "loopback" ? "-" : row.congestion,
    sysctls: row.sysctls,
    rate: shownRate(row),
    "sftpx is": row.sftpxRatio === null ? "-" : `${row.sftpxRatio.toFixed(2)} x`,
    seconds: row.seconds.toFixed(2),
    runs: row.runs,
    "of link": shownPart(row.linkRatio),
    "cores busy": shownPart(row.busyRatio),
    chose: row.chose,
  }));
  const bars = barsOf(record.samples, record.facts).map((bar): TableRow => ({
    bar: bar.name,
    against: bar.against,
    ratio: bar.ratio.toFixed(2),
    asked: shownBar(bar),
    met: bar.isMet ? "yes" : "no",
  }));
  return [figures, bars];
}

type TableRow = Readonly<{ [column: string]: string | number }>;

/** The whole page. */
export function page({ record, cells, facts, leftOut }: ReportOptions): string {
  const rows = rowsOf(record, cells);
  const bars = barsOf(record.samples, record.facts);
  const missing = [
    ...leftOut,
    ...record.failures.map(({ cell, error }) => `${cell}: ${error}`),
  ];
  return reportPage({
    title: "sftpx and its peers",
    facts,
    sections: [
      barSection(bars),
      ...Object.values(PATHS).flatMap((path) => pathSections(path, rows)),
      ...(missing.length === 0 ? [] : [{ title: "Left out", paragraphs: missing }]),
    ],
  });
}

function barSection(bars: readonly Bar[]): ReportSection {
  const rows = bars.map((bar): readonly ReportCell[] => [
    { text: bar.isMet ? "met" : "missed", tone: bar.isMet ? "good" : "bad" },
    bar.name,
    bar.against,
    shownRatio(bar.reached, bar.name),
    shownRatio(bar.reference, bar.name),
    bar.ratio.toFixed(2),
    shownBar(bar),
  ]);
  const table: ReportTable = {
    columns: [
      { title: "" },
      { title: "what" },
      { title: "against" },
      { title: "sftpx", isNumber: true },
      { title: "that", isNumber: true },
      { title: "ratio", isNumber: true },
      { title: "bar", isNumber: true },
    ],
    rows,
  };
  return {
    title: "Bars",
    paragraphs: [
      `${bars.filter(({ isMet }) => isMet).length} of ${bars.length} are met.`,
      "Beside other tools sftpx is timed as they are, from the start of the program to its end. Beside " +
      "bounds, which start nothing, by the time the transfer itself took.",
    ],
    table,
  };
}

function pathSections(path: PathSpec, rows: readonly Row[]): ReportSection[] {
  return SHAPES.flatMap((shape) =>
    PASSES.flatMap((pass) => {
      const own = rows.filter((row) =>
        row.path === path.name && row.shape === shape && row.pass === pass
      );
      return own.length === 0 ? [] : [sectionOf(path, { shape, pass, rows: own })];
    })
  );
}

interface Group {
  readonly shape: Shape;
  readonly pass: Pass;
  readonly rows: readonly Row[];
}

function sectionOf(path: PathSpec, { shape, pass, rows }: Group): ReportSection {
  const isBytes = unitOf(shape) === "bytes";
  const link = linkBytesPerSecond(path.name) / 1e6;
  const unit = isBytes ? "MB/s" : "files/s";
  const groups = Map.groupBy(rows, groupOf);
  return {
    title: `${shape}${pass === "unchanged" ? ", unchanged" : ""}, ${shownPath(path)}`,
    charts: [{
      kind: "bars",
      title: isBytes ? "Bytes a second" : "Files a second",
      unit,
      groups: [...groups].map(([label, members]) => ({
        label,
        bars: members.map((row) => ({
          label: labelOf(row),
          value: isBytes ? row.megabytesPerSecond : row.filesPerSecond,
          ...(label === OWN ? { isMarked: true as const } : {}),
        })),
      })),
      // Text may go through faster than the link lets its bytes.
      ...(link > 0 && shape === "random" ? { target: { label: "link", value: link } } : {}),
    }],
    table: {
      columns: [
        { title: "tool" },
        { title: unit, isNumber: true },
        { title: "sftpx is", isNumber: true },
        { title: "seconds", isNumber: true },
        { title: isBytes ? "MB a run" : "files a run", isNumber: true },
        { title: "runs", isNumber: true },
        { title: "of link", isNumber: true },
        { title: "cores busy", isNumber: true },
        { title: "chose" },
      ],
      rows: rows.map((row) => [
        labelOf(row),
        String(isBytes ? row.megabytesPerSecond : row.filesPerSecond),
        row.sftpxRatio === null ? "-" : `${row.sftpxRatio.toFixed(2)} x`,
        row.seconds.toFixed(2),
        isBytes ? (row.bytes / 1e6).toFixed(0) : String(row.files),
        String(row.runs),
        shownPart(row.linkRatio),
        shownPart(row.busyRatio),
        row.chose,
      ]),
    },
  };
}

/** The group of bars that a page is about. */
const OWN = "sftpx";

function groupOf({ path, tool, congestion }: Row): string {
  if (tool.startsWith("sftpx")) return OWN;
  if (tool.startsWith("raw")) return "Bounds";
  return path === "loopback" ? "Peers" : `Peers, TCP ${congestion.toUpperCase()}`;
}

function labelOf({ path, tool, congestion, sysctls }: Row): string {
  if (tool.startsWith("sftpx")) return sysctls === "stock" ? tool : `${tool}, ${sysctls} sysctls`;
  return path === "loopback" ? tool : `${tool}, ${congestion.toUpperCase()}`;
}

function shownPath({ name, rttMs, lossPercent, megabitsPerSecond }: PathSpec): string {
  if (megabitsPerSecond === 0) return name;
  const loss = lossPercent === 0 ? "no loss" : `${lossPercent} % loss`;
  return `${rttMs} ms, ${loss}, ${megabitsPerSecond} Mbit/s`;
}

function shownRate({ shape, megabytesPerSecond, filesPerSecond }: Row): string {
  return unitOf(shape) === "bytes" ? `${megabytesPerSecond} MB/s` : `${filesPerSecond} files/s`;
}

/** A bar's name begins with its shape. */
function shownRatio(rate: number, name: string): string {
  const isFiles = name.startsWith("small") || name.startsWith("modules");
  return isFiles ? `${Math.round(rate)} files/s` : `${(rate / 1e6).toFixed(1)} MB/s`;
}

function shownPart(part: number | null): string {
  return part === null ? "-" : part.toFixed(2);
}

function shownBar({ bar, aim }: Bar): string {
  return aim === null ? String(bar) : `${bar}, aiming at ${aim}`;
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
