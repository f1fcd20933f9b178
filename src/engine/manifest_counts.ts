// What the sender announced, counted at the receiver: the manifest's end must say the same (I4). What it
// left out instead is counted as well, so that it comes to an end (I3).

import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Entry, ManifestEnd } from "../wire/messages.ts";
import { violation } from "./violation.ts";

export class ManifestCounts {
  #entries = 0;
  #files = 0;
  #bytes = 0;
  #omitted = 0;
  #closed = false;

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Files and their bytes; null until the manifest is closed. */
  get totals(): { readonly files: number; readonly bytes: number } | null {
    return this.#closed ? { files: this.#files, bytes: this.#bytes } : null;
  }

  add({ kind, sizeBytes }: Entry): void {
    this.#entries++;
    if (kind !== "file") return;
    this.#files++;
    // Compared without adding: a sum past what is counted exactly would be compared inexactly.
    if (sizeBytes > LIMITS.transferBytes - this.#bytes) {
      const found = `its files have over ${LIMITS.transferBytes} bytes`;
      throw new SftpxError("limit", `Cannot take the manifest: ${found}`, { remote: true });
    }
    this.#bytes += sizeBytes;
  }

  /** What was left out. */
  get omitted(): number {
    return this.#omitted;
  }

  /** Something asked for never became an entry. */
  omit(): void {
    if (++this.#omitted <= LIMITS.entriesPerTransfer) return;
    const found = `over ${LIMITS.entriesPerTransfer} entries are left out`;
    throw new SftpxError("limit", `Cannot go on with the transfer: ${found}`, { remote: true });
  }

  /** The sender says that this was all. */
  close({ entries, files, bytes }: ManifestEnd): void {
    const isTrue = entries === this.#entries && files === this.#files && bytes === this.#bytes;
    if (this.#closed || !isTrue) throw violation("its end does not count what was announced");
    this.#closed = true;
  }
}
