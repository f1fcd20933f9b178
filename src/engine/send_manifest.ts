// The manifest on its way out: logged and said once, as far ahead as the receiver has room (I8). Its files
// are open from then on, and flow at once where nothing is left to ask. One that went with the offer is said
// no more: all of it is known with the accept.

import { LIMITS } from "../base/limits.ts";
import type { Accept, Entries, ManifestEnd } from "../wire/messages.ts";
import { chunkCount } from "./geometry.ts";
import type { OpenFiles } from "./open_files.ts";
import { type FoundEntries, PendingEntries, type PendingEntry } from "./pending_entries.ts";
import type { RootLog } from "./root.ts";
import type { Sealing } from "./sealing.ts";
import { SendFile } from "./send_file.ts";
import type { SendVerdicts } from "./send_verdicts.ts";

export interface SendManifestOptions {
  readonly files: OpenFiles<SendFile>;
  readonly log: RootLog;
  readonly sealing: Sealing;
  readonly verdicts: SendVerdicts;
  /** All of it, where it went with the offer; else it is added. */
  readonly announced: readonly FoundEntries[] | null;
}

export class SendManifest {
  readonly #options: SendManifestOptions;
  readonly #pending: PendingEntries;
  #accept: Accept | null = null;
  #gathersFirst = false;

  constructor(transfer: number, options: SendManifestOptions) {
    this.#pending = new PendingEntries(transfer);
    this.#options = options;
  }

  /** Whether more of it may be added: all that was is announced, and not too far ahead of the receiver. */
  get wantsEntries(): boolean {
    return this.isGathering && this.#pending.wantsEntries;
  }

  /** It is not whole, and more of it may be added though nothing is sent. */
  get isGathering(): boolean {
    return this.#accept !== null && !this.isClosed && this.#hasRoomAhead;
  }

  /** Its end was announced. */
  get isClosed(): boolean {
    return this.#pending.isClosed;
  }

  /** Files and their bytes; null until it is closed. */
  get totals(): { readonly files: number; readonly bytes: number } | null {
    return this.#pending.totals;
  }

  /** One that ends with what may go first is known whole early. */
  get #hasRoomAhead(): boolean {
    const { openEntries, openEntriesToCompare, openEntriesAhead, entriesPerMessage } = LIMITS;
    const { files, log } = this.#options;
    const mayStand = this.#accept?.fresh.includes(false) === true;
    const first = mayStand ? openEntriesToCompare : openEntries;
    const most = this.#gathersFirst && log.length < first ? first : openEntriesAhead;
    return files.size + entriesPerMessage <= most;
  }

  /** From now on its beginning goes as far ahead as files may be open at all. */
  gatherFirst(): void {
    this.#gathersFirst = true;
  }

  /** The receiver accepted: nothing is announced before. */
  begin(accept: Accept): void {
    this.#accept = accept;
    const { announced } = this.#options;
    if (announced === null) return;
    for (const found of announced) this.add(found);
    this.end();
  }

  add(found: FoundEntries): void {
    this.#pending.add(found);
  }

  /** The walk is over. */
  end(): void {
    this.#pending.end();
  }

  /**
   * Announces what the receiver has room for (I8), and the end behind the last of it; answers what is to be
   * said. Failures leave first, so that it never counts a file as open that this end counts no more; a seal
   * need not, for until it is said its file is open here. A manifest that went ahead is known whole with
   * the accept: answers to any of it may be next.
   */
  announce(): readonly (Entries | ManifestEnd)[] {
    if (this.#accept === null) return [];
    const { announced, sealing } = this.#options;
    const messages: (Entries | ManifestEnd)[] = [];
    while (announced !== null || !sealing.hasFailures) {
      const entries = this.#announceSome(this.#accept);
      if (entries === null) break;
      messages.push(entries);
    }
    const end = this.#pending.close();
    if (end !== null) messages.push(end);
    return announced === null ? messages : [];
  }

  /** As much as one message takes and the receiver has room for; null when that is none. */
  #announceSome({ fresh, chunkBytes }: Accept): Entries | null {
    const { files, log, sealing, verdicts } = this.#options;
    return this.#pending.announce((found, index) => {
      const { entry, source } = found;
      const chunks = chunkCount(entry.sizeBytes, chunkBytes);
      if (chunks > LIMITS.chunksPerFile) {
        // It takes no room: it fails.
        log.add(entry);
        const message = `Cannot send it: over ${LIMITS.chunksPerFile} chunks`;
        sealing.fail(index, { code: "limit", message });
        return true;
      }
      if (!files.hasRoom(chunks)) return false;
      log.add(entry);
      if (entry.kind !== "file") return true;
      const file = fileOf(found, { index, chunks });
      files.open(file);
      sealing.opened(1);
      if (fresh[source] === true) verdicts.release(file, chunkBytes);
      return true;
    });
  }
}

function fileOf(
  { entry, path }: PendingEntry,
  { index, chunks }: { readonly index: number; readonly chunks: number },
): SendFile {
  if (entry.stamp === undefined) throw new TypeError(`File "${path}" has no stamp`);
  return new SendFile(index, { origin: { path, stamp: entry.stamp }, entry, chunks });
}
