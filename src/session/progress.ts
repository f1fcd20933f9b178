// Progress of one transfer as events, at most five a second, and its closing summary. Rates are
// measured over the last seconds, so that a stall shows.

import { toHex } from "../base/bytes.ts";
import type { SftpxError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import type {
  EntryReport,
  FailureReport,
  TransferCounts,
  TransferPhase,
  TransferResult,
} from "../engine/report.ts";
import type { Compression } from "../pool/messages.ts";
import { SPARE_MEMORY } from "../runtime/spare_memory.ts";
import type { ChunkRecord } from "../wire/frame.ts";
import { CompressionUse } from "./compression_use.ts";
import { ConnectionUse } from "./connection_use.ts";
import { FailureTally } from "./failure_tally.ts";
import type { LanePath } from "./hub.ts";
import type { Phase, SessionEvent, TransferSummary } from "./options.ts";

const INTERVAL_MS = 200;
const RATE_WINDOW_MS = 3000;
/** A transfer that is over by then is not worth looking for memory it leaves. */
const SPARE_MS = 2000;

export interface ProgressOptions {
  /** What this end does with bytes that travel. */
  readonly moving: "send" | "receive";
  readonly counts: () => TransferCounts;
  readonly onTick: (nowMs: number) => void;
  /** Bytes of files crossed the wire: as they are, not as they were packed. */
  readonly onCarried?: ((rawBytes: number) => void) | undefined;
}

/** What is polled of either half of the engine. */
export interface TellingHalf {
  pollFailure(): FailureReport | null;
  pollEntry(): EntryReport | null;
  pollNotice(): string | null;
}

export class Progress {
  readonly #onEvent: (event: SessionEvent) => void;
  readonly #moving: "send" | "receive";
  readonly #counts: () => TransferCounts;
  readonly #startMs = performance.now();
  readonly #samples: { readonly atMs: number; readonly bytes: number }[] = [];
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #failures: FailureTally;
  readonly #use = new ConnectionUse();
  readonly #compressed = new CompressionUse();
  readonly #onCarried: (rawBytes: number) => void;
  #wireBytes = 0;
  #deleted = 0;
  #limitBytesPerSecond: number | null = null;

  constructor(
    onEvent: (event: SessionEvent) => void,
    { moving, counts, onTick, onCarried = () => {} }: ProgressOptions,
  ) {
    this.#onCarried = onCarried;
    this.#onEvent = onEvent;
    this.#moving = moving;
    this.#failures = new FailureTally(onEvent);
    this.#counts = counts;
    this.#timer = setInterval(() => {
      const nowMs = performance.now();
      onTick(nowMs);
      this.#report();
      if (nowMs - this.#startMs >= SPARE_MS) SPARE_MEMORY.giveBack(nowMs);
    }, INTERVAL_MS);
  }

  /** A lane of this transfer was opened; the answer is called when it has ended. */
  addLane(path: LanePath): () => void {
    return this.#use.addLane(path);
  }

  /** A frame that crossed the wire: its payload counts, so that a frame of digests alone is none. */
  addFrame(records: readonly ChunkRecord[], path: LanePath): void {
    let rawBytes = 0;
    for (const record of records) {
      this.#wireBytes += record.storedBytes;
      // A digest alone carries nothing.
      if (record.storedBytes > 0) rawBytes += record.rawBytes;
    }
    this.#onCarried(rawBytes);
    this.#use.addFrame(path, records);
    this.#compressed.add(records);
  }

  /** Chunks go to be packed, and are tried at that. */
  chose(choice: Compression, rawBytes: number): void {
    this.#compressed.chose(choice, rawBytes);
  }

  /** What a limit bounds it by; null for none. */
  limitTo(bytesPerSecond: number | null): void {
    this.#limitBytesPerSecond = bytesPerSecond;
  }

  /** Tells all that a half of the engine has to tell. */
  tell(half: TellingHalf): void {
    for (let it = half.pollFailure(); it !== null; it = half.pollFailure()) this.#failures.add(it);
    for (let it = half.pollEntry(); it !== null; it = half.pollEntry()) this.#entry(it);
    for (let it = half.pollNotice(); it !== null; it = half.pollNotice()) this.notice(it);
  }

  addDeleted(count: number): void {
    this.#deleted += count;
  }

  notice(message: string): void {
    this.#onEvent({ kind: "notice", message });
  }

  /** A last report, what each connection carried, then silence. */
  stop(path: { readonly rttMs: number | null }): void {
    clearInterval(this.#timer);
    this.#report();
    for (const event of this.#use.events(path)) this.#onEvent(event);
  }

  /** The summary of a transfer that reached its receipt. */
  finished(result: TransferResult, chunkBytes: number): TransferSummary {
    const error = this.#failures.error(result);
    return {
      ok: error === null,
      files: result.files,
      bytes: result.bytes,
      reusedBytes: Math.min(result.bytes, this.#counts().reusedBytes),
      wireBytes: this.#wireBytes,
      seconds: secondsSince(this.#startMs),
      root: toHex(result.root),
      chunkBytes,
      failed: this.#failures.count,
      changed: result.changed,
      deleted: result.deleted,
      dryRun: false,
      reconnects: 0,
      ...this.#how,
      error,
    };
  }

  /** The summary of a transfer that ended before its receipt. */
  broken(error: SftpxError, chunkBytes: number): TransferSummary {
    return {
      ...failedSummary(error, { chunkBytes, startMs: this.#startMs, dryRun: false }),
      files: this.#counts().filesDone,
      wireBytes: this.#wireBytes,
      failed: this.#failures.count,
      deleted: this.#deleted,
      ...this.#how,
    };
  }

  /** What it went over and how, as far as there was something to carry. */
  get #how(): Partial<TransferSummary> {
    const limit = this.#limitBytesPerSecond;
    return {
      ...this.#use.summary,
      ...this.#compressed.summary,
      ...(limit === null ? {} : { limitBytesPerSecond: limit }),
    };
  }

  #entry({ path, kind, sizeBytes, result }: EntryReport): void {
    this.#onEvent({ kind: "entry", path: escapeText(path), entryKind: kind, sizeBytes, result });
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
      phase: phaseOf(counts.phase, this.#moving),
      bytesDone: counts.bytesDone,
      bytesTotal: counts.bytesTotal,
      reusedBytes: counts.reusedBytes,
      ...(counts.heldBytes === undefined ? {} : { heldBytes: counts.heldBytes }),
      wireBytes: this.#wireBytes,
      filesDone: counts.filesDone,
      filesTotal: counts.filesTotal,
      ...(counts.changed === 0 ? {} : { changed: counts.changed }),
      bytesPerSecond,
    });
  }
}

function phaseOf(phase: TransferPhase, moving: "send" | "receive"): Phase {
  return phase === "move" ? moving : phase;
}

/** The summary of a transfer that never began. */
export function failedSummary(
  error: SftpxError,
  { chunkBytes, startMs, dryRun }: {
    readonly chunkBytes: number;
    readonly startMs: number;
    readonly dryRun: boolean;
  },
): TransferSummary {
  return {
    ok: false,
    files: 0,
    bytes: 0,
    reusedBytes: 0,
    wireBytes: 0,
    seconds: secondsSince(startMs),
    root: null,
    chunkBytes,
    failed: 0,
    changed: null,
    deleted: 0,
    dryRun,
    reconnects: 0,
    error,
  };
}

/** A report of a transfer that moves nothing yet, or nothing at all. */
export function idleProgress(phase: Phase): Extract<SessionEvent, { kind: "progress" }> {
  return {
    kind: "progress",
    phase,
    bytesDone: 0,
    bytesTotal: null,
    reusedBytes: 0,
    wireBytes: 0,
    filesDone: 0,
    filesTotal: null,
    bytesPerSecond: 0,
  };
}

/** Seconds since a reading of the monotonic clock, to the millisecond. */
export function secondsSince(startMs: number): number {
  return Math.round(performance.now() - startMs) / 1000;
}
