// The text of one filter pattern taken apart into what matches a character and what matches several.
// Refuses what could never match anything; knows nothing of paths.

/** What one piece of a pattern matches. */
export type PatternToken =
  /** This character. */
  | { readonly kind: "one"; readonly code: number }
  /** `?`: a character that is no slash. */
  | { readonly kind: "any" }
  /** `[...]`: a character in one of the ranges, or with `negated` in none; never a slash. */
  | {
    readonly kind: "class";
    readonly negated: boolean;
    readonly ranges: readonly (readonly [from: number, to: number])[];
  }
  /** `*`: any characters but slashes. */
  | { readonly kind: "name" }
  /** `**` and more: any characters. */
  | { readonly kind: "anything"; readonly stars: number };

type ClassRange = readonly [from: number, to: number];

/** POSIX classes in ASCII: a pattern must mean the same on every machine. */
const CLASSES: ReadonlyMap<string, readonly ClassRange[]> = new Map(
  Object.entries({
    alnum: ["09", "AZ", "az"],
    alpha: ["AZ", "az"],
    blank: ["\t\t", "  "],
    cntrl: ["\0\x1f", "\x7f\x7f"],
    digit: ["09"],
    graph: ["!~"],
    lower: ["az"],
    print: [" ~"],
    punct: ["!/", ":@", "[`", "{~"],
    space: ["\t\r", "  "],
    upper: ["AZ"],
    xdigit: ["09", "AF", "af"],
  }).map(([name, ranges]) => [
    name,
    ranges.map((range): ClassRange => [range.charCodeAt(0), range.charCodeAt(1)]),
  ]),
);

/** The tokens of a pattern, or why it is refused. */
export function parsePattern(pattern: string): readonly PatternToken[] | string {
  const characters = [...pattern];
  const tokens: PatternToken[] = [];
  for (let at = 0; at < characters.length;) {
    const character = characters[at] ?? "";
    if (character === "*") {
      let stars = 1;
      while (characters[at + stars] === "*") stars++;
      tokens.push(stars === 1 ? { kind: "name" } : { kind: "anything", stars });
      at += stars;
    } else if (character === "?") {
      tokens.push({ kind: "any" });
      at++;
    } else if (character === "[") {
      const parsed = parseClass(characters, at + 1);
      if (typeof parsed === "string") return parsed;
      tokens.push(parsed.token);
      at = parsed.end;
    } else if (character === "\\") {
      const escaped = characters[at + 1];
      if (escaped === undefined) return "it ends with a lone backslash";
      tokens.push({ kind: "one", code: codeOf(escaped) });
      at += 2;
    } else {
      tokens.push({ kind: "one", code: codeOf(character) });
      at++;
    }
  }
  return tokens;
}

/** Reads a class from behind its `[` on; `end` is behind its `]`. */
function parseClass(
  characters: readonly string[],
  begin: number,
): { readonly token: PatternToken; readonly end: number } | string {
  const negated = characters[begin] === "!" || characters[begin] === "^";
  const ranges: ClassRange[] = [];
  let at = negated ? begin + 1 : begin;
  // A `]` that comes first is one of the characters.
  for (let isFirst = true; isFirst || characters[at] !== "]"; isFirst = false) {
    const name = className(characters, at);
    if (name !== null) {
      const named = CLASSES.get(name);
      if (named === undefined) return "it has a class of an unknown name";
      ranges.push(...named);
      at += name.length + 4;
      continue;
    }
    const from = classCharacter(characters, at);
    if (from === null) return "it has a [ without its ]";
    at = from.end;
    const isRange = characters[at] === "-" && characters[at + 1] !== "]";
    const to = isRange ? classCharacter(characters, at + 1) : from;
    if (to === null) return "it has a [ without its ]";
    at = to.end;
    ranges.push([from.code, to.code]);
  }
  return { token: { kind: "class", negated, ranges }, end: at + 1 };
}

/** The name in `[:name:]` at a place in a class; null when there is none. */
function className(characters: readonly string[], at: number): string | null {
  if (characters[at] !== "[" || characters[at + 1] !== ":") return null;
  const end = characters.indexOf("]", at + 2);
  if (end < at + 3 || characters[end - 1] !== ":") return null;
  return characters.slice(at + 2, end - 1).join("");
}

function classCharacter(
  characters: readonly string[],
  at: number,
): { readonly code: number; readonly end: number } | null {
  const escapes = characters[at] === "\\";
  const character = characters[escapes ? at + 1 : at];
  if (character === undefined) return null;
  return { code: codeOf(character), end: at + (escapes ? 2 : 1) };
}

function codeOf(character: string): number {
  return character.codePointAt(0) ?? 0;
}
