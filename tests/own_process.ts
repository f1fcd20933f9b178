// Tests run beside each other in one process, which has one set of variables and one umask. What a test changes
// of them, it changes in a process of its own.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";

const REPOSITORY = fileURLToPath(new URL("../", import.meta.url));

/** Runs a module's text in a new process of this runtime. Returns what it printed, without the last line's end. */
export function printedBy(
  script: string,
  /** Undefined unsets. */
  env: Readonly<Record<string, string | undefined>> = {},
): string {
  const args = "bun" in process.versions ? ["-e", script] : ["eval", "--no-check", script];
  const child = spawnSync(process.execPath, args, {
    cwd: REPOSITORY,
    env: { ...process.env, NO_COLOR: "1", ...env },
    encoding: "utf8",
  });
  assert.equal(child.status, 0, child.stderr);
  return child.stdout.trimEnd();
}
