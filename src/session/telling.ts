// What one command tells over all its attempts at a transfer: one start, figures that never fall (I10),
// no entry twice, and one summary of it all.

import type { SftpxError } from "../base/errors.ts";
import type { SessionEvent, TransferSummary } from "./options.ts";
import { idleProgress, secondsSince } from "./progress.ts";
import { ToldTexts } from "./told_texts.ts";

type ProgressEvent = Extract<SessionEvent, { kind: "progress" }>;
type ConnectionEvent = Extract<SessionEvent, { kind: "connection" }>;

export class Telling {
  readonly #onEvent: (event: SessionEvent) => void;
  #startMs = performance.now();
  /** Paths and notices that were told, and in which attempt: one of them may repeat itself. */
  readonly #told = new ToldTexts();
  #attempt = 0;
  readonly #uses = new Map<number, ConnectionEvent>();
  /** What the last session's first connection went over. */
  #stack: string | null = null;
  /** What was last shown. */
  #shown = idleProgress("connect");
  #hasStarted = false;
  /** Of the attempts before this one. */
  #before = { wireBytes: 0, movedBytes: 0, changed: 0, deleted: 0, failed: 0 };
  /** Entries that this attempt changed, as far as this end was told. */
  #changed = 0;
  /** Bytes of files that this attempt moved: that left this end, or that the receiver stored. */
  #movedBytes = 0;
  #leftBytes = 0;
  /** Bytes that were there, and that no attempt carried. */
  #reusedBytes = 0;
  #reconnects = 0;

  constructor(onEvent: (event: SessionEvent) => void) {
    this.#onEvent = onEvent;
  }

  /** Takes what an attempt tells. */
  readonly tell = (event: SessionEvent): void => {
    switch (event.kind) {
      case "start":
        if (this.#hasStarted) return;
        this.#hasStarted = true;
        this.#startMs = performance.now();
        break;
      case "progress":
        return this.#show(event);
      case "connected":
        if (event.connection === 0) this.#stack = event.transport;
        break;
      case "connection":
        return this.#addUse(event);
      case "entry":
        // What an attempt before put in place, its successor finds unchanged.
        if (!this.#isNew(event.result === "deleted" ? "deleted" : "there", event.path)) return;
        break;
      case "entry_failed":
        if (!this.#isNew("failed", event.path)) return;
        break;
      case "notice":
        if (!this.#isNew("notice", event.message)) return;
        break;
    }
    this.#onEvent(event);
  };

  /** Bytes of files left this end: more of them may be stored than this end is told of. */
  readonly carried = (rawBytes: number): void => {
    this.#leftBytes += rawBytes;
  };

  /** How far it ever was: bytes and files. */
  get mark(): number {
    return this.#shown.bytesDone + this.#shown.filesDone;
  }

  /** The peer was lost, or is busy. */
  missing(error: SftpxError, withinMs: number): void {
    const { code, message } = error;
    this.#onEvent({ kind: "reconnecting", code, message, withinMs: Math.round(withinMs) });
    this.#shown = { ...this.#shown, phase: "reconnect", bytesPerSecond: 0 };
    this.#onEvent(this.#shown);
  }

  /** It was found again. */
  found(
    { address, seconds, wasLost }: { address: string; seconds: number; wasLost: boolean },
  ): void {
    if (wasLost) this.#reconnects++;
    this.#onEvent({ kind: "reconnected", address, seconds });
  }

  /** An attempt ended, and another one is to follow. */
  next(summary: TransferSummary): void {
    this.#attempt++;
    this.#before.wireBytes += summary.wireBytes;
    this.#before.deleted += summary.deleted;
    this.#before.failed = Math.max(this.#before.failed, summary.failed);
    this.#before.changed += this.#changed;
    this.#changed = 0;
    this.#before.movedBytes += Math.max(this.#movedBytes, this.#leftBytes);
    this.#movedBytes = 0;
    this.#leftBytes = 0;
  }

  /** The summary of the command, by that of its last attempt. */
  summary(last: TransferSummary): TransferSummary {
    const uses = [...this.#uses.values()];
    for (const use of uses) this.#onEvent(use);
    this.#uses.clear();
    const carriers = carriersOf(uses) ?? this.#stack;
    const own = carriers === null ? last : { ...last, transport: carriers };
    if (this.#attempt === 0) return own;
    const isWhole = last.root !== null;
    return {
      ...own,
      files: isWhole ? last.files : Math.max(last.files, this.#shown.filesDone),
      reusedBytes: isWhole ? Math.min(last.bytes, this.#reused(last.reusedBytes)) : 0,
      wireBytes: this.#before.wireBytes + last.wireBytes,
      seconds: secondsSince(this.#startMs),
      changed: last.changed === null ? null : this.#changedIn(last.changed),
      failed: isWhole ? last.failed : Math.max(last.failed, this.#before.failed),
      deleted: this.#before.deleted + last.deleted,
      reconnects: this.#reconnects,
    };
  }

  /**
   * What an attempt before put in place, its successor finds unchanged. Of the last files before a loss the
   * sender may not have been told: where it moved any at all, that was a change.
   */
  #changedIn(last: number): number {
    const { changed, movedBytes } = this.#before;
    return Math.max(last + changed, movedBytes > 0 ? 1 : 0);
  }

  #show({ heldBytes = 0, changed = 0, ...event }: ProgressEvent): void {
    this.#changed = Math.max(this.#changed, changed);
    this.#movedBytes = Math.max(this.#movedBytes, event.bytesDone - event.reusedBytes);
    const shown = this.#shown;
    // What this command stored before counts as soon as it is found there: it is compared last, and what
    // is missing would else move unseen below the mark of the attempt before.
    const storedBytes = Math.min(heldBytes, this.#before.movedBytes);
    const doneBytes = Math.min(event.bytesDone + storedBytes, event.bytesTotal ?? Infinity);
    const bytesDone = Math.max(shown.bytesDone, doneBytes, event.bytesDone);
    const filesDone = Math.max(shown.filesDone, event.filesDone);
    this.#shown = {
      ...event,
      bytesDone,
      bytesTotal: atLeast(bytesDone, event.bytesTotal ?? shown.bytesTotal),
      filesDone,
      filesTotal: atLeast(filesDone, event.filesTotal ?? shown.filesTotal),
      reusedBytes: Math.min(bytesDone, this.#reused(event.reusedBytes)),
      wireBytes: Math.max(shown.wireBytes, this.#before.wireBytes + event.wireBytes),
    };
    this.#onEvent(this.#shown);
  }

  /**
   * Of what an attempt found there, what none before it may have carried: no less than they themselves
   * found, and no more than is left once all that they moved is taken off.
   */
  #reused(foundBytes: number): number {
    this.#reusedBytes = Math.max(this.#reusedBytes, foundBytes - this.#before.movedBytes);
    return this.#reusedBytes;
  }

  #addUse(event: ConnectionEvent): void {
    const known = this.#uses.get(event.connection);
    this.#uses.set(event.connection, {
      ...event,
      transport: joined([...known?.transport.split("+") ?? [], event.transport]),
      wireBytes: event.wireBytes + (known?.wireBytes ?? 0),
      lanes: event.lanes + (known?.lanes ?? 0),
      rttMs: event.rttMs ?? known?.rttMs ?? null,
      lossRatio: event.lossRatio ?? known?.lossRatio ?? null,
      windowBytes: event.windowBytes ?? known?.windowBytes ?? null,
    });
  }

  #isNew(what: string, text: string): boolean {
    return this.#told.tell(`${what} ${text}`, this.#attempt) === this.#attempt;
  }
}

/** The stacks that carried anything, joined; null where none did. */
export function carriersOf(
  uses: readonly Pick<ConnectionEvent, "transport" | "wireBytes">[],
): string | null {
  const carriers = uses.filter(({ wireBytes }) => wireBytes > 0);
  return carriers.length === 0 ? null : joined(carriers.flatMap((use) => use.transport.split("+")));
}

function joined(stacks: readonly string[]): string {
  return [...new Set(stacks)].join("+");
}

function atLeast(done: number, total: number | null): number | null {
  return total === null ? null : Math.max(done, total);
}
