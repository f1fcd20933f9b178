// What a transfer came to, in one line that says what was done, what was saved, what was deleted and
// how fast; before it, what a curious reader asks for.

import type { TransferSummary } from "../../session/options.ts";
import { formatBytes, formatCount, formatDuration, formatRate } from "../units.ts";
import { styled } from "./style.ts";

/** Digits of the root that are shown: enough to compare by eye; `--json` has all. */
const ROOT_DIGITS = 16;
/** Less than this saved is not worth a word. */
const MIN_SHARE_SAVED = 0.01;

/** Less says more about the handshake than about the path. */
const MIN_RATED_BYTES = 1_000_000;
const MIN_RATED_SECONDS = 0.1;

/** Which way a transfer went, as its user sees it. */
export type Deed = "sent" | "received";

/** Lines for a person; no error in them, `errorLines` tells that. The last one says it all. */
export function summaryLines(
  summary: TransferSummary,
  { deed, color, verbose = false }: { deed: Deed; color: boolean; verbose?: boolean },
): readonly string[] {
  const lines: string[] = [];
  const said = verbose ? [howLine(summary), rootLine(summary)] : [];
  for (const line of said) if (line !== null) lines.push(`  ${styled(line, "faint", color)}`);
  lines.push(summary.dryRun ? planLine(summary, color) : doneLine(summary, { deed, color }));
  return lines;
}

/** The mark before a verdict. */
export function styledMark(good: boolean, color: boolean): string {
  return good ? styled("✓", "good", color) : styled("✗", "error", color);
}

function rootLine({ root }: TransferSummary): string | null {
  return root === null ? null : `root ${root.slice(0, ROOT_DIGITS)}`;
}

/** What was decided on the way, or asked for. */
function howLine({ compression, limitBytesPerSecond }: TransferSummary): string | null {
  const parts = [
    compression === undefined ? null : `compression ${compression}`,
    limitBytesPerSecond === undefined ? null : `at most ${formatRate(limitBytesPerSecond)}`,
  ].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.join(", ");
}

function doneLine(
  summary: TransferSummary,
  { deed, color }: { deed: Deed; color: boolean },
): string {
  const good = isGood(summary);
  const more = [
    ...savings(summary, deed),
    good ? otherChanges(summary) : null,
    summary.deleted > 0 ? `${counted(summary.deleted, "entry", "entries")} deleted` : null,
    reconnections(summary),
  ].filter((part) => part !== null);
  const failed = failures(summary, color);
  return [
    `${styledMark(good, color)} ${headline(summary, { deed, color, good })}`,
    more.length === 0 ? "" : styled(` (${more.join(", ")})`, "faint", color),
    failed === null ? "" : `; ${failed}`,
  ].join("");
}

function headline(
  summary: TransferSummary,
  { deed, color, good }: { deed: Deed; color: boolean; good: boolean },
): string {
  const { bytes, reusedBytes, seconds, changed } = summary;
  const what = styled(amount(summary), "strong", color);
  const time = formatDuration(seconds * 1000);
  // Of files that hold nothing, no bytes tell whether they were there: what was changed does.
  const isThere = bytes > 0 ? reusedBytes === bytes : summary.files > 0 && changed === 0;
  if (good && isThere) return `${what} already there, in ${time}`;
  const sentBytes = bytes - reusedBytes;
  const isRated = sentBytes >= MIN_RATED_BYTES && seconds >= MIN_RATED_SECONDS;
  const speed = isRated ? `, ${formatRate(sentBytes / seconds)}` : "";
  // What was there was not sent: how much was stands with what was saved.
  return `${what} ${good && reusedBytes === 0 ? deed : "in place"} in ${time}${speed}`;
}

/** What was not sent, and why: it was there, or it shrank. */
function savings(
  { bytes, reusedBytes, wireBytes }: TransferSummary,
  deed: Deed,
): readonly string[] {
  const parts: string[] = [];
  const sentBytes = bytes - reusedBytes;
  if (sentBytes <= 0) return parts;
  if (reusedBytes > 0) {
    parts.push(`${formatBytes(sentBytes)} ${deed}, ${formatBytes(reusedBytes)} already there`);
  }
  const savedBytes = sentBytes - wireBytes;
  if (savedBytes / sentBytes >= MIN_SHARE_SAVED) {
    const percent = Math.floor((savedBytes / sentBytes) * 100);
    parts.push(`compression saved ${formatBytes(savedBytes)}, ${percent}%`);
  }
  return parts;
}

/** Nothing of a file was sent: links, directories, modes or names were what changed. */
function otherChanges({ bytes, reusedBytes, changed }: TransferSummary): string | null {
  if (changed === null || changed === 0 || bytes === 0 || reusedBytes < bytes) return null;
  return `${counted(changed, "entry", "entries")} changed`;
}

function reconnections({ reconnects }: TransferSummary): string | null {
  if (reconnects === 0) return null;
  return `reconnected ${reconnects === 1 ? "once" : `${formatCount(reconnects)} times`}`;
}

/** A dry run's line: what would be, and that nothing was done. */
function planLine(summary: TransferSummary, color: boolean): string {
  const { changed, deleted, reusedBytes } = summary;
  const deeds: string[] = [];
  if (changed !== null && changed > 0) {
    deeds.push(`change ${counted(changed, "entry", "entries")}`);
  }
  if (deleted > 0) deeds.push(`delete ${formatCount(deleted)}`);
  const would = deeds.length === 0 ? "would change nothing" : `would ${deeds.join(" and ")}`;
  const there = reusedBytes > 0 ? `, ${formatBytes(reusedBytes)} of them already there` : "";
  const failed = failures(summary, color);
  return `${styledMark(isGood(summary), color)} dry run: ${styled(would, "strong", color)}` +
    `; ${amount(summary)} in all${there}` +
    `${failed === null ? "" : `; ${failed}`}; nothing was done`;
}

function failures({ failed, dryRun }: TransferSummary, color: boolean): string | null {
  if (failed === 0) return null;
  const verb = dryRun ? "would fail" : "failed";
  return styled(`${counted(failed, "entry", "entries")} ${verb}`, "warning", color);
}

function isGood({ ok, error }: TransferSummary): boolean {
  return ok && error === null;
}

function amount({ files, bytes }: TransferSummary): string {
  return `${counted(files, "file", "files")}, ${formatBytes(bytes)}`;
}

function counted(count: number, one: string, many: string): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}
