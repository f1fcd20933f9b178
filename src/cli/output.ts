// stdout and stderr as places to write text, synchronously, so that nothing is lost at exit. A broken
// pipe is success: the reader has seen enough, and what is written after it goes nowhere.

import { writeSync } from "node:fs";
import process from "node:process";
import { isatty } from "node:tty";

/** A place to write text to. */
export interface TextOutput {
  readonly isTerminal: boolean;
  /** Columns now (a terminal is resized at any time); null off a terminal. */
  columns(): number | null;
  write(text: string): void;
  /** Why what was written did not all arrive; null when it did, or when the reader left (EPIPE). */
  failure(): string | null;
}

/** Writes bytes and returns how many were taken; throws as `node:fs` does. */
export type WriteSync = (fd: number, bytes: Uint8Array) => number;

/** A pipe set to non-blocking by its other user is tried again after this long. */
const RETRY_MS = 2;
/** A reader that takes nothing for this long is waited for no more. */
const MAX_RETRIES = 5000;

/** stdout or stderr of this process. */
export function standardOutput(name: "stdout" | "stderr"): TextOutput {
  const fd = name === "stdout" ? 1 : 2;
  const isTerminal = isatty(fd);
  const writer = textWriter(fd, (target, bytes) => writeSync(target, bytes));
  const columns = () => isTerminal ? process[name].columns ?? null : null;
  return { isTerminal, columns, ...writer };
}

/** A writer that takes short writes, busy pipes and a broken pipe in its stride. */
export function textWriter(
  fd: number,
  writeBytes: WriteSync,
): Pick<TextOutput, "write" | "failure"> {
  const encoder = new TextEncoder();
  let broken = false;
  let failure: string | null = null;
  const write = (text: string) => {
    let rest: Uint8Array = encoder.encode(text);
    let retries = 0;
    while (rest.length > 0 && !broken) {
      try {
        rest = rest.subarray(writeBytes(fd, rest));
        retries = 0;
      } catch (error) {
        const code = errorCode(error);
        if (code === "EAGAIN" && retries++ < MAX_RETRIES) pause();
        else {
          broken = true;
          failure = code === "EPIPE" ? null : code ?? String(error);
        }
      }
    }
  };
  return { write, failure: () => failure };
}

function errorCode(error: unknown): string | null {
  if (error instanceof Error && "code" in error && typeof error.code === "string") {
    return error.code;
  }
  return null;
}

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
}
