// Files that are whole and are read again from the disk before they are committed (`--paranoid`): what
// is to be read next, a batch at a time, and what came of it. Bounds what is under way (I8).

import { LIMITS } from "../base/limits.ts";
import type { FileToReread } from "../pool/messages.ts";
import type { WholeFile } from "../store/store.ts";
import type { ReceiveFile } from "./receive_file.ts";

/** Files of one batch: small ones would cost a message each. */
const FILES_PER_BATCH = 64;
/** Batches under way: enough to keep the workers of most machines reading. */
const BATCHES = 8;

interface Waiting {
  readonly file: FileToReread;
  readonly whole: WholeFile;
}

export class Rereading {
  readonly #waiting: Waiting[] = [];
  /** By entry, with the batch it went in. */
  readonly #underWay = new Map<number, { readonly whole: WholeFile; readonly batch: Batch }>();
  #batches = 0;

  /** Everything that was added is answered. */
  get isIdle(): boolean {
    return this.#waiting.length === 0 && this.#underWay.size === 0;
  }

  /** A file is to be read again. What stands there and is kept is read where it stands. */
  add(file: ReceiveFile, whole: WholeFile): void {
    const path = whole.keep ? file.standing?.path ?? file.part : file.part;
    const { index: entry, sizeBytes } = file;
    this.#waiting.push({ file: { entry, path, sizeBytes }, whole });
  }

  /** The next batch, or null while enough is under way. */
  next(): readonly FileToReread[] | null {
    if (this.#waiting.length === 0 || this.#batches >= BATCHES) return null;
    this.#batches++;
    const batch: Batch = { left: 0 };
    let bytes = 0;
    const taken = this.#waiting.findIndex(({ file }, i) => {
      bytes += file.sizeBytes;
      return i > 0 && (i >= FILES_PER_BATCH || bytes > LIMITS.journalBytes);
    });
    const some = this.#waiting.splice(0, taken < 0 ? this.#waiting.length : taken);
    for (const { file, whole } of some) {
      batch.left++;
      this.#underWay.set(file.entry, { whole, batch });
    }
    return some.map(({ file }) => file);
  }

  /** A file was read; answers what is to be committed then, null for one that was not asked for. */
  take(entry: number): WholeFile | null {
    const found = this.#underWay.get(entry);
    if (found === undefined) return null;
    this.#underWay.delete(entry);
    if (--found.batch.left === 0) this.#batches--;
    return found.whole;
  }
}

/** Files of a batch that are not answered yet. */
interface Batch {
  left: number;
}
