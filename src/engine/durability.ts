// When the journal is written, and which frames are durable after it (I2). Bytes and time since the
// last journal entry decide; one journal write is under way at a time. What is stored and would be lost
// with this process is bounded, however slow the disk is: beyond it no more is taken in.

import { LIMITS } from "../base/limits.ts";
import { RangeSet } from "../base/ranges.ts";
import type { JournalRun } from "../store/store.ts";
import type { Range } from "../wire/messages.ts";
import type { ReceiveFile } from "./receive_file.ts";

/** A journal write that is under way. */
interface Writing {
  readonly files: ReadonlySet<ReceiveFile>;
  readonly frames: readonly number[];
  readonly bytes: number;
}

export class DurabilityLedger {
  readonly #intervalBytes: number;
  /** Files with chunks the journal has not heard of, and the bytes of these. */
  readonly #dirty = new Map<ReceiveFile, number>();
  /** Files passed over, as their commit is near, and their bytes. */
  readonly #committing = new Map<ReceiveFile, number>();
  /** Per frame: its chunks that are stored and not durable, and one more until all are stored. */
  readonly #waiting = new Map<number, number>();
  readonly #durable = new RangeSet();
  #dirtyBytes = 0;
  #committingBytes = 0;
  #dirtySinceMs = 0;
  #nowMs = 0;
  #writing: Writing | null = null;

  /** `intervalBytes` are what is stored before the journal is written. */
  constructor({ intervalBytes = LIMITS.journalBytes }: { readonly intervalBytes?: number } = {}) {
    this.#intervalBytes = intervalBytes;
  }

  /**
   * As much is stored and not durable as may be: two intervals of what is journalled, one with the disk
   * and one behind it, and two of what awaits its commit, which takes none of the other's room. It ends
   * by itself, for nothing that makes it durable waits for more to come: a write is under way or due, or
   * files await nothing but their commit.
   */
  get isFull(): boolean {
    const most = 2 * this.#intervalBytes;
    const journallingBytes = this.#dirtyBytes + (this.#writing?.bytes ?? 0);
    return journallingBytes >= most || this.#committingBytes >= most;
  }

  tick(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  /** A frame came whose records are to be dealt with: `frameStored` follows. */
  opened(frame: number): void {
    this.#await(frame);
  }

  /**
   * A chunk of `frame` awaits the journal with the rest of `file`; `bytes` of it were written now.
   * `frame` is negative for copies made here.
   */
  stored(file: ReceiveFile, frame: number, bytes: number): void {
    this.#soil(file, bytes);
    if (frame < 0) return;
    file.storedWith(frame);
    this.#await(frame);
  }

  /** Something of a file awaits the journal, or the commit in its place. */
  awaits(file: ReceiveFile): boolean {
    return this.#dirty.has(file) || this.#committing.has(file) ||
      this.#writing?.files.has(file) === true;
  }

  /** Every record of a frame is dealt with; durable at once when none of it awaits the journal. */
  frameStored(frame: number): void {
    this.#release([frame]);
  }

  /** A file has chunks to be journalled, perhaps again. */
  reopened(file: ReceiveFile): void {
    this.#soil(file, 0);
  }

  /** A file was committed or failed: nothing of it awaits the journal any more. */
  settled(file: ReceiveFile): void {
    this.#dirtyBytes -= this.#dirty.get(file) ?? 0;
    this.#dirty.delete(file);
    this.#committingBytes -= this.#committing.get(file) ?? 0;
    this.#committing.delete(file);
    this.#release(file.takeUndurable());
  }

  /** Runs to journal now, or null. `skip` names files whose commit makes them durable anyway. */
  takeDue(skip: (file: ReceiveFile) => boolean): JournalRun[] | null {
    if (this.#writing !== null || this.#dirty.size === 0) return null;
    const due = this.#dirtyBytes >= this.#intervalBytes ||
      this.#nowMs - this.#dirtySinceMs >= LIMITS.journalMs;
    if (!due) return null;
    for (const [file, bytes] of this.#dirty) {
      if (skip(file)) this.#passOver(file, bytes);
    }
    const bytes = this.#dirtyBytes;
    const { runs, frames, files } = this.#takeDirty();
    if (runs.length === 0) {
      this.#release(frames);
      return null;
    }
    this.#writing = { files, frames, bytes };
    return runs;
  }

  /** Everything the journal has not heard of, due or not: the transfer breaks off here. */
  takeRest(): JournalRun[] {
    for (const [file, bytes] of this.#committing) this.#soil(file, bytes);
    this.#committing.clear();
    this.#committingBytes = 0;
    return this.#takeDirty().runs;
  }

  /** The write is through; answers the files of which nothing awaits the journal now. */
  journalled(): readonly ReceiveFile[] {
    const { files = [], frames = [] } = this.#writing ?? {};
    this.#release(frames);
    this.#writing = null;
    return [...files].filter((file) => !this.awaits(file));
  }

  /** Frames that became durable, at most `limit` ranges. */
  drain(limit: number): Range[] {
    return this.#durable.drain(limit);
  }

  get hasDurable(): boolean {
    return this.#durable.size > 0;
  }

  #soil(file: ReceiveFile, bytes: number): void {
    if (this.#dirty.size === 0) this.#dirtySinceMs = this.#nowMs;
    this.#dirty.set(file, (this.#dirty.get(file) ?? 0) + bytes);
    this.#dirtyBytes += bytes;
  }

  #passOver(file: ReceiveFile, bytes: number): void {
    this.#dirty.delete(file);
    this.#dirtyBytes -= bytes;
    this.#committing.set(file, (this.#committing.get(file) ?? 0) + bytes);
    this.#committingBytes += bytes;
  }

  #takeDirty(): { runs: JournalRun[]; frames: number[]; files: ReadonlySet<ReceiveFile> } {
    const runs: JournalRun[] = [];
    const frames: number[] = [];
    const files = new Set(this.#dirty.keys());
    for (const file of files) {
      for (const run of file.takeRuns()) {
        runs.push({ ...run, entry: file.index, synced: file.syncsAlone });
      }
      for (const frame of file.takeUndurable()) frames.push(frame);
    }
    this.#dirty.clear();
    this.#dirtyBytes = 0;
    return { runs, frames, files };
  }

  #await(frame: number): void {
    this.#waiting.set(frame, (this.#waiting.get(frame) ?? 0) + 1);
  }

  #release(frames: readonly number[]): void {
    for (const frame of frames) {
      const left = (this.#waiting.get(frame) ?? 0) - 1;
      if (left > 0) {
        this.#waiting.set(frame, left);
      } else {
        this.#waiting.delete(frame);
        this.#durable.add(frame);
      }
    }
  }
}
