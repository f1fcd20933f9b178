// What is shown of a guard: its test passes with it and fails without it. Many guards share a test, or
// the file it stands in, which is run once as it is.

import type { TabledGuard } from "./tables.ts";
import { rowProblem } from "./tables.ts";
import { type FileRun, type Outcome, Workbench } from "./workbench.ts";

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
  const baselines = new Baselines(guards);
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
  baselines: Baselines,
): Promise<string | null> {
  const row = await rowProblem(guard);
  if (row !== null) return row;
  const { outcome, tookMs } = await baselines.of(guard, bench);
  if (outcome.kind !== "passed") return `with it, its test ${worded(outcome)}`;
  const without = await bench.runWithout(guard, TIMES_AS_LONG * tookMs + GRACE_MS);
  if (without.kind === "failed") return null;
  if (without.kind === "hung" && guard.hangs === true) return null;
  return `without it, its test ${worded(without)}`;
}

/** Tests as they are: each is run once, and with all of its file where guards name several of it. */
class Baselines {
  /** How many tests of a file are named. */
  readonly #named = new Map<string, number>();
  readonly #files = new Map<string, Promise<FileRun>>();
  readonly #tests = new Map<string, Promise<Baseline>>();

  constructor(guards: readonly TabledGuard[]) {
    for (const [, test] of new Map(guards.map((guard) => [keyOf(guard), guard.test]))) {
      this.#named.set(test, (this.#named.get(test) ?? 0) + 1);
    }
  }

  of(guard: TabledGuard, bench: Workbench): Promise<Baseline> {
    const key = keyOf(guard);
    const running = this.#tests.get(key) ?? this.#find(guard, bench);
    this.#tests.set(key, running);
    return running;
  }

  async #find(guard: TabledGuard, bench: Workbench): Promise<Baseline> {
    const { name, test } = guard;
    if (name !== undefined && (this.#named.get(test) ?? 0) > 1) {
      const running = this.#files.get(test) ?? bench.runFile(test);
      this.#files.set(test, running);
      const { outcome, passed } = await running;
      const found = passed.filter((one) => one.name.includes(name));
      // A test that its file's run does not tell of may have printed something, or another one failed.
      if (outcome.kind === "passed" && found.length > 0) {
        return { outcome, tookMs: found.reduce((sum, { tookMs }) => sum + tookMs, 0) };
      }
    }
    const startMs = performance.now();
    const outcome = await bench.run(guard);
    return { outcome, tookMs: performance.now() - startMs };
  }
}

function keyOf({ test, name }: TabledGuard): string {
  return JSON.stringify([test, name]);
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
