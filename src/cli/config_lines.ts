// On which line of a configuration each key stands. The parsers tell values only; an error and `config
// show` name the line. For text that a parser took already: what is malformed is not looked for.

/** Levels whose lines are known: no key of ours stands deeper, and each level costs those around it. */
const MOST_LEVELS = 8;

/** Lines of keys, counting from 1. */
export class KeyLines {
  readonly #lines = new Map<string, number>();

  /** Notes a key, unless it stands too deep; false when it was noted before. */
  add(path: readonly string[], line: number): boolean {
    if (path.length > MOST_LEVELS) return true;
    const key = path.join("\0");
    if (this.#lines.has(key)) return false;
    this.#lines.set(key, line);
    return true;
  }

  /** Line of a key, or of the nearest key around it; 1 when there is none. */
  of(path: readonly string[]): number {
    for (let length = path.length; length > 0; length--) {
      const line = this.#lines.get(path.slice(0, length).join("\0"));
      if (line !== undefined) return line;
    }
    return 1;
  }
}

/** Lines of the keys and table headers of a TOML document. */
export function tomlKeyLines(text: string): KeyLines {
  const lines = new KeyLines();
  const scanner = new TomlScanner(text);
  let table: readonly string[] = [];
  for (;;) {
    scanner.skipToStatement();
    if (scanner.isAtEnd) return lines;
    const line = scanner.line;
    if (scanner.isAtHeader) {
      table = scanner.header().slice(0, MOST_LEVELS);
      lines.add(table, line);
      continue;
    }
    const key = scanner.key().slice(0, MOST_LEVELS);
    for (let length = 1; length <= key.length; length++) {
      lines.add([...table, ...key.slice(0, length)], line);
    }
    scanner.skipValue();
  }
}

/** Walks over statements; strings and brackets are all it has to understand of a value. */
class TomlScanner {
  readonly #text: string;
  #at = 0;
  #line = 1;

  constructor(text: string) {
    this.#text = text;
  }

  get line(): number {
    return this.#line;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length;
  }

  get isAtHeader(): boolean {
    return this.#text[this.#at] === "[";
  }

  skipToStatement(): void {
    while (!this.isAtEnd) {
      const char = this.#text[this.#at] ?? "";
      if (char === "#") this.#skipLine();
      else if (/[\s\ufeff]/.test(char)) this.#step();
      else return;
    }
  }

  /** `[a.b]` or `[[a.b]]`. */
  header(): readonly string[] {
    while (this.isAtHeader) this.#step();
    const path = this.key();
    this.#skipLine();
    return path;
  }

  /** A dotted key; stops at what follows it. */
  key(): readonly string[] {
    const path: string[] = [];
    while (!this.isAtEnd) {
      const char = this.#text[this.#at] ?? "";
      if (char === "=" || char === "]") break;
      if (char === '"' || char === "'") path.push(this.#string().slice(1, -1));
      else if (/[\s.]/.test(char)) this.#step();
      else path.push(this.#bare());
    }
    return path;
  }

  /** From the `=` to the end of the statement. */
  skipValue(): void {
    let depth = 0;
    while (!this.isAtEnd) {
      const char = this.#text[this.#at] ?? "";
      if (char === "\n" && depth === 0) return;
      if (char === '"' || char === "'") this.#string();
      else if (char === "#") this.#skipLine();
      else {
        if (char === "[" || char === "{") depth += 1;
        if (char === "]" || char === "}") depth -= 1;
        this.#step();
      }
    }
  }

  #bare(): string {
    const start = this.#at;
    while (!this.isAtEnd && !/[\s.=\]"']/.test(this.#text[this.#at] ?? "")) this.#at += 1;
    return this.#text.slice(start, this.#at);
  }

  /** A string with its quotes, on one line or on many. */
  #string(): string {
    const start = this.#at;
    const quote = this.#text[start] ?? "";
    const fence = this.#text.startsWith(quote.repeat(3), start) ? quote.repeat(3) : quote;
    this.#at += fence.length;
    while (!this.isAtEnd && !this.#text.startsWith(fence, this.#at)) {
      if (quote === '"' && this.#text[this.#at] === "\\") this.#step();
      this.#step();
    }
    this.#at += fence.length;
    // A string on many lines may end in quotes of its own.
    while (fence.length > 1 && this.#text[this.#at] === quote) this.#at += 1;
    return this.#text.slice(start, this.#at);
  }

  #skipLine(): void {
    while (!this.isAtEnd && this.#text[this.#at] !== "\n") this.#at += 1;
  }

  #step(): void {
    if (this.#text[this.#at] === "\n") this.#line += 1;
    this.#at += 1;
  }
}

const JSON_TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s"{}[\],:]+|\s+/g;

/**
 * Lines of the keys of a JSON document. `onDuplicate` is told of a key that stands twice in one
 * object, of which a parser keeps the last without a word.
 */
export function jsonKeyLines(
  text: string,
  onDuplicate: (key: string, line: number) => void,
): KeyLines {
  const lines = new KeyLines();
  /** A frame an open bracket: the key its value is of. */
  const path: string[] = [];
  const frames: ("object" | "array")[] = [];
  let line = 1;
  let before = "";
  for (const [token] of text.matchAll(JSON_TOKEN)) {
    if (token.trim() === "") {
      line += token.split("\n").length - 1;
      continue;
    }
    if (token === "{" || token === "[") {
      frames.push(token === "{" ? "object" : "array");
      path.push("");
    } else if (token === "}" || token === "]") {
      frames.pop();
      path.pop();
    } else if (token.startsWith('"') && frames.at(-1) === "object" && /^[{,]$/.test(before)) {
      path[path.length - 1] = JSON.parse(token) as string;
      if (!lines.add(path, line)) onDuplicate(path.at(-1) ?? "", line);
    }
    before = token;
  }
  return lines;
}
