// Checks a manifest as it streams in (I3): strictly ascending order, begun anew once where it was
// allowed to, every parent an earlier directory, every top-level name one that was offered, nothing but
// what was asked for. An entry that breaks such a rule is the peer's fault and ends the transfer; a bad
// name fails that entry only.

import { compareBytes, encodeUtf8 } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { isFromOn } from "../base/path.ts";
import { entryProblem } from "../wire/entry.ts";
import type { Entry, OfferedSource } from "../wire/messages.ts";

/** Whether an entry is of what this end asked for: filters and lists are its own to hold to. */
export type IsAsked = (entry: Pick<Entry, "path" | "kind">) => boolean;

export interface ManifestCheckOptions {
  readonly limit?: number;
  /** Null where the sender alone says what comes. */
  readonly isAsked?: IsAsked | null;
  /** Where the sender was told that it may begin; null where it was told nothing. */
  readonly from?: string | null;
}

export class ManifestCheck {
  readonly #sources: readonly OfferedSource[];
  readonly #limit: number;
  readonly #isAsked: IsAsked | null;
  readonly #directories = new Set<string>();
  /** Directories offered of whose contents the manifest names none so far. */
  readonly #hollow: Set<OfferedSource>;
  readonly #from: string | null;
  /** No new beginning yet, and nothing was named that belongs behind one. */
  #mayBeginAnew = true;
  #hasBegunAnew = false;
  #last: Uint8Array | null = null;
  #count = 0;

  constructor(
    sources: readonly OfferedSource[],
    { limit = LIMITS.entriesPerTransfer, isAsked = null, from = null }: ManifestCheckOptions = {},
  ) {
    this.#sources = sources;
    this.#limit = limit;
    this.#isAsked = isAsked;
    this.#from = from;
    this.#hollow = new Set(sources.filter(({ kind }) => kind === "directory"));
  }

  /** Entries seen. */
  get count(): number {
    return this.#count;
  }

  /** Names of the directories offered that hold nothing at all, as far as the manifest goes. */
  get hollow(): readonly string[] {
    return [...this.#hollow].map(({ name }) => name);
  }

  /**
   * Checks the next entry; answers why this entry alone fails, or null. Throws `protocol`, or `refused`
   * where it was not asked for.
   */
  next(entry: Entry, source: number): string | null {
    if (++this.#count > this.#limit) throw broken("it has too many entries");
    this.#checkOrder(entry.path);
    this.#checkPlace(entry, source);
    if (this.#isAsked?.(entry) === false) throw notAsked();
    // A directory with a bad name counts here: what is below it has that bad name as well.
    if (entry.kind === "directory") this.#directories.add(entry.path);
    return entryProblem(entry);
  }

  /** The two sections have no path in common, and each ascends: so no path comes twice. */
  #checkOrder(path: string): void {
    const bytes = encodeUtf8(path);
    const isInOrder = this.#last === null || compareBytes(this.#last, bytes) < 0;
    this.#last = bytes;
    const isFirst = this.#from !== null && isFromOn(path, this.#from);
    if (!isInOrder) {
      if (!this.#mayBeginAnew) throw broken("its entries are not in ascending order");
      this.#hasBegunAnew = true;
    }
    if (this.#hasBegunAnew && isFirst) {
      throw broken("an entry comes behind those that it belongs to");
    }
    if (!isFirst) this.#mayBeginAnew = false;
  }

  #checkPlace(entry: Entry, source: number): void {
    const offered = this.#sources[source];
    if (offered === undefined) throw broken("it names a source that was not offered");
    const slash = entry.path.lastIndexOf("/");
    if (slash >= 0) {
      if (!this.#directories.has(entry.path.slice(0, slash))) {
        throw broken("an entry comes without its directory");
      }
      this.#hollow.delete(offered);
      if (offered.contents) return;
      if (!entry.path.startsWith(`${offered.name}/`)) throw broken("an entry was not offered");
      return;
    }
    if (!offered.contents && (entry.path !== offered.name || entry.kind !== offered.kind)) {
      throw broken("an entry was not offered");
    }
    if (offered.contents) this.#hollow.delete(offered);
  }
}

/** The refusal of an offer or an entry that goes beyond a pull's request (CVE-2019-6111, -2022-29154). */
export function notAsked(): SftpxError {
  return new SftpxError("refused", "Cannot pull: the server offers what was not asked for", {
    remote: true,
  });
}

function broken(found: string): SftpxError {
  return new SftpxError("protocol", `Cannot take the manifest: ${found}`, { remote: true });
}
