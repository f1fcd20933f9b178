// Checks a manifest as it streams in (I3): strictly ascending order, every parent an earlier
// directory, every top-level name one that was offered. An entry that breaks a rule of structure is
// the peer's fault and ends the transfer; a bad name fails that entry only.

import { compareBytes, encodeUtf8 } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { entryProblem } from "../wire/entry.ts";
import type { Entry, OfferedSource } from "../wire/messages.ts";

export class ManifestCheck {
  readonly #sources: readonly OfferedSource[];
  readonly #limit: number;
  readonly #directories = new Set<string>();
  #last: Uint8Array | null = null;
  #count = 0;

  constructor(
    sources: readonly OfferedSource[],
    { limit = LIMITS.entriesPerTransfer }: { limit?: number } = {},
  ) {
    this.#sources = sources;
    this.#limit = limit;
  }

  /** Entries seen. */
  get count(): number {
    return this.#count;
  }

  /** Checks the next entry; answers why this entry alone fails, or null. Throws `protocol`. */
  next(entry: Entry, source: number): string | null {
    if (++this.#count > this.#limit) throw broken("it has too many entries");
    const bytes = encodeUtf8(entry.path);
    if (this.#last !== null && compareBytes(this.#last, bytes) >= 0) {
      throw broken("its entries are not in ascending order");
    }
    this.#last = bytes;
    this.#checkPlace(entry, source);
    // A directory with a bad name counts here: what is below it has that bad name as well.
    if (entry.kind === "directory") this.#directories.add(entry.path);
    return entryProblem(entry);
  }

  #checkPlace(entry: Entry, source: number): void {
    const offered = this.#sources[source];
    if (offered === undefined) throw broken("it names a source that was not offered");
    const slash = entry.path.lastIndexOf("/");
    if (slash >= 0) {
      if (!this.#directories.has(entry.path.slice(0, slash))) {
        throw broken("an entry comes without its directory");
      }
      if (offered.contents) return;
      if (!entry.path.startsWith(`${offered.name}/`)) throw broken("an entry was not offered");
      return;
    }
    if (!offered.contents && (entry.path !== offered.name || entry.kind !== offered.kind)) {
      throw broken("an entry was not offered");
    }
  }
}

function broken(found: string): SftpxError {
  return new SftpxError("protocol", `Cannot take the manifest: ${found}`, { remote: true });
}
