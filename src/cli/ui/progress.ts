// Progress as a pure function of its state: one line that fits a number of columns, for a terminal,
// and one for a log. Says only what is known: no rate where nothing moves, no bar without a total.

import type { Phase } from "../../session/options.ts";
import { formatBytes, formatCount, formatDuration, formatRate } from "../units.ts";
import { styled } from "./style.ts";
import { cutText, textWidth } from "./width.ts";

/** What is known of a transfer, or of several together, at one moment. */
export interface ProgressState {
  readonly phase: Phase;
  /** How many transfers this is the sum of; 1 when absent. */
  readonly transfers?: number;
  readonly bytesDone: number;
  /** Null while the walk is still counting. */
  readonly bytesTotal: number | null;
  /** Of `bytesDone`, those not sent. */
  readonly reusedBytes: number;
  readonly wireBytes: number;
  readonly filesDone: number;
  readonly filesTotal: number | null;
  readonly bytesPerSecond: number;
  /** Null while nothing can be said. */
  readonly leftMs: number | null;
}

/** Where it is shown. */
export interface ProgressPlace {
  readonly columns: number;
  readonly color: boolean;
}

const PHASES: Readonly<Record<Phase, string>> = {
  connect: "connecting",
  reconnect: "reconnecting",
  scan: "scanning",
  send: "sending",
  receive: "receiving",
  verify: "verifying",
  commit: "committing",
};

const MIN_BAR = 8;
const MAX_BAR = 30;
const GAP = "  ";

/** One line of at most `columns` columns, never with a line break. */
export function progressLine(state: ProgressState, { columns, color }: ProgressPlace): string {
  const name = label(state);
  const share = shareDone(state);
  const percent = share === null ? null : `${Math.floor(share * 100)}%`.padStart(4);
  const parts: string[] = [name];
  const add = (part: string | null, spare: number) => {
    if (part !== null && lineWidth([...parts, part]) + spare <= columns) parts.push(part);
  };
  // What is said first is dropped last; the bar comes before the guess and the counts.
  for (const part of [percent, amount(state), rate(state)]) add(part, 0);
  const spare = share === null ? 0 : GAP.length + MIN_BAR;
  for (const part of [left(state), files(state), reused(state), wire(state)]) add(part, spare);
  if (lineWidth(parts) > columns) return cutText(name, columns);
  const room = columns - lineWidth(parts) - GAP.length;
  const shown = [styled(name, "strong", color)];
  if (share !== null && room >= MIN_BAR) shown.push(bar(share, Math.min(room, MAX_BAR), color));
  shown.push(...parts.slice(1));
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
    reused(state),
    wire(state),
    left(state),
  ].filter((part) => part !== null);
  return parts.length === 0 ? label(state) : `${label(state)} ${parts.join(", ")}`;
}

/** Several transfers as one: sums, and a total only where every total is known. */
export function together(states: readonly ProgressState[]): ProgressState {
  const [first] = states;
  if (first === undefined) throw new RangeError("Cannot add up no transfers");
  if (states.length === 1) return first;
  const sum = (of: (state: ProgressState) => number) =>
    states.reduce((total, state) => total + of(state), 0);
  const known = (of: (state: ProgressState) => number | null) =>
    states.some((state) => of(state) === null) ? null : sum((state) => of(state) ?? 0);
  const bytesDone = sum((state) => state.bytesDone);
  const bytesTotal = known((state) => state.bytesTotal);
  const bytesPerSecond = sum((state) => state.bytesPerSecond);
  return {
    phase: first.phase,
    transfers: states.length,
    bytesDone,
    bytesTotal,
    reusedBytes: sum((state) => state.reusedBytes),
    wireBytes: sum((state) => state.wireBytes),
    filesDone: sum((state) => state.filesDone),
    filesTotal: known((state) => state.filesTotal),
    bytesPerSecond,
    // They share one path: what one leaves the others take.
    leftMs: bytesTotal === null || bytesPerSecond <= 0
      ? null
      : Math.max(0, bytesTotal - bytesDone) / bytesPerSecond * 1000,
  };
}

function label({ phase, transfers = 1 }: ProgressState): string {
  return transfers === 1 ? PHASES[phase] : `${formatCount(transfers)} transfers`;
}

/** Whether bytes are on their way: a rate is said of nothing else. */
function isMoving({ phase, transfers = 1 }: ProgressState): boolean {
  return transfers > 1 || phase === "send" || phase === "receive";
}

/** Whether anything was counted yet. */
function isCounted({ phase, transfers = 1, bytesDone, bytesTotal, filesDone }: ProgressState) {
  if (transfers > 1) return true;
  if (phase === "connect") return false;
  const isBlank = bytesTotal === null && bytesDone === 0 && filesDone === 0;
  return !isBlank || (phase !== "scan" && phase !== "reconnect");
}

/** Never quite 1 before all is done, and never more: 99.9% is shown as 99%. */
function shareDone(state: ProgressState): number | null {
  const { bytesDone, bytesTotal } = state;
  if (bytesTotal === null || !isCounted(state)) return null;
  if (bytesTotal === 0) return 1;
  return Math.min(1, Math.max(0, bytesDone / bytesTotal));
}

function bar(share: number, width: number, color: boolean): string {
  const full = Math.floor(share * width);
  return styled("━".repeat(full), "accent", color) +
    styled("─".repeat(width - full), "faint", color);
}

function amount(state: ProgressState): string | null {
  if (!isCounted(state)) return null;
  const { bytesDone, bytesTotal } = state;
  if (bytesTotal === null) return formatBytes(bytesDone);
  return `${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`;
}

/** None before the first byte has arrived: nothing is known yet, which is not slow. */
function rate(state: ProgressState): string | null {
  const { bytesDone, reusedBytes, bytesPerSecond } = state;
  if (!isMoving(state) || (bytesDone <= reusedBytes && bytesPerSecond <= 0)) return null;
  return formatRate(Math.max(0, bytesPerSecond));
}

function files(state: ProgressState): string | null {
  const { filesDone, filesTotal } = state;
  if (!isCounted(state) || filesTotal === 1) return null;
  if (filesTotal === null) return `${formatCount(filesDone)} files`;
  return `${formatCount(filesDone)} of ${formatCount(filesTotal)} files`;
}

function reused(state: ProgressState): string | null {
  const { reusedBytes } = state;
  return isCounted(state) && reusedBytes > 0 ? `${formatBytes(reusedBytes)} already there` : null;
}

/** Only where it says something: what was moved and took fewer bytes, or more. */
function wire(state: ProgressState): string | null {
  const { bytesDone, reusedBytes, wireBytes } = state;
  if (!isCounted(state)) return null;
  const moved = formatBytes(Math.max(0, bytesDone - reusedBytes));
  const carried = formatBytes(wireBytes);
  return wireBytes > 0 && carried !== moved ? `${carried} on the wire` : null;
}

function left(state: ProgressState): string | null {
  const { leftMs, bytesPerSecond } = state;
  // Whole seconds: tenths in a guess are noise. What stands still takes nobody knows how long.
  if (leftMs === null || bytesPerSecond <= 0 || !isMoving(state)) return null;
  return `${formatDuration(Math.ceil(leftMs / 1000) * 1000)} left`;
}

function lineWidth(parts: readonly string[]): number {
  return textWidth(parts.join(GAP));
}
