// The manifest on its way out: what the walk found and the receiver has no room for yet (I8), the
// messages that announce it, and the counts that close it. Keeps the order of the walk; refuses more
// entries than a transfer may have.

import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Entries, Entry, ManifestEnd } from "../wire/messages.ts";
import { chunkCount } from "./geometry.ts";
import type { OpenFiles } from "./open_files.ts";
import type { RootLog } from "./root.ts";
import { SendFile } from "./send_file.ts";

/** A walk's findings, in manifest order; the three lists run in parallel. */
export interface FoundEntries {
  readonly entries: readonly Entry[];
  /** Absolute path of each. */
  readonly paths: readonly string[];
  /** Index of each one's source in the offer. */
  readonly sources: readonly number[];
}

/** One message of entries, and what follows from it. */
export interface Announcement {
  readonly message: Entries;
  readonly opened: readonly { readonly file: SendFile; readonly source: number }[];
  /** Entries of files with more chunks than a file may have; none of them is open. */
  readonly oversized: readonly number[];
}

/** An entry that was found and is not announced yet. */
interface Pending {
  readonly entry: Entry;
  readonly path: string;
  readonly source: number;
}

const ENTRIES_MESSAGE_BYTES = LIMITS.controlMessageBytes / 2;

export class SendManifest {
  readonly #transfer: number;
  readonly #log: RootLog;
  readonly #open: OpenFiles<SendFile>;
  readonly #pending: Pending[] = [];
  #files = 0;
  #bytes = 0;
  #ended = false;
  #closed = false;

  constructor(
    transfer: number,
    { log, files }: { readonly log: RootLog; readonly files: OpenFiles<SendFile> },
  ) {
    this.#transfer = transfer;
    this.#log = log;
    this.#open = files;
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

  /** Announces as much as one message takes and the receiver has room for; null when that is none. */
  announce(chunkBytes: number): Announcement | null {
    const first = this.#log.length;
    const opened: { file: SendFile; source: number }[] = [];
    const oversized: number[] = [];
    let count = 0;
    let bytes = 0;
    for (const found of this.#pending) {
      const { entry } = found;
      const chunks = chunkCount(entry.sizeBytes, chunkBytes);
      bytes += 160 + 3 * (entry.path.length + (entry.target?.length ?? 0));
      const full = count > 0 && bytes > ENTRIES_MESSAGE_BYTES;
      if (full || count >= LIMITS.entriesPerMessage || !this.#hasRoom(chunks)) break;
      const file = this.#add(found, chunks);
      if (file !== null) opened.push({ file, source: found.source });
      else if (entry.kind === "file") oversized.push(first + count);
      count++;
    }
    if (count === 0) return null;
    const announced = this.#pending.splice(0, count);
    const entries = announced.map(({ entry }) => entry);
    const sources = announced.map(({ source }) => source);
    const message: Entries = { type: "entries", transfer: this.#transfer, first, entries, sources };
    return { message, opened, oversized };
  }

  /** Closes the manifest; null unless all of it is announced just now. */
  close(): ManifestEnd | null {
    if (!this.#ended || this.#closed || this.#pending.length > 0) return null;
    this.#closed = true;
    return {
      type: "manifest_end",
      transfer: this.#transfer,
      entries: this.#log.length,
      files: this.#files,
      bytes: this.#bytes,
    };
  }

  /** A file of too many chunks takes no room: it fails. */
  #hasRoom(chunks: number): boolean {
    return chunks > LIMITS.chunksPerFile || this.#open.hasRoom(chunks);
  }

  /** Logs an entry; answers the file it opens, if it does. */
  #add({ entry, path }: Pending, chunks: number): SendFile | null {
    const index = this.#log.length;
    if (index >= LIMITS.entriesPerTransfer) {
      throw new SftpxError("limit", `Cannot send: over ${LIMITS.entriesPerTransfer} entries`);
    }
    this.#log.add(entry);
    if (entry.kind !== "file") return null;
    this.#files++;
    this.#bytes += entry.sizeBytes;
    if (entry.stamp === undefined) throw new TypeError(`File "${path}" has no stamp`);
    if (chunks > LIMITS.chunksPerFile) return null;
    const file = new SendFile(index, { origin: { path, stamp: entry.stamp }, entry, chunks });
    this.#open.open(file);
    return file;
  }
}
