// One transfer told as it goes: its events to stderr for a person and, with `--json`, to stdout for a
// program. Holds the high-water mark, so that what is shown never goes back (I10).

import type { SessionEvent, TransferSummary } from "../session/options.ts";
import { exitOfSummary } from "./exit.ts";
import type { JsonLines } from "./json.ts";
import { RateEstimate } from "./ui/eta.ts";
import { causeLines, entryFailedLine, errorLines, warningLine } from "./ui/problem.ts";
import type { ProgressState } from "./ui/progress.ts";
import { type Deed, summaryLines } from "./ui/summary.ts";
import type { Terminal } from "./ui/terminal.ts";
import { formatSize } from "./units.ts";

/** Where a report goes. */
export interface ReportOptions {
  readonly terminal: Terminal;
  readonly json: JsonLines | null;
  readonly nowMs: () => number;
  readonly deed: Deed;
  readonly failIfUnchanged?: boolean;
  /** Number of a transfer of `serve`; absent in `send` and `get`. */
  readonly transfer?: number;
  /** Whether the progress line is this transfer's now; by default it is. */
  readonly drawsProgress?: () => boolean;
}

type Progress = Extract<SessionEvent, { kind: "progress" }>;

/** Tells one transfer. */
export class TransferReport {
  readonly #options: ReportOptions;
  readonly #startMs: number;
  readonly #rate = new RateEstimate();
  #deed: Deed;
  #bytesDone = 0;
  #filesDone = 0;
  #wireBytes = 0;

  constructor(options: ReportOptions) {
    this.#options = options;
    this.#startMs = options.nowMs();
    this.#deed = options.deed;
  }

  /** Shows that a connection is being made. */
  connecting(): void {
    const nothing = { bytesDone: 0, filesDone: 0, wireBytes: 0, bytesPerSecond: 0 };
    this.#draw({ ...nothing, bytesTotal: null, filesTotal: null, phase: "connecting" }, null);
  }

  /** Tells one event; give it to the session as `onEvent`. */
  readonly event = (event: SessionEvent): void => {
    const { terminal, json, transfer } = this.#options;
    const held = event.kind === "progress" ? this.#hold(event) : event;
    json?.event(held, transfer === undefined ? {} : { transfer });
    switch (held.kind) {
      case "connected":
        return terminal.detail(`connected to ${held.address} over ${held.transport}`);
      case "start":
        // In `serve` the direction is the client's: what it pushes is received here.
        if (transfer !== undefined) this.#deed = held.direction === "push" ? "received" : "sent";
        return terminal.detail(
          `transfer with ${held.peer} in chunks of ${formatSize(held.chunkBytes)}`,
        );
      case "progress":
        return this.#progress(held);
      case "entry_failed":
        return terminal.problem(entryFailedLine(held, terminal));
      case "notice":
        return terminal.line(warningLine(held.message, terminal));
    }
  };

  /** Tells the end and returns the exit code. */
  finish(summary: TransferSummary): number {
    const { terminal, json, transfer, failIfUnchanged = false } = this.#options;
    terminal.clear();
    json?.summary(summary, { failIfUnchanged, ...(transfer === undefined ? {} : { transfer }) });
    const { error } = summary;
    if (error === null || summary.files > 0) {
      for (const line of summaryLines(summary, { deed: this.#deed, color: terminal.color })) {
        terminal.line(line);
      }
    }
    if (error !== null) {
      for (const line of errorLines(error, terminal)) terminal.problem(line);
      if (terminal.verbose) { for (const line of causeLines(error)) terminal.problem(line); }
    }
    return exitOfSummary(summary, { failIfUnchanged });
  }

  #hold(event: Progress): Progress {
    this.#bytesDone = Math.max(this.#bytesDone, event.bytesDone);
    this.#filesDone = Math.max(this.#filesDone, event.filesDone);
    this.#wireBytes = Math.max(this.#wireBytes, event.wireBytes);
    return {
      ...event,
      bytesDone: this.#bytesDone,
      filesDone: this.#filesDone,
      wireBytes: this.#wireBytes,
    };
  }

  #progress(event: Progress): void {
    this.#rate.note(this.#options.nowMs(), event.bytesDone);
    const phase = this.#deed === "sent" ? "sending" : "receiving";
    const { bytesDone, bytesTotal, filesDone, filesTotal, wireBytes, bytesPerSecond } = event;
    const counts = { bytesDone, bytesTotal, filesDone, filesTotal, wireBytes, bytesPerSecond };
    this.#draw({ ...counts, phase }, this.#rate.leftMs(bytesTotal));
  }

  #draw(state: Omit<ProgressState, "elapsedMs" | "leftMs">, leftMs: number | null): void {
    const { terminal, nowMs, drawsProgress = () => true } = this.#options;
    if (drawsProgress()) {
      terminal.progress({ ...state, leftMs, elapsedMs: nowMs() - this.#startMs });
    }
  }
}
