// `--json`: one object a line on stdout, as the command-line contract lists them. Progress is thinned
// out; everything else is told as it comes. The last line of a transfer is its summary, exactly once.

import { SftpxError } from "../base/errors.ts";
import type { SessionEvent, TransferSummary } from "../session/options.ts";
import { exitOfError, exitOfSummary } from "./exit.ts";
import { jsonText, type JsonValue, type Lines, SCHEMA_VERSION } from "./json_line.ts";
import type { TextOutput } from "./output.ts";
import { shown } from "./shown.ts";

/** At most five progress lines a second, as the contract says: four, and the last one in any case. */
const PROGRESS_MS = 250;
const MESSAGE_CHARS = 1000;

type Progress = Extract<SessionEvent, { kind: "progress" }>;
/** Events whose fields are those of their line. */
type Plain = Exclude<SessionEvent, { kind: "entry" | "plan" }>;

/** Which transfer of `serve` a line is about; absent in `send` and `get`. */
export interface AboutTransfer {
  readonly transfer?: number;
}

/** Writes JSON lines. Time comes from an injected clock. */
export class JsonLines {
  readonly #output: TextOutput;
  readonly #nowMs: () => number;
  /** When progress was last told, for each transfer; and what was held back since, the newest. */
  readonly #progress = new Map<number | null, { readonly atMs: number; held: Progress | null }>();
  #summarized = false;

  constructor(output: TextOutput, nowMs: () => number) {
    this.#output = output;
    this.#nowMs = nowMs;
  }

  /** Whether a summary of the one transfer of this process was told. */
  get summarized(): boolean {
    return this.#summarized;
  }

  /** A line that is no event of a session. */
  tell<Event extends keyof Lines>(event: Event, line: Lines[Event]): void {
    this.#line(event, line);
  }

  /** One event of a transfer. */
  event(event: SessionEvent, about: AboutTransfer = {}): void {
    switch (event.kind) {
      case "progress": {
        const { heldBytes: _held, changed: _changed, ...told } = event;
        return this.#thinned(told, about);
      }
      case "entry":
      case "plan": {
        const { kind, entryKind, sizeBytes, ...fields } = event;
        return this.#line(kind, { ...about, ...fields, kind: entryKind, bytes: sizeBytes });
      }
      case "connection":
        this.#tellHeld(about);
        return this.#told(event, about);
      case "connected":
      case "lanes":
      case "start":
      case "entry_failed":
      case "notice":
      case "reconnecting":
      case "reconnected":
        return this.#told(event, about);
    }
  }

  /** The last line of a transfer. */
  summary(
    summary: TransferSummary,
    { transfer, failIfUnchanged = false }: AboutTransfer & { failIfUnchanged?: boolean } = {},
  ): void {
    this.#tellHeld(transfer === undefined ? {} : { transfer });
    this.#progress.delete(transfer ?? null);
    const { error, ...counts } = summary;
    const exit = exitOfSummary(summary, { failIfUnchanged });
    this.#summary({
      ...(transfer === undefined ? {} : { transfer }),
      ...counts,
      ...(error === null ? {} : { error: errorFields(error, exit) }),
    });
  }

  /** The summary of a command that failed before a transfer had one, usage errors included. */
  failure(error: SftpxError): void {
    this.#summary({
      ok: false,
      files: 0,
      bytes: 0,
      reusedBytes: 0,
      wireBytes: 0,
      seconds: 0,
      root: null,
      chunkBytes: null,
      failed: 0,
      changed: null,
      deleted: 0,
      dryRun: false,
      reconnects: 0,
      error: errorFields(error, exitOfError(error)),
    });
  }

  #thinned(event: Progress, about: AboutTransfer): void {
    const key = about.transfer ?? null;
    const nowMs = this.#nowMs();
    const last = this.#progress.get(key);
    if (last !== undefined && nowMs - last.atMs < PROGRESS_MS) {
      last.held = event;
      return;
    }
    this.#progress.set(key, { atMs: nowMs, held: null });
    this.#tellProgress(event, about);
  }

  /** What a transfer came to in the end is not to be guessed from the line before (I10). */
  #tellHeld(about: AboutTransfer): void {
    const last = this.#progress.get(about.transfer ?? null);
    if (last === undefined || last.held === null) return;
    this.#tellProgress(last.held, about);
    last.held = null;
  }

  #tellProgress(event: Progress, about: AboutTransfer): void {
    this.#told({ ...event, bytesPerSecond: Math.round(event.bytesPerSecond) }, about);
  }

  #told({ kind, ...fields }: Plain, about: AboutTransfer): void {
    this.#line(kind, { ...about, ...fields });
  }

  #summary(fields: Readonly<Record<string, JsonValue>>): void {
    // A second last line would be read as another transfer's.
    if (!("transfer" in fields)) {
      if (this.#summarized) return;
      this.#summarized = true;
    }
    this.#line("summary", fields);
  }

  #line(event: string, fields: Readonly<Record<string, JsonValue>>): void {
    const time = new Date(this.#nowMs()).toISOString();
    this.#output.write(`${jsonText({ v: SCHEMA_VERSION, event, time, ...fields })}\n`);
  }
}

function errorFields(error: SftpxError, exit: number): JsonValue {
  return { code: error.code, message: shown(error.message, MESSAGE_CHARS), exit };
}
