// One transfer told as it goes: its events to stderr for a person and, with `--json`, to stdout for a
// program. Holds the high-water mark, so that what is shown never goes back (I10). The plan of a dry
// run is data: it goes to stdout either way.

import type { SessionEvent, TransferSummary } from "../session/options.ts";
import type { CommandName } from "./commands.ts";
import { exitOfSummary } from "./exit.ts";
import type { JsonLines } from "./json.ts";
import type { TextOutput } from "./output.ts";
import { connectionLine, entryLine, lanesLine, planLine } from "./ui/entry.ts";
import { RateEstimate } from "./ui/eta.ts";
import type { LogFields } from "./ui/log_line.ts";
import { entryFailedLine, reconnectingLine } from "./ui/problem.ts";
import type { ProgressState } from "./ui/progress.ts";
import { type Deed, summaryLines } from "./ui/summary.ts";
import type { Terminal } from "./ui/terminal.ts";
import { formatDuration, formatSize } from "./units.ts";

/** Where a report goes. */
export interface ReportOptions {
  readonly terminal: Terminal;
  readonly stdout: TextOutput;
  readonly json: JsonLines | null;
  readonly nowMs: () => number;
  readonly deed: Deed;
  readonly failIfUnchanged?: boolean;
  /** Whose help an error points to. */
  readonly command?: CommandName;
  /** Number of one transfer among several; absent in `send` and `get`. */
  readonly transfer?: number;
  /** Set in `serve`, whose peers' transfers these are. */
  readonly serving?: boolean;
  /** Shows progress; by default on the terminal. */
  readonly draw?: (state: ProgressState) => void;
}

type Progress = Extract<SessionEvent, { kind: "progress" }>;

/** Tells one transfer. */
export class TransferReport {
  readonly #options: ReportOptions;
  readonly #rate = new RateEstimate();
  readonly #about: { readonly transfer?: number };
  #deed: Deed;
  #hasStarted = false;
  #bytesDone = 0;
  #filesDone = 0;
  #wireBytes = 0;
  #reusedBytes = 0;

  constructor(options: ReportOptions) {
    this.#options = options;
    this.#deed = options.deed;
    this.#about = options.transfer === undefined ? {} : { transfer: options.transfer };
  }

  /** Tells one event; give it to the session as `onEvent`. */
  readonly event = (event: SessionEvent): void => {
    const { terminal, json, serving = false } = this.#options;
    const held = event.kind === "progress" ? this.#hold(event) : event;
    if (held.kind === "start") this.#hasStarted = true;
    // To a program `start` comes before any progress.
    if (held.kind !== "progress" || this.#hasStarted) json?.event(held, this.#about);
    switch (held.kind) {
      case "connected": {
        const which = held.connection === 0 ? "" : `, connection ${held.connection}`;
        return this.#detail(`connected to ${held.address} over ${held.transport}${which}`);
      }
      case "connection":
        return this.#detail(connectionLine(held));
      case "lanes":
        return this.#detail(lanesLine(held));
      case "start":
        // In `serve` the direction is the client's: what it pushes is received here.
        if (serving) this.#deed = held.direction === "push" ? "received" : "sent";
        return this.#detail(
          `transfer with ${held.peer} in chunks of ${formatSize(held.chunkBytes)}`,
        );
      case "progress":
        return this.#progress(held);
      case "entry":
        return this.#detail(entryLine(held));
      case "plan":
        return this.#plan(held);
      case "entry_failed": {
        const { path, code } = held;
        const fields = { event: "entry_failed", ...this.#about, path, code };
        return terminal.problem(entryFailedLine(held, terminal), fields);
      }
      case "notice":
        return terminal.warning(held.message, this.#about);
      case "reconnecting":
        return terminal.line(reconnectingLine(held, terminal), this.#about);
      case "reconnected":
        return this.#detail(`reconnected after ${formatDuration(held.seconds * 1000)}`);
    }
  };

  /** Tells the end and returns the exit code. The last line says what was done, where anything was. */
  finish(summary: TransferSummary): number {
    const { terminal, json, command, serving = false, failIfUnchanged = false } = this.#options;
    terminal.clear();
    json?.summary(summary, { failIfUnchanged, ...this.#about });
    const { error } = summary;
    // In a log of `serve` this is a line of the access log, which has the reason too.
    const isLogged = terminal.log !== null && !terminal.quiet;
    // What to do about it is told at the other end, whose command it was.
    if (error !== null && (!isLogged || terminal.verbose)) {
      terminal.error(error, { ...this.#about, command, isAdvised: !serving });
    }
    if (terminal.log === null && (error === null || summary.files > 0 || summary.deleted > 0)) {
      const { color, verbose } = terminal;
      for (const line of summaryLines(summary, { deed: this.#deed, color, verbose })) {
        terminal.line(line);
      }
    }
    return exitOfSummary(summary, { failIfUnchanged });
  }

  #hold(event: Progress): Progress {
    this.#bytesDone = Math.max(this.#bytesDone, event.bytesDone);
    this.#filesDone = Math.max(this.#filesDone, event.filesDone);
    this.#wireBytes = Math.max(this.#wireBytes, event.wireBytes);
    this.#reusedBytes = Math.max(this.#reusedBytes, event.reusedBytes);
    return {
      ...event,
      bytesDone: this.#bytesDone,
      filesDone: this.#filesDone,
      wireBytes: this.#wireBytes,
      reusedBytes: this.#reusedBytes,
    };
  }

  #progress({ kind: _, ...state }: Progress): void {
    const { bytesDone, bytesTotal, reusedBytes } = state;
    this.#rate.note(this.#options.nowMs(), bytesDone - reusedBytes);
    const leftBytes = bytesTotal === null ? null : bytesTotal - bytesDone;
    this.#draw({ ...state, leftMs: this.#rate.leftMs(leftBytes) });
  }

  /** Entries that stay as they are would bury the others: `--verbose` and `--json` name them. */
  #plan(event: Extract<SessionEvent, { kind: "plan" }>): void {
    const { terminal, stdout, json, serving = false } = this.#options;
    if (serving) return this.#detail(planLine(event));
    if (json !== null || (event.action === "unchanged" && !terminal.verbose)) return;
    // stdout may be the same terminal.
    terminal.clear();
    stdout.write(`${planLine(event)}\n`);
  }

  #detail(text: string): void {
    const fields: LogFields = this.#about;
    this.#options.terminal.detail(text, fields);
  }

  #draw(state: ProgressState): void {
    const { terminal, draw = (shown) => terminal.progress(shown) } = this.#options;
    draw(state);
  }
}
