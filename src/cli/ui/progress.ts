// Progress as a pure function of its state: one line that fits a number of columns, for a terminal,
// and one for a log.

import { formatBytes, formatCount, formatDuration, formatRate } from "../units.ts";
import { styled } from "./style.ts";
import { cutText, textWidth } from "./width.ts";

/** What is known of a transfer at one moment. */
export interface ProgressState {
  readonly phase: "connecting" | "sending" | "receiving" | "waiting";
  readonly bytesDone: number;
  /** Null while the walk is still counting. */
  readonly bytesTotal: number | null;
  readonly filesDone: number;
  readonly filesTotal: number | null;
  readonly wireBytes: number;
  readonly bytesPerSecond: number;
  readonly elapsedMs: number;
  /** Null while nothing can be said. */
  readonly leftMs: number | null;
}

/** Where it is shown. */
export interface ProgressPlace {
  readonly columns: number;
  readonly color: boolean;
}

const MIN_BAR = 8;
const MAX_BAR = 30;
const GAP = "  ";

/** One line of at most `columns` columns, never with a line break. */
export function progressLine(state: ProgressState, { columns, color }: ProgressPlace): string {
  const share = shareDone(state);
  const percent = share === null ? null : `${Math.floor(share * 100)}%`.padStart(4);
  const parts: string[] = [state.phase];
  const add = (part: string | null, spare: number) => {
    if (part !== null && lineWidth([...parts, part]) + spare <= columns) parts.push(part);
  };
  // What is said first is dropped last; the bar comes before the guess and the count.
  for (const part of [percent, amount(state), rate(state)]) add(part, 0);
  const spare = share === null ? 0 : GAP.length + MIN_BAR;
  for (const part of [left(state), files(state)]) add(part, spare);
  if (lineWidth(parts) > columns) return cutText(state.phase, columns);
  const room = columns - lineWidth(parts) - GAP.length;
  const [phase = "", ...rest] = parts;
  const shown = [styled(phase, "strong", color)];
  if (share !== null && room >= MIN_BAR) shown.push(bar(share, Math.min(room, MAX_BAR), color));
  shown.push(...rest);
  return shown.join(GAP);
}

/** One line for a log, with no control characters and no fixed width. */
export function progressLogLine(state: ProgressState): string {
  const share = shareDone(state);
  const parts = [
    share === null ? null : `${Math.floor(share * 100)}%`,
    amount(state),
    rate(state),
    files(state),
    left(state),
  ].filter((part) => part !== null);
  return `${state.phase} ${parts.join(", ")}`;
}

/** Never quite 1 before all is done, and never more: 99.9% is shown as 99%. */
function shareDone({ bytesDone, bytesTotal }: ProgressState): number | null {
  if (bytesTotal === null) return null;
  if (bytesTotal === 0) return 1;
  return Math.min(1, Math.max(0, bytesDone / bytesTotal));
}

function bar(share: number, width: number, color: boolean): string {
  const full = Math.floor(share * width);
  return styled("━".repeat(full), "accent", color) +
    styled("─".repeat(width - full), "faint", color);
}

function amount({ phase, bytesDone, bytesTotal }: ProgressState): string | null {
  if (phase === "connecting") return null;
  if (bytesTotal === null) return formatBytes(bytesDone);
  return `${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`;
}

function rate({ phase, bytesPerSecond }: ProgressState): string | null {
  return phase === "connecting" ? null : formatRate(Math.max(0, bytesPerSecond));
}

function files({ phase, filesDone, filesTotal }: ProgressState): string | null {
  if (phase === "connecting" || filesTotal === 1) return null;
  if (filesTotal === null) return `${formatCount(filesDone)} files`;
  return `${formatCount(filesDone)} of ${formatCount(filesTotal)} files`;
}

function left({ leftMs }: ProgressState): string | null {
  // Whole seconds: tenths in a guess are noise.
  return leftMs === null ? null : `${formatDuration(Math.ceil(leftMs / 1000) * 1000)} left`;
}

function lineWidth(parts: readonly string[]): number {
  return textWidth(parts.join(GAP));
}
