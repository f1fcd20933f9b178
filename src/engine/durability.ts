// When the journal is written, and which frames are durable after it (I2). Bytes and time since the
// last journal entry decide; one journal write is under way at a time.

import { LIMITS } from "../base/limits.ts";
import { RangeSet } from "../base/ranges.ts";
import type { JournalRun } from "../store/store.ts";
import type { Range } from "../wire/messages.ts";
import type { ReceiveFile } from "./receive_file.ts";

export class DurabilityLedger {
  /** Files with chunks the journal has not heard of. */
  readonly #dirty = new Set<ReceiveFile>();
  /** Per frame: its chunks that are stored and not durable, and one more until all are stored. */
  readonly #waiting = new Map<number, number>();
  readonly #durable = new RangeSet();
  #dirtyBytes = 0;
  #dirtySinceMs = 0;
  #nowMs = 0;
  #writing: number[] | null = null;

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
    this.reopened(file);
    this.#dirtyBytes += bytes;
    if (frame < 0) return;
    file.undurable.push(frame);
    this.#await(frame);
  }

  /** Every record of a frame is dealt with; durable at once when none of it awaits the journal. */
  frameStored(frame: number): void {
    this.#release([frame]);
  }

  /** A file has chunks to be journalled, perhaps again. */
  reopened(file: ReceiveFile): void {
    if (this.#dirty.size === 0) this.#dirtySinceMs = this.#nowMs;
    this.#dirty.add(file);
  }

  /** A file was committed or failed: nothing of it awaits the journal any more. */
  settled(file: ReceiveFile): void {
    this.#dirty.delete(file);
    this.#release(file.undurable.splice(0));
  }

  /** Runs to journal now, or null. `skip` names files whose commit makes them durable anyway. */
  takeDue(skip: (file: ReceiveFile) => boolean): JournalRun[] | null {
    if (this.#writing !== null || this.#dirty.size === 0) return null;
    const due = this.#dirtyBytes >= LIMITS.journalBytes ||
      this.#nowMs - this.#dirtySinceMs >= LIMITS.journalMs;
    if (!due) return null;
    const { runs, frames } = this.#take(skip);
    if (runs.length === 0) {
      this.#release(frames);
      return null;
    }
    this.#writing = frames;
    return runs;
  }

  /** Everything the journal has not heard of, due or not: the transfer breaks off here. */
  takeRest(): JournalRun[] {
    return this.#take(() => false).runs;
  }

  journalled(): void {
    this.#release(this.#writing ?? []);
    this.#writing = null;
  }

  /** Frames that became durable, at most `limit` ranges. */
  drain(limit: number): Range[] {
    return this.#durable.drain(limit);
  }

  get hasDurable(): boolean {
    return this.#durable.size > 0;
  }

  #take(skip: (file: ReceiveFile) => boolean): { runs: JournalRun[]; frames: number[] } {
    const runs: JournalRun[] = [];
    const frames: number[] = [];
    for (const file of this.#dirty) {
      if (skip(file)) continue;
      for (const run of file.takeRuns()) {
        runs.push({ ...run, entry: file.index, synced: file.chunks === 1 });
      }
      for (const frame of file.undurable.splice(0)) frames.push(frame);
    }
    this.#dirty.clear();
    this.#dirtyBytes = 0;
    return { runs, frames };
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
