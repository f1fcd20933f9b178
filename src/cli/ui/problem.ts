// Errors, warnings and failed entries as lines for a person: what was attempted, what was found, what
// to do.

import { ERROR_TABLE, type ErrorCode, type SftpxError } from "../../base/errors.ts";
import type { SessionEvent } from "../../session/options.ts";
import { shown } from "../shown.ts";
import { formatDuration } from "../units.ts";
import { refusalAdvice } from "./refusal.ts";
import { styled } from "./style.ts";

/** Longest message shown whole. */
const MESSAGE_CHARS = 1000;

/** The peer's fault, but found here; a peer's own words under these codes say whose they are. */
const FOUND_HERE: ReadonlySet<ErrorCode> = new Set(["identity_mismatch", "version", "protocol"]);

/** What to do about a failure, by its code. */
export type Advice = Readonly<Partial<Record<ErrorCode, string>>>;

/** `error: ...` and, on its own line, the advice of the table unless nobody here can follow it. */
export function errorLines(
  error: SftpxError,
  { color, advice: ours = {}, command, isAdvised = true }: {
    color: boolean;
    /** What is said in place of the table's advice. */
    advice?: Advice | undefined;
    command?: string | undefined;
    isAdvised?: boolean | undefined;
  },
): readonly string[] {
  const by = error.remote && !FOUND_HERE.has(error.code) ? " (told by the peer)" : "";
  const lines = [
    `${styled("error:", "error", color)} ${shown(error.message, MESSAGE_CHARS)}${by}`,
  ];
  if (!isAdvised) return lines;
  const advice = ours[error.code] ?? adviceOf(error);
  if (error.code === "usage") {
    if (error.cause !== undefined) return lines;
    lines.push(`  Run "sftpx ${command === undefined ? "" : `${command} `}--help" for the usage.`);
  } else if (advice !== null) {
    lines.push(`  ${advice}`);
  }
  return lines;
}

/** What the table says, unless it does not fit what was found. */
function adviceOf({ code, message }: SftpxError): string | null {
  const fitting = code === "refused" ? refusalAdvice(message) : undefined;
  return fitting === undefined ? ERROR_TABLE[code].advice : fitting;
}

/** The chain of causes, for `--verbose`. */
export function causeLines(error: SftpxError): readonly string[] {
  const lines: string[] = [];
  let cause = error.cause;
  while (cause !== undefined && lines.length < 5) {
    const text = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
    lines.push(`  caused by ${shown(text, MESSAGE_CHARS)}`);
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return lines;
}

/** One entry that failed while the rest goes on. */
export function entryFailedLine(
  entry: { readonly path: string; readonly message: string },
  { color }: { color: boolean },
): string {
  return `${styled("failed:", "error", color)} ${shown(entry.path)}: ${
    shown(entry.message, MESSAGE_CHARS)
  }`;
}

/** The peer is away, or busy: what was found, and how long it is waited for. One line for each loss. */
export function reconnectingLine(
  { code, message, withinMs }: Extract<SessionEvent, { kind: "reconnecting" }>,
  { color }: { color: boolean },
): string {
  const state = shown(stateOf(message), MESSAGE_CHARS);
  // Whole seconds: the time is counted from when it was last heard, and a guess has no tenths.
  const wholeMs = withinMs < 1000 ? withinMs : Math.ceil(withinMs / 1000) * 1000;
  const span = `for up to ${formatDuration(wholeMs)}`;
  const text = code === "busy"
    ? `the transfer has to wait: ${state}; trying again ${span}`
    : `lost the server: ${state}; looking for it ${span}`;
  return `${styled("!", "warning", color)} ${text}`;
}

/** What a message found, without what was attempted: a colon in a quoted value is part of that value. */
function stateOf(message: string): string {
  let isQuoted = false;
  for (let at = 0; at < message.length; at++) {
    // A name that holds a quotation mark itself leaves the marks uneven: the message is shown whole.
    if (message[at] === '"') isQuoted = !isQuoted;
    else if (!isQuoted && message.startsWith(": ", at)) return message.slice(at + 2);
  }
  return message;
}

/** Something worth knowing that stops nothing. */
export function warningLine(message: string, { color }: { color: boolean }): string {
  return `${styled("warning:", "warning", color)} ${shown(message, MESSAGE_CHARS)}`;
}
