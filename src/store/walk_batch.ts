// What a walk found and has not handed over yet, cut so that a batch fits a control message (I8).

import { LIMITS } from "../base/limits.ts";
import type { Entry } from "../wire/messages.ts";
import type { WalkBatch, WalkNotice } from "./store.ts";
import type { Origin } from "./walk_items.ts";

/** Path characters after which a batch is handed over, so that one fits a control message. */
const BATCH_PATH_CHARS = LIMITS.controlMessageBytes / 8;

export class BatchInTheMaking {
  #entries: Entry[] = [];
  #paths: string[] = [];
  #sources: number[] = [];
  #notices: WalkNotice[] = [];
  #pathChars = 0;

  get isFull(): boolean {
    return this.#entries.length >= LIMITS.entriesPerMessage ||
      this.#notices.length >= LIMITS.entriesPerMessage || this.#pathChars >= BATCH_PATH_CHARS;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0 && this.#notices.length === 0;
  }

  add(origin: Origin, entry: Entry): void {
    this.#entries.push(entry);
    this.#paths.push(origin.path);
    this.#sources.push(origin.source);
    this.#pathChars += entry.path.length + (entry.target?.length ?? 0);
  }

  note(notice: WalkNotice): void {
    this.#notices.push(notice);
  }

  /** Hands over what there is; notices past a batch's worth stay for the next. */
  take(): WalkBatch {
    const batch = {
      entries: this.#entries,
      paths: this.#paths,
      sources: this.#sources,
      // One item may leave out many: a directory that is not there, and all that was listed below.
      notices: this.#notices.slice(0, LIMITS.entriesPerMessage),
    };
    this.#entries = [];
    this.#paths = [];
    this.#sources = [];
    this.#notices = this.#notices.slice(LIMITS.entriesPerMessage);
    this.#pathChars = 0;
    return batch;
  }
}
