// TOML text as a tree of plain values. The only importer of the parser; its errors become a line and a
// sentence.

import { parse, TomlError } from "smol-toml";

/** What is wrong with a text, and where. Lines count from 1. */
export class TextProblem extends Error {
  override readonly name = "TextProblem";
  readonly line: number;

  constructor(line: number, message: string) {
    super(message);
    this.line = line;
  }
}

/** Reads a document; throws a {@linkcode TextProblem}. Tables have no prototype. */
export function parseToml(text: string): unknown {
  try {
    return parse(text);
  } catch (thrown) {
    if (!(thrown instanceof TomlError)) throw thrown;
    // The first line of its message says what; the others repeat the text.
    const [what = ""] = thrown.message.split("\n");
    throw new TextProblem(thrown.line, what.replace(/^Invalid TOML document: /, ""));
  }
}
