// SIGINT and SIGTERM become an abort whose reason is the error to exit with. A second SIGINT ends the
// process at once: whoever sends it has waited long enough.

import process from "node:process";
import { SftpxError } from "../base/errors.ts";

/** What of `node:process` is used; a test brings its own. */
export interface SignalSource {
  on(signal: "SIGINT" | "SIGTERM", listener: () => void): unknown;
  off(signal: "SIGINT" | "SIGTERM", listener: () => void): unknown;
}

/** Signals being listened for. Listeners keep a process alive: dispose of it. */
export interface Signals extends Disposable {
  /** Aborted with an `SftpxError` of code `interrupted` or `terminated`. */
  readonly signal: AbortSignal;
}

/** Listens until disposed of. `exitNow` is called for the second SIGINT. */
export function listenForSignals(
  exitNow: (code: number) => void,
  source: SignalSource = process,
): Signals {
  const controller = new AbortController();
  const interrupted = new SftpxError("interrupted", "Stopped by SIGINT");
  const onInterrupt = () => {
    if (controller.signal.aborted) exitNow(interrupted.exit);
    else controller.abort(interrupted);
  };
  const onTerminate = () => controller.abort(new SftpxError("terminated", "Stopped by SIGTERM"));
  source.on("SIGINT", onInterrupt);
  source.on("SIGTERM", onTerminate);
  return {
    signal: controller.signal,
    [Symbol.dispose]() {
      source.off("SIGINT", onInterrupt);
      source.off("SIGTERM", onTerminate);
    },
  };
}
