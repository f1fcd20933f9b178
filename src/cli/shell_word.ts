// Text as one word of a command line to be pasted into a shell.

import { shown } from "./shown.ts";

/** Longest path repeated whole: what is cut off would paste as another one. */
const MAX_CHARS = 4096;
/** What no shell takes for anything but itself. */
const PLAIN = /^[\w@%+=:,./-]+$/;

/**
 * The text as a POSIX shell reads it back, safe to show. One with a character that cannot be shown is
 * escaped, and names another file then.
 */
export function shellWord(text: string): string {
  const safe = shown(text, MAX_CHARS);
  return PLAIN.test(safe) ? safe : `'${safe.replaceAll("'", "'\\''")}'`;
}
