// stderr: the one place that writes to it. Lines stay, at most one progress line is drawn over below
// them, and nothing is hidden or switched that would have to be put back. Time is injected.

import type { Environment } from "../home.ts";
import type { TextOutput } from "../output.ts";
import { progressLine, progressLogLine, type ProgressState } from "./progress.ts";
import { mannersOf } from "./style.ts";
import { textWidth } from "./width.ts";

/** About ten frames a second: smooth to the eye, nothing to the CPU. */
const FRAME_MS = 100;
/** Off a terminal: a log wants signs of life, not a film. */
const LOG_LINE_MS = 5000;
const FALLBACK_COLUMNS = 80;

/** How a terminal is made. */
export interface TerminalOptions {
  readonly output: TextOutput;
  readonly nowMs: () => number;
  readonly env: Environment;
  /** Only errors. */
  readonly quiet: boolean;
  readonly verbose: boolean;
}

/** stderr with its manners. Dispose of it to clear the progress line. */
export class Terminal implements Disposable {
  readonly color: boolean;
  readonly isTerminal: boolean;
  readonly verbose: boolean;
  readonly #output: TextOutput;
  readonly #nowMs: () => number;
  readonly #quiet: boolean;
  readonly #animate: boolean;
  /** Columns of the line drawn; 0 when none is. */
  #drawnColumns = 0;
  /** When progress was last shown. */
  #shownMs: number;

  constructor({ output, nowMs, env, quiet, verbose }: TerminalOptions) {
    const { color, animate } = mannersOf(output.isTerminal, env);
    this.color = color;
    this.isTerminal = output.isTerminal;
    this.verbose = verbose;
    this.#output = output;
    this.#nowMs = nowMs;
    this.#quiet = quiet;
    this.#animate = animate;
    // The first log line comes after a full interval: a short transfer needs none.
    this.#shownMs = animate ? -Infinity : nowMs();
  }

  /** A line that stays; not shown with `--quiet`. */
  line(text: string): void {
    if (!this.#quiet) this.#write(text);
  }

  /** A line that stays, `--quiet` or not. */
  problem(text: string): void {
    this.#write(text);
  }

  /** A line for `--verbose` only. */
  detail(text: string): void {
    if (this.verbose) this.line(text);
  }

  /** Shows progress if it is time to. */
  progress(state: ProgressState): void {
    if (this.#quiet) return;
    const nowMs = this.#nowMs();
    if (nowMs - this.#shownMs < (this.#animate ? FRAME_MS : LOG_LINE_MS)) return;
    this.#shownMs = nowMs;
    if (this.#animate) this.#draw(state);
    else this.#output.write(`${progressLogLine(state)}\n`);
  }

  /** Takes the progress line away. */
  clear(): void {
    const erase = this.#erasure();
    if (erase !== "") this.#output.write(erase);
    this.#drawnColumns = 0;
  }

  [Symbol.dispose](): void {
    this.clear();
  }

  #write(text: string): void {
    this.#output.write(`${this.#erasure()}${text}\n`);
    this.#drawnColumns = 0;
    // The next progress is drawn at once, below the line.
    if (this.#animate) this.#shownMs = -Infinity;
  }

  #draw(state: ProgressState): void {
    const columns = this.#columns();
    // The last column stays free: some terminals wrap as soon as it is written.
    const line = progressLine(state, { columns: columns - 1, color: this.color });
    this.#output.write(`${this.#erasure()}${line}`);
    this.#drawnColumns = textWidth(line);
  }

  /** Erases what was drawn, on as many rows as it takes since the terminal was made narrower. */
  #erasure(): string {
    if (this.#drawnColumns === 0) return "";
    const rows = Math.ceil(this.#drawnColumns / this.#columns());
    return `\r\x1b[K${"\x1b[1A\x1b[K".repeat(rows - 1)}`;
  }

  #columns(): number {
    const columns = this.#output.columns() ?? FALLBACK_COLUMNS;
    return columns > 1 ? columns : FALLBACK_COLUMNS;
  }
}
