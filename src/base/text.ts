// Text from a peer or a file system made safe to show: no control reaches the terminal, no
// character reorders, hides or breaks a line, and the length is bounded (I9).

import { LIMITS } from "./limits.ts";

/** What the runtime puts for bytes that are not UTF-8, and we for what cannot travel. */
export const REPLACEMENT = "\ufffd";

/** Controls, format characters (bidi, zero width, tags), line breaks, lone surrogates, private use. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/u;

/** Most of what is shown, judged at one look: that other one takes a millisecond to be made ready. */
const PLAIN = /^[\x20-\x7e]*$/;

/**
 * The text with every unsafe character written as `\u{HEX}`, at most `maxChars` characters long in
 * all; where it was cut it ends in `…`.
 */
export function escapeText(text: string, maxChars: number = LIMITS.textBytes): string {
  if (!Number.isSafeInteger(maxChars) || maxChars < 1) {
    throw new RangeError(`Cannot escape text to ${maxChars} characters`);
  }
  if (text.length <= maxChars && PLAIN.test(text)) return text;
  const shown: string[] = [];
  let chars = 0;
  for (const char of text) {
    const piece = UNSAFE.test(char) ? `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}` : char;
    const pieceChars = piece === char ? 1 : piece.length;
    if (chars + pieceChars > maxChars) return cut(shown, chars, maxChars);
    shown.push(piece);
    chars += pieceChars;
  }
  return shown.join("");
}

/** Makes room for the ellipsis; whole pieces go, so that no escape is left half. */
function cut(shown: string[], chars: number, maxChars: number): string {
  while (chars + 1 > maxChars) {
    const piece = shown.pop() ?? "";
    chars -= piece.startsWith("\\u{") ? piece.length : 1;
  }
  return shown.join("") + "…";
}
