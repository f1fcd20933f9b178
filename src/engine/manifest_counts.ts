// What the sender announced, counted at the receiver: the manifest's end must say the same (I4).

import type { Entry, ManifestEnd } from "../wire/messages.ts";
import { violation } from "./violation.ts";

export class ManifestCounts {
  #entries = 0;
  #files = 0;
  #bytes = 0;
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
    this.#bytes += sizeBytes;
  }

  /** The sender says that this was all. */
  close({ entries, files, bytes }: ManifestEnd): void {
    const isTrue = entries === this.#entries && files === this.#files && bytes === this.#bytes;
    if (this.#closed || !isTrue) throw violation("its end does not count what was announced");
    this.#closed = true;
  }
}
