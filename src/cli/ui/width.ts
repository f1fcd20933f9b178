// How many columns text takes on a terminal, and text cut to fit. East Asian and emoji widths come
// from Unicode properties the runtime knows: the table of `@std/cli/unicode-width` is a JSON file that
// its mirror on npm does not carry.

// Styles are made in `style.ts` and nowhere else, so this form is the only one met.
// deno-lint-ignore no-control-regex
const STYLE = /\x1b\[[0-9;]*m/g;
const ELLIPSIS = "…";

/** Marks and format characters that take no column. */
const ZERO_WIDTH = /[\p{Mn}\p{Me}\p{Cf}\p{Cc}\u{1160}-\u{11ff}]/u;
/** Scripts of East_Asian_Width W, CJK punctuation, full-width forms, and emoji shown as pictures. */
const WIDE = new RegExp(
  "[\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Hangul}\\p{Script=Bopomofo}" +
    "\\p{Script=Yi}\\p{Script=Tangut}\\p{Emoji_Presentation}\\u{3000}-\\u{303e}\\u{3099}-\\u{30ff}" +
    "\\u{31c0}-\\u{31ef}\\u{3200}-\\u{33ff}\\u{fe10}-\\u{fe19}\\u{fe30}-\\u{fe6b}" +
    "\\u{ff01}-\\u{ff60}\\u{ffe0}-\\u{ffe6}]",
  "u",
);
/** Katakana and Hangul of these blocks are narrow by definition. */
const HALF_WIDTH = /[\u{ff61}-\u{ffdc}]/u;

/** Columns of text, styles not counted. */
export function textWidth(text: string): number {
  let columns = 0;
  for (const char of text.replace(STYLE, "")) columns += charWidth(char);
  return columns;
}

/** Unstyled text cut to at most `columns`, ending in an ellipsis where it was cut. */
export function cutText(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  if (columns < 1) return "";
  let shown = "";
  let used = 0;
  for (const char of text) {
    const wide = charWidth(char);
    if (used + wide > columns - 1) break;
    shown += char;
    used += wide;
  }
  return shown + ELLIPSIS;
}

function charWidth(char: string): number {
  const code = char.codePointAt(0) ?? 0;
  if (code >= 0x20 && code < 0x7f) return 1;
  if (ZERO_WIDTH.test(char)) return 0;
  return WIDE.test(char) && !HALF_WIDTH.test(char) ? 2 : 1;
}
