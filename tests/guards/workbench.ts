// A copy of the checkout in which a guard is taken out and a test is run: the checkout itself is only
// read. What became of the test is read off the runner's own output, so that a file that does not
// load is no failed test.

import { spawn } from "node:child_process";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import process from "node:process";
import type { Guard } from "./guard.ts";
import { CHECKOUT } from "./tables.ts";

/** What is not copied: what no test reads, and what is linked instead. */
const LEFT_OUT: ReadonlySet<string> = new Set([".git", "node_modules", "coverage", "dist"]);
/** No test takes so long with its guard, unless something hangs. */
const PATIENCE_MS = 180_000;
const TEST = ["test", "-A", "--no-check"];
/** Of what a run said, for a report. */
const TAIL_CHARS = 3000;

/** What a run of a test came to. */
export type Outcome =
  /** At least one test ran, and none failed. */
  | { readonly kind: "passed" }
  /** A test ran and failed. */
  | { readonly kind: "failed" }
  /** No test of that name is there. */
  | { readonly kind: "absent" }
  /** It did not end by itself. */
  | { readonly kind: "hung" }
  /** Something did not load, or the process died: nothing was tested. */
  | { readonly kind: "broken"; readonly said: string };

/** What a run of a whole file told. */
export interface FileRun {
  readonly outcome: Outcome;
  readonly passed: readonly { readonly name: string; readonly tookMs: number }[];
}

/** The test of a guard. */
export type Aim = Pick<Guard, "test" | "name">;

/** A copy of the checkout, gone at the end. */
export class Workbench implements AsyncDisposable {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async open(): Promise<Workbench> {
    const directory = await mkdtemp(join(tmpdir(), "sftpx-guards-"));
    await cp(CHECKOUT, directory, {
      recursive: true,
      filter: (source) => !LEFT_OUT.has(basename(source)),
    });
    await symlink(join(CHECKOUT, "node_modules"), join(directory, "node_modules"));
    return new Workbench(directory);
  }

  /** Runs a test with everything as it is. */
  async run(aim: Aim, patienceMs = PATIENCE_MS): Promise<Outcome> {
    const filter = aim.name === undefined ? [] : ["--filter", aim.name];
    // One that fails is enough to know.
    const said = await this.#deno([...TEST, "--fail-fast", ...filter, aim.test], patienceMs);
    return said === null ? { kind: "hung" } : outcomeOf(said);
  }

  /** Runs all tests of a file with everything as it is. */
  async runFile(test: string): Promise<FileRun> {
    const said = await this.#deno([...TEST, test], PATIENCE_MS);
    if (said === null) return { outcome: { kind: "hung" }, passed: [] };
    return { outcome: outcomeOf(said), passed: passedOf(said) };
  }

  /** Runs its test without a guard, and puts the guard back. */
  async runWithout(guard: Guard, patienceMs: number): Promise<Outcome> {
    const path = join(this.#directory, guard.file);
    const source = await readFile(path, "utf8");
    if (!source.includes(guard.text)) return { kind: "broken", said: `${guard.file} has changed` };
    // Of a function, so that `$` in the text means itself.
    await writeFile(path, source.replace(guard.text, () => guard.without));
    try {
      return await this.run(guard, patienceMs);
    } finally {
      await writeFile(path, source);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** What it said; null where it did not end by itself. */
  async #deno(args: readonly string[], patienceMs: number): Promise<string | null> {
    const child = spawn(process.execPath, args, {
      cwd: this.#directory,
      env: {
        ...process.env,
        NO_COLOR: "1",
        DENO_NO_UPDATE_CHECK: "1",
        SFTPX_ADDON_COPY: "1",
      },
      stdio: ["ignore", "pipe", "pipe"],
      // With what it started in a group of their own, so that all of them can be ended.
      detached: true,
    });
    let isOverdue = false;
    const overdue = setTimeout(() => {
      isOverdue = true;
      endGroup(child.pid);
    }, patienceMs);
    let said = "";
    const take = (text: string) => said += text;
    child.stdout.setEncoding("utf8").on("data", take);
    child.stderr.setEncoding("utf8").on("data", take);
    try {
      await new Promise<void>((resolve, reject) => {
        child.once("error", reject);
        child.once("close", () => resolve());
      });
    } finally {
      clearTimeout(overdue);
      endGroup(child.pid);
    }
    return isOverdue ? null : said;
  }
}

/** What the test runner said, in one word. */
export function outcomeOf(said: string): Outcome {
  const lines = said.split("\n");
  if (lines.some((line) => /^\S.* \.\.\. FAILED\b/.test(line))) return { kind: "failed" };
  // Where a test prints, its verdict stands on a line of its own, after what it printed.
  if (lines.some((line) => /^\S.* => \.\/\S+_test\.ts:\d+/.test(line))) return { kind: "failed" };
  const summary = /^(ok|FAILED) \| (\d+) passed/m.exec(said);
  if (summary?.[1] === "ok") return { kind: summary[2] === "0" ? "absent" : "passed" };
  return { kind: "broken", said: said.slice(-TAIL_CHARS) };
}

/** The tests that passed, and after how long each. */
export function passedOf(said: string): FileRun["passed"] {
  return [...said.matchAll(/^(\S.*) \.\.\. ok \((\S+)\)$/gm)].map(([, name = "", took = ""]) => ({
    name,
    tookMs: millisecondsOf(took),
  }));
}

/** As the runner writes a time: `945µs`, `12ms`, `1s`, `2m5s`. */
function millisecondsOf(took: string): number {
  const inMs: Record<string, number> = { µs: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
  const parts = [...took.matchAll(/(\d+)(µs|ms|s|m|h)/g)];
  return parts.reduce((sum, [, number, unit = ""]) => sum + Number(number) * (inMs[unit] ?? 0), 0);
}

/** A test may have started servers and commands that outlive it. */
function endGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch { /* All of them ended. */ }
}
