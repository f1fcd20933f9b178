// What the tool prints for programs, read strictly: every line is JSON, a transfer ends in one summary.

/** One line of `--json`. */
export interface JsonLine {
  readonly v: number;
  readonly event: string;
  readonly time: string;
  readonly [field: string]: unknown;
}

/** The last line of a transfer. */
export interface SummaryLine extends JsonLine {
  readonly ok: boolean;
  readonly files: number;
  readonly bytes: number;
  readonly reusedBytes: number;
  readonly wireBytes: number;
  readonly seconds: number;
  readonly root: string | null;
  readonly chunkBytes: number | null;
  readonly error?: { readonly code: string; readonly message: string; readonly exit: number };
}

/** How a process ended. */
export interface Outcome {
  /** As a shell shows it: 128 and the signal's number where a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A transfer that ended, with its JSON lines and their last. */
export interface Transfer extends Outcome {
  readonly lines: readonly JsonLine[];
  readonly summary: SummaryLine;
}

/** Reads a transfer's output; throws unless exactly one summary is there, as the last line. */
export function transferOf(outcome: Outcome): Transfer {
  const lines = jsonLines(outcome.stdout);
  const last = lines.at(-1);
  const summaries = lines.filter((line) => line.event === "summary");
  if (summaries.length !== 1 || last?.event !== "summary") {
    throw new Error(
      `Not exactly one summary at the end (exit ${outcome.code}):\n${outcome.stdout}\n${outcome.stderr}`,
    );
  }
  return { ...outcome, lines, summary: last as SummaryLine };
}

/** Every line of a text as JSON; throws for a line that is none. */
export function jsonLines(text: string): readonly JsonLine[] {
  return text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
}
