// What a transfer came to, in a few lines: what is in place now, how fast, and what did not have to be
// sent.

import type { TransferSummary } from "../../session/options.ts";
import { formatBytes, formatCount, formatDuration, formatRate } from "../units.ts";
import { styled } from "./style.ts";

/** Digits of the root that are shown: enough to compare by eye; `--json` has all. */
const ROOT_DIGITS = 16;
/** Less than this saved is not worth a word. */
const MIN_SHARE_SAVED = 0.01;

/** Which way a transfer went, as its user sees it. */
export type Deed = "sent" | "received";

/** Lines for a person; no error in them, `errorLines` tells that. */
export function summaryLines(
  summary: TransferSummary,
  { deed, color }: { deed: Deed; color: boolean },
): readonly string[] {
  const lines = [headline(summary, deed, color)];
  const savings = savingsLine(summary);
  if (savings !== null) lines.push(`  ${styled(savings, "faint", color)}`);
  if (summary.failed > 0) {
    const text = `${formatCount(summary.failed)} ${entries(summary.failed)} failed`;
    lines.push(`  ${styled(text, "warning", color)}`);
  }
  if (summary.root !== null) {
    lines.push(`  ${styled(`root ${summary.root.slice(0, ROOT_DIGITS)}`, "faint", color)}`);
  }
  return lines;
}

/** The mark before a verdict. */
export function styledMark(good: boolean, color: boolean): string {
  return good ? styled("✓", "good", color) : styled("✗", "error", color);
}

function headline(summary: TransferSummary, deed: Deed, color: boolean): string {
  const { files, bytes, reusedBytes, seconds } = summary;
  const good = summary.ok && summary.error === null;
  const mark = styledMark(good, color);
  const what = styled(
    `${formatCount(files)} ${files === 1 ? "file" : "files"}, ${formatBytes(bytes)}`,
    "strong",
    color,
  );
  const time = formatDuration(seconds * 1000);
  if (good && bytes > 0 && reusedBytes === bytes) return `${mark} ${what} already there (${time})`;
  const sentBytes = bytes - reusedBytes;
  const speed = seconds > 0 && sentBytes > 0 ? `, ${formatRate(sentBytes / seconds)}` : "";
  return `${mark} ${what} ${good ? deed : "in place"} in ${time}${speed}`;
}

/** What was not sent, and why: it was there, or it shrank. */
function savingsLine({ bytes, reusedBytes, wireBytes }: TransferSummary): string | null {
  const parts: string[] = [];
  const sentBytes = bytes - reusedBytes;
  if (reusedBytes > 0 && sentBytes > 0) parts.push(`${formatBytes(reusedBytes)} already there`);
  const savedBytes = sentBytes - wireBytes;
  if (sentBytes > 0 && savedBytes / sentBytes >= MIN_SHARE_SAVED) {
    const percent = Math.floor((savedBytes / sentBytes) * 100);
    parts.push(`compression saved ${formatBytes(savedBytes)} (${percent}%)`);
  }
  if (parts.length === 0) return null;
  return `${formatBytes(wireBytes)} on the wire: ${parts.join(", ")}`;
}

function entries(count: number): string {
  return count === 1 ? "entry" : "entries";
}
