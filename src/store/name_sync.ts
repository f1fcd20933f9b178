// Directories with new names in them, made durable at the end of a transfer. Many that lie on one file system
// that is held go by one call: a sync for each is a commit of that file system's journal for each. What
// lies on another device is left to who asks, and so is all where no such call is to be relied on.

import type { BigIntStats } from "node:fs";
import { osError } from "../base/os_error.ts";
import type { ChunkJournal } from "./chunk_journal.ts";
import { besideOf } from "./commit.ts";
import type { Disk } from "./disk.ts";
import type { Register } from "./register.ts";

export interface NameSyncContext {
  readonly chunks: Pick<ChunkJournal, "togetherOn" | "syncWhole">;
  readonly partsDirectory: string;
  readonly place: { readonly disk: Pick<Disk, "probe"> };
  readonly register: { readonly directories: Pick<Register["directories"], "touched"> };
}

export class NameSync {
  readonly #chunks: NameSyncContext["chunks"];
  readonly #device: bigint | null;
  readonly #context: NameSyncContext;
  #count = 0;

  constructor(context: NameSyncContext) {
    const { chunks, register } = context;
    this.#context = context;
    this.#chunks = chunks;
    this.#device = chunks.togetherOn(register.directories.touched().reduce((sum) => sum + 1, 0));
  }

  /** Whether a directory, as it was seen, is left to `sync`. Whatever its mode becomes: it is not opened. */
  takes(seen: BigIntStats | null): boolean {
    if (this.#device === null || seen?.dev !== this.#device || !seen.isDirectory()) return false;
    this.#count++;
    return true;
  }

  /** Makes all that was taken durable; throws as `syncWhole` does. */
  sync(): void {
    if (this.#count > 0) this.#chunks.syncWhole(() => this.#refuseGivenUp());
  }

  /**
   * A file system that gave up is read-only or shut down from then on, and a sync of it as a whole then
   * succeeds with nothing written: who makes a file there is told.
   */
  #refuseGivenUp(): void {
    const { partsDirectory, place: { disk } } = this.#context;
    try {
      // In the directory by which the file system is held.
      disk.probe(besideOf(partsDirectory));
    } catch (thrown) {
      // A full one is asked for room only after it is known to be written to.
      if (osError(thrown, "make a file").code !== "no_space") throw thrown;
    }
  }
}
