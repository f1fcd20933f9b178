// One entry of a listing as one line: its name alone, or with mode, size and local time before it, each
// in a width that any value fits, so that a listing of any length can be shown as it comes. Names come
// from a peer: they are escaped here.

import { escapeText } from "../../base/text.ts";
import { formatBytes } from "../units.ts";

/** What is listed of an entry. */
export interface ListedEntry {
  readonly path: string;
  readonly kind: "file" | "directory" | "link";
  readonly sizeBytes: number;
  readonly mtimeNs: bigint;
  readonly mode: number;
  readonly target?: string;
}

/** Longest name shown: every byte of the longest path, escaped. */
const NAME_CHARS = 40_000;
/** `9.99 GB`, and no size is longer. */
const SIZE_COLUMNS = 7;
const KIND_LETTERS = { file: "-", directory: "d", link: "l" } as const;
const PERMISSIONS = "rwxrwxrwx";
/** Bits above the permissions: where each shows, and as what, with and without the right to execute. */
const SPECIAL_BITS = [
  { bit: 0o4000, at: 2, letters: "sS" },
  { bit: 0o2000, at: 5, letters: "sS" },
  { bit: 0o1000, at: 8, letters: "tT" },
] as const;

/** The line of one entry; directories end in `/`. */
export function listingLine(entry: ListedEntry, { long }: { long: boolean }): string {
  const name = escapeText(entry.path, NAME_CHARS) + (entry.kind === "directory" ? "/" : "");
  if (!long) return name;
  const size = entry.kind === "file" ? formatBytes(entry.sizeBytes) : "-";
  const arrow = entry.target === undefined ? "" : ` -> ${escapeText(entry.target, NAME_CHARS)}`;
  const facts = [formatMode(entry), size.padStart(SIZE_COLUMNS), localTime(entry.mtimeNs)];
  return `${facts.join("  ")}  ${name}${arrow}`;
}

/** `drwxr-xr-x`, as every listing since the first has it. */
export function formatMode({ kind, mode }: Pick<ListedEntry, "kind" | "mode">): string {
  const letters = [...PERMISSIONS].map((letter, at) => mode & (0o400 >> at) ? letter : "-");
  for (const { bit, at, letters: [set, bare] } of SPECIAL_BITS) {
    if ((mode & bit) !== 0) letters[at] = letters[at] === "x" ? set! : bare!;
  }
  return KIND_LETTERS[kind] + letters.join("");
}

/** `2027-01-02 03:04` where this machine is; 16 columns. */
export function localTime(timeNs: bigint): string {
  const time = dateOf(timeNs);
  if (time === null) return "?".padEnd(16);
  const [month, day, hour, minute] = [
    time.getMonth() + 1,
    time.getDate(),
    time.getHours(),
    time.getMinutes(),
  ].map((part) => String(part).padStart(2, "0"));
  return `${String(time.getFullYear()).padStart(4, "0")}-${month}-${day} ${hour}:${minute}`;
}

/** RFC 3339 in UTC, as `--json` has times; the first moment of 1970 for one that no date can be. */
export function utcTime(timeNs: bigint): string {
  return (dateOf(timeNs) ?? new Date(0)).toISOString();
}

/** Null for a time that four digits of a year do not hold: a peer may say anything. */
function dateOf(timeNs: bigint): Date | null {
  const time = new Date(Number(timeNs / 1_000_000n));
  const year = time.getUTCFullYear();
  return year >= 0 && year <= 9998 ? time : null;
}
