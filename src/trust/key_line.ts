// Lines of the files that name identities: blank lines and `#` comments fall away, the rest is
// split into words. Every problem names the file and the line, and a file with one is refused whole.
// An edit adds or takes away whole lines and leaves the others byte for byte.

import { SftpxError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import { parseIdentityName } from "./identity.ts";

/** One line that says something. */
export interface KeyLine {
  /** 1-based. */
  readonly number: number;
  readonly words: readonly string[];
  /** All of it, without blanks at its ends. */
  readonly text: string;
}

/** What is read, for errors. */
export interface KeyFile {
  /** Noun: `authorized keys`, `known hosts`. */
  readonly what: string;
  readonly path: string;
}

/** The lines of a file that are neither blank nor comment. */
export function keyLines(text: string): KeyLine[] {
  const lines: KeyLine[] = [];
  // A byte order mark is dropped; only blanks and tabs separate, so that nothing else hides.
  for (const [index, raw] of text.replace(/^\ufeff/, "").split("\n").entries()) {
    const line = withoutBlanks(raw.replace(/\r$/, ""));
    if (line === "" || line.startsWith("#")) continue;
    lines.push({ number: index + 1, words: line.split(/[ \t]+/), text: line });
  }
  return lines;
}

/** Without blanks and tabs at either end. Not by a pattern: one would look at each run of blanks anew. */
function withoutBlanks(line: string): string {
  const isBlank = (at: number) => line[at] === " " || line[at] === "\t";
  let start = 0;
  let end = line.length;
  while (start < end && isBlank(start)) start++;
  while (end > start && isBlank(end - 1)) end--;
  return line.slice(start, end);
}

/** The text with one more line at its end, in the line ending that it has. */
export function withLine(text: string, line: string): string {
  const ending = text.endsWith("\r\n") ? "\r\n" : "\n";
  const begun = text === "" || text.endsWith("\n") ? text : text + ending;
  return `${begun}${line}${ending}`;
}

/** The text without these lines (1-based); every other byte stays. */
export function withoutLines(text: string, numbers: ReadonlySet<number>): string {
  const lines = text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
  const kept = lines.filter((_, index) => !numbers.has(index + 1));
  // A byte order mark stands before the first line, whichever that is.
  if (numbers.has(1) && text.startsWith("\ufeff")) kept.unshift("\ufeff");
  return kept.join("");
}

/** Insists on a comment that stays on its line and shows what it is. */
export function commentText(comment: string): string {
  const text = comment.trim();
  if (escapeText(text) === text) return text;
  const shown = escapeText(text, 64);
  throw new SftpxError("usage", `Cannot use comment "${shown}": it is too long or not plain text`);
}

/** The identity a word names. */
export function keyWord(word: string, line: KeyLine, file: KeyFile): Uint8Array<ArrayBuffer> {
  try {
    return parseIdentityName(word);
  } catch (cause) {
    throw badLine(`"${escapeText(word, 64)}" is no identity`, line, { ...file, cause });
  }
}

/** The error of a line that cannot be used. */
export function badLine(
  found: string,
  line: KeyLine,
  file: KeyFile & { readonly cause?: unknown },
): SftpxError {
  return new SftpxError(
    "usage",
    `Cannot read ${file.what} "${escapeText(file.path)}": line ${line.number}: ${found}`,
    { cause: file.cause },
  );
}
