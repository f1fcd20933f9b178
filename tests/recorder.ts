// A place to write to that remembers, and a clock that is set: for tests of what is printed.

import type { TextOutput } from "../src/cli/output.ts";

/** stdout or stderr that keeps what was written. */
export class Recorder implements TextOutput {
  isTerminal = false;
  width: number | null = null;
  text = "";
  failed: string | null = null;

  constructor(options: { isTerminal?: boolean; width?: number } = {}) {
    this.isTerminal = options.isTerminal ?? false;
    this.width = options.width ?? null;
  }

  columns(): number | null {
    return this.width;
  }

  write(text: string): void {
    this.text += text;
  }

  failure(): string | null {
    return this.failed;
  }

  /** Everything written, as JSON lines. */
  jsonLines(): Record<string, unknown>[] {
    return this.text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  }
}

/** A clock that moves when told to. */
export class TestClock {
  ms = Date.UTC(2027, 0, 2, 3, 4, 5);
  readonly now = (): number => this.ms;
}
