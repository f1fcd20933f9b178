// The manifest on its way out: what the receiver has room for (I8) is announced and logged, and its
// files are open from then on.

import { LIMITS } from "../base/limits.ts";
import type { Entries, ManifestEnd } from "../wire/messages.ts";
import { chunkCount } from "./geometry.ts";
import type { OpenFiles } from "./open_files.ts";
import { type FoundEntries, PendingEntries, type PendingEntry } from "./pending_entries.ts";
import type { RootLog } from "./root.ts";
import { SendFile } from "./send_file.ts";

/** One message of entries, and what follows from it. */
export interface Announcement {
  readonly message: Entries;
  readonly opened: readonly { readonly file: SendFile; readonly source: number }[];
  /** Entries of files with more chunks than a file may have; none of them is open. */
  readonly oversized: readonly number[];
}

export class SendManifest {
  readonly #log: RootLog;
  readonly #open: OpenFiles<SendFile>;
  readonly #pending: PendingEntries;

  constructor(
    transfer: number,
    { log, files }: { readonly log: RootLog; readonly files: OpenFiles<SendFile> },
  ) {
    this.#pending = new PendingEntries(transfer);
    this.#log = log;
    this.#open = files;
  }

  /** Entries that are announced. */
  get length(): number {
    return this.#log.length;
  }

  /** Everything found so far is announced, and more may be found. */
  get wantsEntries(): boolean {
    return this.#pending.wantsEntries;
  }

  /** The manifest's end was announced. */
  get isClosed(): boolean {
    return this.#pending.isClosed;
  }

  /** Files and their bytes; null until the manifest is closed. */
  get totals(): { readonly files: number; readonly bytes: number } | null {
    return this.#pending.totals;
  }

  add(found: FoundEntries): void {
    this.#pending.add(found);
  }

  /** The walk is over. */
  end(): void {
    this.#pending.end();
  }

  /** Announces as much as one message takes and the receiver has room for; null when that is none. */
  announce(chunkBytes: number): Announcement | null {
    const opened: { file: SendFile; source: number }[] = [];
    const oversized: number[] = [];
    const message = this.#pending.announce((found, index) => {
      const chunks = chunkCount(found.entry.sizeBytes, chunkBytes);
      const isOversized = chunks > LIMITS.chunksPerFile;
      // A file of too many chunks takes no room: it fails.
      if (!isOversized && !this.#open.hasRoom(chunks)) return false;
      this.#log.add(found.entry);
      if (isOversized) oversized.push(index);
      else if (found.entry.kind === "file") {
        opened.push({ file: this.#openFile(found, { index, chunks }), source: found.source });
      }
      return true;
    });
    return message === null ? null : { message, opened, oversized };
  }

  /** Closes the manifest; null unless all of it is announced just now. */
  close(): ManifestEnd | null {
    return this.#pending.close();
  }

  #openFile(
    { entry, path }: PendingEntry,
    { index, chunks }: { index: number; chunks: number },
  ): SendFile {
    if (entry.stamp === undefined) throw new TypeError(`File "${path}" has no stamp`);
    const file = new SendFile(index, { origin: { path, stamp: entry.stamp }, entry, chunks });
    this.#open.open(file);
    return file;
  }
}
