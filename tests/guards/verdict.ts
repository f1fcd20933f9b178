// What is shown of a guard: its test passes with it and fails without it. Many guards share a test,
// which is run once as it is.

import type { TabledGuard } from "./tables.ts";
import { rowProblem } from "./tables.ts";
import { type Aim, type Outcome, Workbench } from "./workbench.ts";

/** A guard, and why it is not shown. */
export interface Verdict {
  readonly guard: TabledGuard;
  /** Null where it is shown. */
  readonly problem: string | null;
  readonly seconds: number;
}

/** Without its guard a test has several times what it takes with it, and time to start on a busy machine. */
const TIMES_AS_LONG = 4;
const GRACE_MS = 20_000;

/** How a test ended as it is, and after how long. */
interface Baseline {
  readonly outcome: Outcome;
  readonly tookMs: number;
}

/** Tries all of them, so many at a time; tells each as it is known. */
export async function tryGuards(
  guards: readonly TabledGuard[],
  { jobs, onVerdict }: { readonly jobs: number; readonly onVerdict: (verdict: Verdict) => void },
): Promise<readonly Verdict[]> {
  const baselines = new Map<string, Promise<Baseline>>();
  const waiting = [...guards];
  const verdicts: Verdict[] = [];
  const work = async () => {
    await using bench = await Workbench.open();
    for (let guard = waiting.shift(); guard !== undefined; guard = waiting.shift()) {
      const startMs = Date.now();
      const problem = await problemOf(guard, bench, baselines);
      const verdict = { guard, problem, seconds: (Date.now() - startMs) / 1000 };
      verdicts.push(verdict);
      onVerdict(verdict);
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, guards.length) }, work));
  return verdicts;
}

async function problemOf(
  guard: TabledGuard,
  bench: Workbench,
  baselines: Map<string, Promise<Baseline>>,
): Promise<string | null> {
  const row = await rowProblem(guard);
  if (row !== null) return row;
  const key = JSON.stringify(aimOf(guard));
  const running = baselines.get(key) ?? baselineOf(guard, bench);
  baselines.set(key, running);
  const { outcome, tookMs } = await running;
  if (outcome.kind !== "passed") return `with it, its test ${worded(outcome)}`;
  const without = await bench.runWithout(guard, TIMES_AS_LONG * tookMs + GRACE_MS);
  if (without.kind === "failed") return null;
  if (without.kind === "hung" && guard.hangs === true) return null;
  return `without it, its test ${worded(without)}`;
}

async function baselineOf(guard: TabledGuard, bench: Workbench): Promise<Baseline> {
  const startMs = performance.now();
  const outcome = await bench.run(guard);
  return { outcome, tookMs: performance.now() - startMs };
}

function aimOf({ test, name }: Aim): readonly (string | undefined)[] {
  return [test, name];
}

function worded(outcome: Outcome): string {
  switch (outcome.kind) {
    case "passed":
      return "passes";
    case "failed":
      return "fails";
    case "absent":
      return "is not there";
    case "hung":
      return "does not end";
    case "broken":
      return `does not run:\n${outcome.said}`;
  }
}
