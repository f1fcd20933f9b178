// Runs targets for a while, case after case from a seed on, and stops a target at its first failure.

import process from "node:process";
import { Tally, type Target } from "./target.ts";

/** What came of a target. */
export interface Findings {
  readonly name: string;
  readonly cases: number;
  readonly seconds: number;
  readonly tally: Tally;
  readonly failure: FuzzFailure | null;
}

/** One case that failed. */
export interface FuzzFailure {
  readonly seed: number;
  readonly said: string;
}

export interface FuzzOptions {
  /** Of the first case; those that follow count up from it. */
  readonly seed: number;
  /** Begins no further case after so long. */
  readonly forMs: number;
  /** Runs no more cases than this. */
  readonly most?: number;
  /** Told of each case before it runs: of the one that hangs, too. */
  readonly onCase?: (seed: number) => void;
  /** Nothing else runs in this process: all of its memory is of the cases. */
  readonly isAlone?: boolean;
}

/** A case that does not end is a failure. */
const PATIENCE_MS = 120_000;
/** Cases may fill the memory that garbage takes, and no more. */
const GROWTH_BYTES = 1024 * 1024 * 1024;

/** Runs one target. */
export async function fuzz(target: Target, options: FuzzOptions): Promise<Findings> {
  const tally = new Tally();
  const startMs = performance.now();
  const startBytes = memoryBytes(options);
  const most = options.most ?? Infinity;
  let begun = 0;
  let cases = 0;
  let failure: FuzzFailure | null = null;
  const work = async () => {
    while (failure === null && begun < most && performance.now() - startMs < options.forMs) {
      const seed = (options.seed + begun++) >>> 0;
      options.onCase?.(seed);
      try {
        await inTime(target.run(seed, tally));
        cases++;
        if (cases % 512 === 0) checkGrowth(memoryBytes(options) - startBytes);
      } catch (thrown) {
        const said = thrown instanceof Error ? thrown.stack ?? thrown.message : String(thrown);
        failure ??= { seed, said };
      }
    }
  };
  await Promise.all(Array.from({ length: target.atOnce }, work));
  await target.close?.();
  const seconds = (performance.now() - startMs) / 1000;
  return { name: target.name, cases, seconds, tally, failure };
}

/** A line of what came of a target; a failure with what repeats it. */
export function findingLines({ name, cases, seconds, tally, failure }: Findings): string[] {
  const rate = Math.round(cases / Math.max(seconds, 0.001));
  const line = `${name.padEnd(20)} ${String(cases).padStart(9)} cases ${
    seconds.toFixed(1).padStart(7)
  } s ${String(rate).padStart(7)}/s  ${tally}`;
  if (failure === null) return [line];
  const again = `deno task fuzz --only ${name} --seed ${failure.seed} --cases 1`;
  return [line, `FAILED: ${again}`, ...failure.said.split("\n").map((text) => `    ${text}`)];
}

/** Any seed; printed, so that a run can be repeated. */
export function anySeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

async function inTime(run: void | Promise<void>): Promise<void> {
  if (run === undefined) return;
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("it does not end")), PATIENCE_MS);
  try {
    await Promise.race([run, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** What the cases may have taken: tests that run beside these have a heap of their own. */
function memoryBytes({ isAlone = false }: FuzzOptions): number {
  const { rss, heapTotal, external } = process.memoryUsage();
  return isAlone ? rss : heapTotal + external;
}

function checkGrowth(grownBytes: number): void {
  if (grownBytes > GROWTH_BYTES) throw new Error(`memory grew by ${grownBytes} bytes`);
}
