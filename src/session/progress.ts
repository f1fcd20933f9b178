// Progress of one transfer as events, at most five a second, and its closing summary. Rates are
// measured over the last seconds, so that a stall shows.

import { toHex } from "../base/bytes.ts";
import { type ErrorCode, SftpxError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import type { FailureReport, TransferCounts, TransferResult } from "../engine/report.ts";
import type { ChunkRecord } from "../wire/frame.ts";
import type { SessionEvent, TransferSummary } from "./options.ts";

const INTERVAL_MS = 200;
const RATE_WINDOW_MS = 3000;

export class Progress {
  readonly #onEvent: (event: SessionEvent) => void;
  readonly #counts: () => TransferCounts;
  readonly #startMs = performance.now();
  readonly #samples: { readonly atMs: number; readonly bytes: number }[] = [];
  readonly #timer: ReturnType<typeof setInterval>;
  #wireBytes = 0;
  #failed = 0;
  #firstFailure: { readonly code: ErrorCode; readonly message: string } | null = null;

  constructor(
    onEvent: (event: SessionEvent) => void,
    { counts, onTick }: { counts: () => TransferCounts; onTick: (nowMs: number) => void },
  ) {
    this.#onEvent = onEvent;
    this.#counts = counts;
    this.#timer = setInterval(() => {
      onTick(performance.now());
      this.#report();
    }, INTERVAL_MS);
  }

  /** A frame that crossed the wire: its payload counts, so that a frame of digests alone is none. */
  addFrame(records: readonly ChunkRecord[]): void {
    for (const { storedBytes } of records) this.#wireBytes += storedBytes;
  }

  entryFailed(failure: FailureReport): void {
    this.#failed++;
    const message = failure.remote ? escapeText(failure.message) : failure.message;
    this.#firstFailure ??= { code: failure.code, message };
    const path = escapeText(failure.path);
    this.#onEvent({ kind: "entry_failed", path, code: failure.code, message });
  }

  notice(message: string): void {
    this.#onEvent({ kind: "notice", message });
  }

  /** A last report, then silence. */
  stop(): void {
    clearInterval(this.#timer);
    this.#report();
  }

  /** The summary of a transfer that reached its receipt. */
  finished(result: TransferResult, chunkBytes: number): TransferSummary {
    const error = this.#failed === 0 ? null : this.#partialError(result);
    return {
      ok: error === null,
      files: result.files,
      bytes: result.bytes,
      reusedBytes: Math.min(result.bytes, this.#counts().reusedBytes),
      wireBytes: this.#wireBytes,
      seconds: this.#seconds(),
      root: toHex(result.root),
      chunkBytes,
      failed: this.#failed,
      error,
    };
  }

  /** The summary of a transfer that ended before its receipt. */
  broken(error: SftpxError, chunkBytes: number): TransferSummary {
    return {
      ok: false,
      files: this.#counts().filesDone,
      bytes: 0,
      reusedBytes: 0,
      wireBytes: this.#wireBytes,
      seconds: this.#seconds(),
      root: null,
      chunkBytes,
      failed: this.#failed,
      error,
    };
  }

  /** Some entries failed: `partial` when others are in place, else the first cause. */
  #partialError(result: TransferResult): SftpxError {
    const first = this.#firstFailure!;
    if (result.files === 0) return new SftpxError(first.code, first.message);
    const entries = this.#failed === 1 ? "1 entry" : `${this.#failed} entries`;
    return new SftpxError("partial", `${entries} failed, the first because: ${first.message}`);
  }

  #seconds(): number {
    return Math.round(performance.now() - this.#startMs) / 1000;
  }

  #report(): void {
    const counts = this.#counts();
    const nowMs = performance.now();
    this.#samples.push({ atMs: nowMs, bytes: counts.bytesDone });
    while (nowMs - this.#samples[0]!.atMs > RATE_WINDOW_MS) this.#samples.shift();
    const oldest = this.#samples[0]!;
    const elapsedMs = nowMs - oldest.atMs;
    const bytesPerSecond = elapsedMs === 0
      ? 0
      : Math.round((counts.bytesDone - oldest.bytes) / elapsedMs * 1000);
    this.#onEvent({
      kind: "progress",
      bytesDone: counts.bytesDone,
      bytesTotal: counts.bytesTotal,
      wireBytes: this.#wireBytes,
      filesDone: counts.filesDone,
      filesTotal: counts.filesTotal,
      bytesPerSecond,
    });
  }
}

/** The summary of a transfer that never began. */
export function failedSummary(
  error: SftpxError,
  { chunkBytes, startMs }: { chunkBytes: number; startMs: number },
): TransferSummary {
  return {
    ok: false,
    files: 0,
    bytes: 0,
    reusedBytes: 0,
    wireBytes: 0,
    seconds: Math.round(performance.now() - startMs) / 1000,
    root: null,
    chunkBytes,
    failed: 0,
    error,
  };
}
