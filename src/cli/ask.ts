// One question to a person: whether there is one to ask, and the line that comes back.

import process from "node:process";
import { createInterface } from "node:readline";
import { isatty } from "node:tty";

/** Reads one line; null when the input ends without one. Rejects with the signal's reason. */
export type Ask = (options: { signal: AbortSignal }) => Promise<string | null>;

/** Asks whoever sits at the terminal; null where stdin is none, so that nobody would answer. */
export function terminalAsk(): Ask | null {
  return isatty(0) ? ({ signal }) => readLine(process.stdin, { signal }) : null;
}

/** The first line of a stream, without its end. The stream is left paused, not closed. */
export async function readLine(
  input: NodeJS.ReadableStream,
  { signal }: { signal: AbortSignal },
): Promise<string | null> {
  signal.throwIfAborted();
  // Not as a terminal: the line discipline of the system echoes and edits, and Ctrl-C stays a signal.
  const lines = createInterface({ input, terminal: false });
  const { promise, resolve, reject } = Promise.withResolvers<string | null>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  lines.once("line", resolve);
  lines.once("close", () => resolve(null));
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
    lines.close();
  }
}
