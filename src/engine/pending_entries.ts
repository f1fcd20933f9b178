// The manifest before it is announced: what the walk found, cut into messages as there is room for
// it, and the counts that close it. Keeps the order of the walk; refuses more entries than a transfer
// may have.

import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Entries, Entry, ManifestEnd } from "../wire/messages.ts";

/** A walk's findings, in manifest order; the three lists run in parallel. */
export interface FoundEntries {
  readonly entries: readonly Entry[];
  /** Absolute path of each. */
  readonly paths: readonly string[];
  /** Index of each one's source in the offer. */
  readonly sources: readonly number[];
}

/** An entry that was found and is not announced yet. */
export interface PendingEntry {
  readonly entry: Entry;
  readonly path: string;
  readonly source: number;
}

const ENTRIES_MESSAGE_BYTES = LIMITS.controlMessageBytes / 2;

/** What an entry takes in a message, at most. */
export function mostEntryBytes({ path, target }: Entry): number {
  return 160 + 3 * (path.length + (target?.length ?? 0));
}

export class PendingEntries {
  readonly #transfer: number;
  readonly #pending: PendingEntry[] = [];
  #entries = 0;
  #files = 0;
  #bytes = 0;
  #ended = false;
  #closed = false;

  constructor(transfer: number) {
    this.#transfer = transfer;
  }

  /** Everything found so far is announced, and more may be found. */
  get wantsEntries(): boolean {
    return !this.#ended && this.#pending.length === 0;
  }

  /** The manifest's end was announced. */
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Files and their bytes; null until the manifest is closed. */
  get totals(): { readonly files: number; readonly bytes: number } | null {
    return this.#closed ? { files: this.#files, bytes: this.#bytes } : null;
  }

  add({ entries, paths, sources }: FoundEntries): void {
    entries.forEach((entry, at) => {
      this.#pending.push({ entry, path: paths[at]!, source: sources[at]! });
    });
  }

  /** The walk is over. */
  end(): void {
    this.#ended = true;
  }

  /**
   * Announces as much as one message takes and `admit` lets in, which is asked once for each entry
   * and takes in what it answers yes to; null when that is none.
   */
  announce(admit: (found: PendingEntry, index: number) => boolean): Entries | null {
    const first = this.#entries;
    let count = 0;
    let bytes = 0;
    for (const found of this.#pending) {
      const { entry } = found;
      bytes += mostEntryBytes(entry);
      const full = count > 0 && bytes > ENTRIES_MESSAGE_BYTES;
      if (full || count >= LIMITS.entriesPerMessage) break;
      if (first + count >= LIMITS.entriesPerTransfer) {
        throw new SftpxError("limit", `Cannot send: over ${LIMITS.entriesPerTransfer} entries`);
      }
      if (!admit(found, first + count)) break;
      this.#count(entry);
      count++;
    }
    if (count === 0) return null;
    const announced = this.#pending.splice(0, count);
    const entries = announced.map(({ entry }) => entry);
    const sources = announced.map(({ source }) => source);
    return { type: "entries", transfer: this.#transfer, first, entries, sources };
  }

  /** Closes the manifest; null unless all of it is announced just now. */
  close(): ManifestEnd | null {
    if (!this.#ended || this.#closed || this.#pending.length > 0) return null;
    this.#closed = true;
    return {
      type: "manifest_end",
      transfer: this.#transfer,
      entries: this.#entries,
      files: this.#files,
      bytes: this.#bytes,
    };
  }

  #count(entry: Entry): void {
    this.#entries++;
    if (entry.kind !== "file") return;
    this.#files++;
    this.#bytes += entry.sizeBytes;
  }
}
