// Directories with new names in them, made durable at the end of a transfer. Many that lie on one file system
// that is held go by one call: a sync for each is a commit of that file system's journal for each. What
// lies on another device is left to who asks, and so is all where no such call is to be relied on.

import type { BigIntStats } from "node:fs";
import type { ChunkJournal } from "./chunk_journal.ts";
import type { Register } from "./register.ts";

export interface NameSyncContext {
  readonly chunks: Pick<ChunkJournal, "togetherOn" | "syncWhole">;
  readonly register: { readonly directories: Pick<Register["directories"], "touched"> };
}

export class NameSync {
  readonly #chunks: NameSyncContext["chunks"];
  readonly #device: bigint | null;
  #count = 0;

  constructor({ chunks, register }: NameSyncContext) {
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
    if (this.#count > 0) this.#chunks.syncWhole();
  }
}
