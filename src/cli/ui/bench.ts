// One measurement as one line, in columns that stand still while rows come one by one; and what all of
// them mean, in a few lines more.

import type { BenchLine, VerdictLine } from "../json_line.ts";
import { shown } from "../shown.ts";
import { formatRate } from "../units.ts";

const NAME_COLUMNS = 24;
/** `9.99 GB/s`, and no rate is longer. */
const RATE_COLUMNS = 9;

/** What bounds a transfer, as a person says it. */
const BOUNDS: Readonly<Record<VerdictLine["bound"], string>> = {
  limit: "the limit asked for",
  disk: "the disk",
  cpu: "processors",
  window: "the window",
  kernel_buffer: "the kernel's UDP buffers",
  loss: "packet loss",
  link: "the link",
};

/** What, how fast, and by what means. */
export function benchLine(row: BenchLine): string {
  const { bench, name, bytesPerSecond, by, rttMs, ratio, scaling, lossRatio, dropRatio } = row;
  const missing = row.problem === undefined ? "refused" : "failed";
  const rate = bytesPerSecond === null ? missing : formatRate(bytesPerSecond);
  const notes = [
    by === undefined ? null : shown(by),
    ratio === undefined ? null : `to ${Math.round(ratio * 100)}% of its size`,
    scaling === undefined ? null : `${scaling.toFixed(2)} of as many times one thread`,
    rttMs === undefined ? null : `round trip ${formatRoundTrip(rttMs)}`,
    lossRatio === undefined || lossRatio === 0 ? null : `loss ${formatPercent(lossRatio)}`,
    dropRatio === undefined || dropRatio === 0 ? null : `dropped here ${formatPercent(dropRatio)}`,
    row.problem === undefined ? null : shown(row.problem),
  ].filter((note) => note !== null);
  const head = `${bench} ${name}`.padEnd(NAME_COLUMNS);
  return `${head}  ${rate.padStart(RATE_COLUMNS)}  ${notes.join(", ")}`.trimEnd();
}

/** What bounds one direction, in a sentence. */
export function verdictLine({ direction, bound, bytesPerSecond, message }: VerdictLine): string {
  const way = direction === "send" ? "Sending" : "Receiving";
  return `${way} reaches ${formatRate(bytesPerSecond)}, bounded by ${
    boundWords(bound)
  }: ${message}.`;
}

/** What bounds, as a person says it. */
export function boundWords(bound: VerdictLine["bound"]): string {
  return BOUNDS[bound];
}

/** All verdicts, with what to do; each advice and each command once. */
export function verdictLines(verdicts: readonly VerdictLine[]): readonly string[] {
  const advice = new Set(verdicts.flatMap((verdict) => verdict.advice));
  const commands = new Set(verdicts.flatMap((verdict) => verdict.commands));
  return [
    ...verdicts.map(verdictLine),
    ...Array.from(advice, (text) => `- ${text}`),
    ...Array.from(commands, (command) => `    ${command}`),
  ];
}

/** Round trips on a loopback are fractions of a millisecond. */
function formatRoundTrip(ms: number): string {
  return `${ms < 10 ? ms.toFixed(2) : Math.round(ms)} ms`;
}

function formatPercent(ratio: number): string {
  return `${Number((ratio * 100).toPrecision(2))}%`;
}
