// What both halves of the engine tell the session about a transfer, and each other about its failures.

import type { ErrorCode } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { EntryFailure } from "../wire/messages.ts";

/** Failures a message carries: with texts as long as may be they stay well inside one. */
export const FAILURES_PER_MESSAGE = 256;

/** An entry that failed, for the user. */
export interface FailureReport {
  readonly path: string;
  readonly code: ErrorCode;
  readonly message: string;
  /** The other end said so. */
  readonly remote: boolean;
}

/** How far a transfer is; every figure only grows (I10). */
export interface TransferCounts {
  /** Logical bytes the receiver has stored, or had. */
  readonly bytesDone: number;
  /** Null until the manifest is closed. */
  readonly bytesTotal: number | null;
  /** Of `bytesDone`, those not sent. */
  readonly reusedBytes: number;
  /** Files under their final names. */
  readonly filesDone: number;
  readonly filesTotal: number | null;
}

/** What a finished transfer came to: the matter of the receipt. */
export interface TransferResult {
  /** Root over what was committed. */
  readonly root: Uint8Array;
  readonly files: number;
  readonly bytes: number;
  readonly failed: number;
}

/** A failure as the other end is told of it; no character takes more than four bytes of its text. */
export function failureToTell(
  entry: number,
  { code, message }: { code: ErrorCode; message: string },
): EntryFailure {
  return { entry, code, message: message.slice(0, LIMITS.textBytes / 4) };
}
