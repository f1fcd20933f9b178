// What both halves of the engine tell the session about a transfer, and each other about its failures.

import type { ErrorCode } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { escapeText } from "../base/text.ts";
import type { EntryFailure, EntryKind } from "../wire/messages.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/** Failures a message carries: with texts as long as may be they stay well inside one. */
export const FAILURES_PER_MESSAGE = 256;

/** What a receiver calls a link that it takes none of: no failure, and in no code of base/errors. */
export const SKIPPED = "skipped";

/** An entry that failed, for the user. */
export interface FailureReport {
  readonly path: string;
  readonly code: ErrorCode;
  readonly message: string;
  /** The other end said so. */
  readonly remote: boolean;
}

/** An entry that is done with, for the user; told only where it was asked for. */
export interface EntryReport {
  readonly path: string;
  /** Of what was deleted only directories are told apart: the rest is called a file. */
  readonly kind: EntryKind;
  readonly sizeBytes: number;
  /** `unchanged` is told at the end: until then another mode may be set. */
  readonly result: "done" | "unchanged" | "deleted";
}

/** How far a transfer is; every figure only grows (I10). */
export interface TransferCounts {
  /** Logical bytes the receiver has stored, or had. */
  readonly bytesDone: number;
  /** Null until the manifest is closed. */
  readonly bytesTotal: number | null;
  /** Of `bytesDone`, those not sent. */
  readonly reusedBytes: number;
  /** Beside `bytesDone`, what the receiver holds in parts and is still to be compared. */
  readonly heldBytes?: number;
  /** Files under their final names. */
  readonly filesDone: number;
  readonly filesTotal: number | null;
  /** Entries made, replaced, or given another mode or time, those that failed after all included. */
  readonly changed: number;
  /** What it is at; see {@linkcode TransferPhase}. */
  readonly phase: TransferPhase;
}

/**
 * What a transfer is at: `scan` while nothing flows and more may be announced, `move` while bytes
 * are to travel, `verify` while what stands there is compared or the last word on content is awaited,
 * `commit` when all of it is. It never goes back to `scan`, and leaves `verify` backwards only when
 * a comparison finds what must travel after all.
 */
export type TransferPhase = "scan" | "move" | "verify" | "commit";

/** What a finished transfer came to: the matter of the receipt. */
export interface TransferResult {
  /** Root over what was committed. */
  readonly root: Uint8Array;
  readonly files: number;
  readonly bytes: number;
  readonly failed: number;
  /** Entries made, replaced, or given another mode or time. */
  readonly changed: number;
  readonly deleted: number;
}

/** What a user is told who asked for another chunk size than the journal fixes. */
export function chunkSizeNotice(chunkBytes: number): string {
  const [unit, unitBytes] = chunkBytes < MiB ? ["KiB", KiB] as const : ["MiB", MiB] as const;
  return `The chunk size of the attempt before holds: ${chunkBytes / unitBytes} ${unit}`;
}

/** What a user is told of the links that the receiving side took none of; null when there were none. */
export function skippedNotice(count: number, first: string): string | null {
  if (count === 0) return null;
  const others = count === 1 ? "" : ` and ${count - 1} more`;
  return `Skipped link "${escapeText(first)}"${others}: the receiving side takes no links`;
}

/** A text as it may travel: no character takes more than four bytes. */
export function textToTell(text: string): string {
  return text.slice(0, LIMITS.textBytes / 4);
}

/** A failure as the other end is told of it. */
export function failureToTell(
  entry: number,
  { code, message }: { code: ErrorCode; message: string },
): EntryFailure {
  return { entry, code, message: textToTell(message) };
}

/** What was deleted, by its path, a directory's with a `/`; null for null. */
export function deletedEntry(path: string | null): EntryReport | null {
  return path === null ? null : { ...deletedThing(path), result: "deleted" };
}

/** What is or would be deleted, as it is told: of what is no directory no more is known. */
export function deletedThing(path: string): Pick<EntryReport, "path" | "kind" | "sizeBytes"> {
  if (!path.endsWith("/")) return { path, kind: "file", sizeBytes: 0 };
  return { path: path.slice(0, -1), kind: "directory", sizeBytes: 0 };
}
