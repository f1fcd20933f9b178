// What a transfer is at, from what either half counts. Pure, so that both ends name the same thing.

import type { TransferPhase } from "./report.ts";

/** What decides it. */
export interface PhaseFacts {
  /** The manifest's end was announced. */
  readonly isClosed: boolean;
  /** Bytes had to travel: once true it stays so. */
  readonly hasMoved: boolean;
  /** Files are announced whose bytes are not all in place. */
  readonly isMissing: boolean;
  /** Both ends stand by the content: only names are left to be put in place. */
  readonly isVerified: boolean;
}

/** The phase of a transfer; see {@linkcode TransferPhase} for what each one means. */
export function phaseOf({ isClosed, hasMoved, isMissing, isVerified }: PhaseFacts): TransferPhase {
  if (!isClosed) return hasMoved ? "move" : "scan";
  if (isMissing) return hasMoved ? "move" : "verify";
  return isVerified ? "commit" : "verify";
}
