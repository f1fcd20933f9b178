// Figures of many rounds: how often something was wrong, and how what was measured is distributed.

import type { AttemptReport, RoundReport } from "./report.ts";

export interface Distribution {
  readonly count: number;
  readonly min: number;
  readonly median: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

export interface Figures {
  readonly rounds: number;
  /** Rounds with something wrong under a final name. */
  readonly corrupt: number;
  /** Rounds with anything wrong at all. */
  readonly failed: number;
  /** Of each victim. */
  readonly kills: Readonly<Record<string, number>>;
  readonly attempts: number;
  readonly reconnects: number;
  readonly leftovers: number;
  readonly transferredBytes: number;
  readonly reusedBytes: number;
  /** Of rounds with a kill; see `RoundReport`. */
  readonly sentAgainBytes: Distribution | null;
  readonly wireExcessBytes: Distribution | null;
  /** Of commands that resumed; those whose server was restarted meanwhile are left out. */
  readonly firstChunkMs: Distribution | null;
  /** Of first commands, for comparison. */
  readonly freshFirstChunkMs: Distribution | null;
}

/** The figures of some rounds. */
export function figuresOf(rounds: readonly RoundReport[]): Figures {
  const attempts = rounds.flatMap((round) => round.attempts);
  const kills: Record<string, number> = {};
  for (const { killed } of attempts) {
    if (killed !== null) kills[killed] = (kills[killed] ?? 0) + 1;
  }
  const killed = rounds.filter((round) =>
    round.attempts.some((attempt) => attempt.killed !== null)
  );
  return {
    rounds: rounds.length,
    corrupt: rounds.filter(({ corrupt }) => corrupt.length > 0).length,
    failed: rounds.filter(({ corrupt, problems }) => corrupt.length + problems.length > 0).length,
    kills,
    attempts: attempts.length,
    reconnects: sum(attempts.map(({ reconnects }) => reconnects)),
    leftovers: sum(rounds.map(({ leftovers }) => leftovers)),
    transferredBytes: sum(rounds.map(({ totalBytes }) => totalBytes)),
    reusedBytes: sum(killed.map(({ reusedBytes }) => reusedBytes)),
    sentAgainBytes: distribution(killed.map(({ sentAgainBytes }) => sentAgainBytes)),
    wireExcessBytes: distribution(killed.map(({ wireExcessBytes }) => wireExcessBytes)),
    firstChunkMs: distribution(rounds.flatMap(({ attempts }) => attempts.slice(1).map(alone))),
    freshFirstChunkMs: distribution(rounds.map(({ attempts }) => alone(attempts[0]))),
  };
}

/** Time to the first chunk of a command that did not have to wait for a server to come back. */
function alone(attempt: AttemptReport | undefined): number | null {
  return attempt === undefined || attempt.killed === "restart" ? null : attempt.firstChunkMs;
}

/** How values are distributed, those unknown left out; null where none is known. */
export function distribution(values: readonly (number | null)[]): Distribution | null {
  const sorted = values.filter((value) => value !== null).sort((one, other) => one - other);
  if (sorted.length === 0) return null;
  // The smallest value that so many do not pass.
  const at = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
  return {
    count: sorted.length,
    min: sorted[0]!,
    median: at(0.5),
    p90: at(0.9),
    p99: at(0.99),
    max: sorted.at(-1)!,
  };
}

/** The figures as lines of text. */
export function figureLines(figures: Figures): readonly string[] {
  const { rounds, corrupt, failed, kills, attempts, reconnects, leftovers } = figures;
  const counted = Object.entries(kills).map(([victim, count]) => `${victim} ${count}`).join(", ");
  const share = figures.transferredBytes === 0
    ? 0
    : Math.round(figures.reusedBytes / figures.transferredBytes * 100);
  return [
    `rounds ${rounds}, corrupt ${corrupt}, failed ${failed}; commands ${attempts}, kills: ${
      counted || "none"
    }; reconnects ${reconnects}, leftovers ${leftovers}`,
    `payload ${megabytes(figures.transferredBytes)}, reused by the last commands ${
      megabytes(figures.reusedBytes)
    } (${share}%)`,
    line("stored and sent again", figures.sentAgainBytes, megabytes),
    line("on the wire beyond one transfer", figures.wireExcessBytes, megabytes),
    line("start to first new chunk, resumed", figures.firstChunkMs, milliseconds),
    line("start to first new chunk, fresh", figures.freshFirstChunkMs, milliseconds),
  ];
}

function line(
  name: string,
  distribution: Distribution | null,
  unit: (value: number) => string,
): string {
  if (distribution === null) return `${name}: none`;
  const { count, min, median, p90, p99, max } = distribution;
  const parts = Object.entries({ min, median, p90, p99, max }).map(([part, value]) =>
    `${part} ${unit(value)}`
  );
  return `${name} (${count}): ${parts.join(", ")}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function milliseconds(ms: number): string {
  return `${Math.round(ms)} ms`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
