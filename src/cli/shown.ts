// Text of an argument or an error as it may be shown: escaped, bounded, and without a ticket (I9).

import { escapeText } from "../base/text.ts";

/** Anything that begins like a ticket is one, whole or mangled: its secret is not repeated. */
const TICKET = /sftpx1[a-z2-7]{8,}/gi;

/** Longest argument repeated in an error. */
const MAX_CHARS = 200;

/** The text made safe for a terminal, a log and a bug report. */
export function shown(text: string, maxChars: number = MAX_CHARS): string {
  return escapeText(text.replace(TICKET, "sftpx1..."), maxChars);
}
