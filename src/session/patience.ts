// Waiting that ends: for what a peer should do soon, and may never do; and between two tries.

import { LIMITS } from "../base/limits.ts";
import { whenAborted } from "./abort.ts";

/** Settles with the promise or after `patienceMs`, whichever comes first; rejects as it does. */
export async function atMost(promise: Promise<unknown>, patienceMs: number): Promise<void> {
  const patience = Promise.withResolvers<void>();
  const timer = setTimeout(patience.resolve, patienceMs);
  try {
    await Promise.race([promise, patience.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Settles once the loop has looked at what came, and what was sent before has left. */
export async function turnOfLoop(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
}

/** Settles after so long, or at once when the signal is aborted. */
export async function pause(pauseMs: number, signal: AbortSignal): Promise<void> {
  const over = Promise.withResolvers<void>();
  const timer = setTimeout(over.resolve, pauseMs);
  using _aborted = whenAborted(signal, () => over.resolve());
  try {
    await over.promise;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * How long to wait after so many tries to no avail; `chance` is in [0, 1). A fifth more or less: clients
 * that were turned away together do not come back together.
 */
export function backoffMs(tries: number, chance: number): number {
  const doubled = LIMITS.minBackoffMs * 2 ** Math.min(tries, 16);
  return Math.min(doubled, LIMITS.maxBackoffMs) * (0.8 + 0.4 * chance);
}
