// What every bad input is answered with: one clear sentence for a person, one summary for a program, the
// exit code of the table, and no trace of the program's insides.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs/promises";
import process from "node:process";
import { ERROR_TABLE, type ErrorCode } from "../../src/base/errors.ts";
import { type Outcome, type Transfer, transferOf } from "./json_output.ts";
import type { Scratch, SpawnOptions } from "./sftpx_process.ts";

/** A line of a stack, of Deno's or of Node's. */
const TRACE = /^\s+at .+:\d+:\d+|Uncaught|Stack backtrace|\.ts:\d+/m;

/** Asserts how a run with `--json` failed, and that a person is told the same. */
export function assertBad(run: Transfer, code: ErrorCode, message: RegExp): void {
  const { summary, stderr } = run;
  assert.equal(summary.error?.code, code, stderr);
  assert.match(summary.error?.message ?? "", message);
  const exit = ERROR_TABLE[code].exit;
  assert.deepEqual([run.code, summary.ok, summary.error?.exit], [exit, false, exit], stderr);
  assert.ok(stderr.includes("error: "), stderr);
  assertPlain(run);
}

/** Asserts that nothing of the program's insides is told. */
export function assertPlain({ stdout, stderr }: Outcome): void {
  assert.doesNotMatch(stderr, TRACE);
  assert.doesNotMatch(stdout, TRACE);
}

/** Runs with `--json` and asserts how it failed. */
export async function expectBad(
  scratch: Scratch,
  args: readonly string[],
  { code, message, ...options }: SpawnOptions & {
    readonly code: ErrorCode;
    readonly message: RegExp;
  },
): Promise<Transfer> {
  const run = transferOf(await scratch.run([...args, "--json"], options));
  assertBad(run, code, message);
  return run;
}

/** Entries that failed, as `path code`. */
export function failedEntries({ lines }: Transfer): readonly string[] {
  return lines.flatMap((line) =>
    line.event === "entry_failed" ? [`${line["path"]} ${line["code"]}`] : []
  ).sort();
}

/** A file system of its own in memory, of a size that can be changed. */
export class SmallDisk implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async mount(path: string, size: string): Promise<SmallDisk> {
    await fs.mkdir(path, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "sftpx-test", path]);
    return new SmallDisk(path);
  }

  /** `size=4m` or `ro`. */
  remount(option: string): void {
    execFileSync("mount", ["-o", `remount,${option}`, this.path]);
  }

  [Symbol.asyncDispose](): Promise<void> {
    execFileSync("umount", ["-l", this.path]);
    return Promise.resolve();
  }
}

/** Whether this process may mount a file system: tried, because root in a container may not. */
export function mayMount(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  try {
    execFileSync("unshare", ["-m", "mount", "-t", "tmpfs", "sftpx-test", "/mnt"], {
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
}
