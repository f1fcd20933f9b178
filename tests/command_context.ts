// What a command's run function is given, for tests that run one in this process: recorders for what
// it prints, a set clock, and a home of its own.

import type { CommandContext } from "../src/cli/context.ts";
import { JsonLines } from "../src/cli/json.ts";
import { Terminal } from "../src/cli/ui/terminal.ts";
import { Recorder, TestClock } from "./recorder.ts";

export interface TestContext {
  readonly context: CommandContext;
  readonly stdout: Recorder;
  readonly stderr: Recorder;
  readonly clock: TestClock;
}

/** A context whose user's files are in `home`. */
export function testContext(
  home: string,
  { json = false, quiet = false, verbose = false, isTerminal = false, signal }: {
    json?: boolean;
    quiet?: boolean;
    verbose?: boolean;
    isTerminal?: boolean;
    signal?: AbortSignal;
  } = {},
): TestContext {
  const stdout = new Recorder();
  const stderr = new Recorder({ isTerminal });
  const clock = new TestClock();
  const nowMs = clock.now;
  const variables: Readonly<Record<string, string>> = { SFTPX_HOME: home, NO_COLOR: "1" };
  const env = (name: string) => variables[name];
  const context: CommandContext = {
    stdout,
    terminal: new Terminal({ output: stderr, nowMs, env, quiet, verbose }),
    json: json ? new JsonLines(stdout, nowMs) : null,
    env,
    nowMs,
    signal: signal ?? new AbortController().signal,
  };
  return { context, stdout, stderr, clock };
}

/** Output choices of a command that is not told how to talk. */
export const PLAIN_OUTPUT = { json: false, quiet: false, verbose: false, notes: [] } as const;
