// stderr: the one place that writes to it. Lines stay, at most one progress line is drawn over below
// them, and nothing is hidden or switched that would have to be put back. Of `serve` it is a log: off
// a terminal each line begins with its time, or is a JSON object. Time is injected.

import type { SftpxError } from "../../base/errors.ts";
import type { Environment } from "../home.ts";
import type { TextOutput } from "../output.ts";
import { shown } from "../shown.ts";
import {
  jsonLogLine,
  type Level,
  type LogFields,
  type LogFormat,
  textLogLine,
} from "./log_line.ts";
import { type Advice, causeLines, errorLines, warningLine } from "./problem.ts";
import { progressLine, progressLogLine, type ProgressState } from "./progress.ts";
import { mannersOf } from "./style.ts";
import { cutText, textWidth } from "./width.ts";

/** About ten frames a second: smooth to the eye, nothing to the CPU. */
const FRAME_MS = 100;
/** Off a terminal: a log wants signs of life, not a film. */
const LOG_LINE_MS = 5000;
const FALLBACK_COLUMNS = 80;
const MESSAGE_CHARS = 1000;

/** How a terminal is made. */
export interface TerminalOptions {
  readonly output: TextOutput;
  readonly nowMs: () => number;
  readonly env: Environment;
  /** Only errors. */
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** What is told is a log, of `serve`; null or absent where it is for a person. */
  readonly log?: LogFormat | null | undefined;
  /** What to do about a failure, where that is not what the table of errors says. */
  readonly advice?: Advice;
}

/** What an error is told with. */
type ErrorFields = LogFields & {
  /** Whose help a usage error points to. */
  readonly command?: string | undefined;
  /** Whether to say what to do about it; it is by default. */
  readonly isAdvised?: boolean | undefined;
};

/** stderr with its manners. Dispose of it to clear the progress line. */
export class Terminal implements Disposable {
  readonly color: boolean;
  readonly isTerminal: boolean;
  readonly verbose: boolean;
  /** Only errors are shown. */
  readonly quiet: boolean;
  /** How a log is kept; null where a person reads along. */
  readonly log: LogFormat | null;
  readonly #output: TextOutput;
  readonly #nowMs: () => number;
  readonly #animate: boolean;
  readonly #advice: Advice;
  /** Columns of the line drawn; 0 when none is. */
  #drawnColumns = 0;
  /** What the line drawn tells; null when none is, or none that outlasts a line above it. */
  #drawn: ProgressState | null = null;
  /** When progress was last shown. */
  #shownMs: number;

  constructor({ output, nowMs, env, quiet, verbose, log = null, advice = {} }: TerminalOptions) {
    this.#advice = advice;
    const { color, animate } = mannersOf(output.isTerminal && log !== "json", env);
    this.color = color;
    this.isTerminal = output.isTerminal;
    this.verbose = verbose;
    this.log = log === "text" && output.isTerminal ? null : log;
    this.#output = output;
    this.#nowMs = nowMs;
    this.quiet = quiet;
    this.#animate = animate;
    // The first log line comes after a full interval: a short transfer needs none.
    this.#shownMs = animate ? -Infinity : nowMs();
  }

  /** A line that stays; not shown with `--quiet`. `fields` are for a log that is JSON. */
  line(text: string, fields: LogFields = {}): void {
    if (!this.quiet) this.#write("info", { text, fields });
  }

  /** A line that stays, `--quiet` or not. */
  problem(text: string, fields: LogFields = {}): void {
    this.#write("error", { text, fields });
  }

  /** A line for `--verbose` only. */
  detail(text: string, fields: LogFields = {}): void {
    if (this.verbose && !this.quiet) this.#write("debug", { text, fields });
  }

  /** Something worth knowing that stops nothing; not shown with `--quiet`. */
  warning(message: string, fields: LogFields = {}): void {
    if (this.quiet) return;
    const text = this.log === "json" ? shown(message, MESSAGE_CHARS) : warningLine(message, this);
    this.#write("warning", { text, fields });
  }

  /** An error with its advice and, with `--verbose`, its causes; `--quiet` or not. */
  error(error: SftpxError, { command, isAdvised, ...fields }: ErrorFields = {}): void {
    const causes = this.verbose ? causeLines(error) : [];
    if (this.log === "json") {
      const { code, exit, remote } = error;
      const text = shown(error.message, MESSAGE_CHARS);
      const chain = causes.length === 0 ? {} : { causes: causes.map((line) => line.trimStart()) };
      return this.problem(text, { ...fields, code, exit, remote, ...chain });
    }
    const lines = errorLines(error, {
      color: this.color,
      advice: this.#advice,
      command,
      isAdvised,
    });
    for (const line of [...lines, ...causes]) this.problem(line, fields);
  }

  /** Shows progress if it is time to; a log that is JSON has none. */
  progress(state: ProgressState): void {
    if (this.quiet || this.log === "json") return;
    // Off a terminal the line that told of the loss says it all.
    if (!this.#animate && state.phase === "reconnect") return;
    const nowMs = this.#nowMs();
    if (nowMs - this.#shownMs < (this.#animate ? FRAME_MS : LOG_LINE_MS)) return;
    this.#shownMs = nowMs;
    if (this.#animate) this.#draw(state);
    else this.line(progressLogLine(state));
  }

  /** Says what is under way where nothing can be counted, until the next line; to a person only. */
  doing(text: string): void {
    if (this.quiet || !this.#animate) return;
    this.#drawn = null;
    this.#output.write(`${this.#erasure()}${this.#noted(cutText(text, this.#columns() - 1))}`);
  }

  /** Takes the progress line away. */
  clear(): void {
    const erase = this.#erasure();
    if (erase !== "") this.#output.write(erase);
    this.#drawnColumns = 0;
    this.#drawn = null;
  }

  [Symbol.dispose](): void {
    this.clear();
  }

  #write(level: Level, { text, fields }: { text: string; fields: LogFields }): void {
    const line = `${this.#erasure()}${this.#rendered(level, { text, fields })}\n`;
    this.#drawnColumns = 0;
    // What was shown stays shown, below the line, and the next is drawn at once.
    const below = this.#drawn === null ? "" : this.#progressLine(this.#drawn);
    this.#output.write(`${line}${below}`);
    if (this.#animate) this.#shownMs = -Infinity;
  }

  #rendered(level: Level, { text, fields }: { text: string; fields: LogFields }): string {
    if (this.log === null) return text;
    const entry = { level, message: text, fields };
    return this.log === "json"
      ? jsonLogLine(entry, this.#nowMs())
      : textLogLine(entry, this.#nowMs());
  }

  #draw(state: ProgressState): void {
    this.#drawn = state;
    this.#output.write(`${this.#erasure()}${this.#progressLine(state)}`);
  }

  #progressLine(state: ProgressState): string {
    // The last column stays free: some terminals wrap as soon as it is written.
    return this.#noted(progressLine(state, { columns: this.#columns() - 1, color: this.color }));
  }

  /** A line that is about to be drawn, noted so that it can be erased. */
  #noted(line: string): string {
    this.#drawnColumns = textWidth(line);
    return line;
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
