// Many rounds, some at a time; each job lays its next round while one runs, so that a source has lain
// there for a while when it is sent. A round's seed is the first one and its number.

import { mkdtemp, rm, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SEEDS } from "./dice.ts";
import type { Scale } from "./payload.ts";
import { planRound } from "./plan.ts";
import type { RoundReport } from "./report.ts";
import { Round } from "./round.ts";

export interface MatrixOptions {
  readonly seed: number;
  readonly rounds: number;
  readonly jobs: number;
  readonly scale: Scale;
  /** Where rounds take place; the place for temporary files by default. */
  readonly directory?: string;
  readonly onRound?: (report: RoundReport) => void;
  /** Begins no further round; those that run end. */
  readonly signal?: AbortSignal;
}

/** A seed that nobody chose. */
export function anySeed(): number {
  return Math.floor(Math.random() * SEEDS);
}

/** Runs the rounds. Directories of rounds with a problem are kept. */
export async function runMatrix(options: MatrixOptions): Promise<readonly RoundReport[]> {
  const { seed, rounds, jobs, scale, onRound, signal } = options;
  const directory = await mkdtemp(join(options.directory ?? tmpdir(), "sftpx-kill-"));
  const reports: RoundReport[] = [];
  let number = 0;
  const lay = (): Promise<Round> | null => {
    if (number >= rounds || signal?.aborted) return null;
    const next = Round.lay(planRound((seed + number++) % SEEDS, scale), directory);
    next.catch(() => {}); // Whoever runs it is told.
    return next;
  };
  const job = async (): Promise<void> => {
    for (let next = lay(); next !== null;) {
      const round = await next;
      next = lay();
      const report = await round.run();
      reports.push(report);
      onRound?.(report);
    }
  };
  await Promise.all(Array.from({ length: jobs }, job));
  if (reports.every((report) => report.directory === null)) {
    await rm(directory, { recursive: true, force: true });
  } else {
    await rmdir(directory).catch(() => {});
  }
  return reports;
}

/** A round with a problem, with what it takes to see it again. */
export function problemLines(report: RoundReport): readonly string[] {
  const { corrupt, problems, notes, commands, attempts, directory, seed } = report;
  if (corrupt.length + problems.length === 0) return [];
  return [
    `seed ${seed}: ${report.direction} of ${report.shape}, ${report.entries} entries, ` +
    `${report.totalBytes} bytes, kept in ${directory}`,
    ...corrupt.slice(0, 10).map((text) => `  CORRUPT ${text}`),
    ...problems.map((text) => `  problem: ${text}`),
    ...notes.map((text) => `  ${text}`),
    ...attempts.map((attempt) => `  attempt ${JSON.stringify(attempt)}`),
    ...commands.map((text) => `  ${text}`),
  ];
}
