// One measurement as one line, in columns that stand still while rows come one by one.

import type { BenchLine } from "../json_line.ts";
import { shown } from "../shown.ts";
import { formatRate } from "../units.ts";

const NAME_COLUMNS = 24;
/** `9.99 GB/s`, and no rate is longer. */
const RATE_COLUMNS = 9;

/** What, how fast, and by what means. */
export function benchLine({ bench, name, bytesPerSecond, by, rttMs, ratio }: BenchLine): string {
  const rate = bytesPerSecond === null ? "refused" : formatRate(bytesPerSecond);
  const notes = [
    by === undefined ? null : shown(by),
    ratio === undefined ? null : `to ${Math.round(ratio * 100)}% of its size`,
    rttMs === undefined ? null : `round trip ${formatRoundTrip(rttMs)}`,
  ].filter((note) => note !== null);
  const head = `${bench} ${name}`.padEnd(NAME_COLUMNS);
  return `${head}  ${rate.padStart(RATE_COLUMNS)}  ${notes.join(", ")}`.trimEnd();
}

/** Round trips on a loopback are fractions of a millisecond. */
function formatRoundTrip(ms: number): string {
  return `${ms < 10 ? ms.toFixed(2) : Math.round(ms)} ms`;
}
