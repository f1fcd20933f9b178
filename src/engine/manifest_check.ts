// Checks a manifest as it streams in (I3): strictly ascending order, begun anew once where it was
// allowed to, every parent an earlier directory, every top-level name one that was offered, nothing but
// what was asked for. An entry that breaks such a rule is the peer's fault and ends the transfer; a bad
// name fails that entry only.

import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { comparePaths, isFromOn } from "../base/path.ts";
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
  /** Directories whose paths the last one begins with, shortest first: no more than it has characters,
   * however many the manifest names (I8). */
  readonly #prefixes: string[] = [];
  /** Of the first section those above `from`: what comes in the second may lie in them. */
  readonly #aboveFrom: string[] = [];
  /** Directories offered of whose contents the manifest names none so far. */
  readonly #hollow: Set<OfferedSource>;
  readonly #from: string | null;
  /** No new beginning yet, and nothing was named that belongs behind one. */
  #mayBeginAnew = true;
  #hasBegunAnew = false;
  #last: string | null = null;
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

  /** How many directories are held. */
  get held(): number {
    return this.#prefixes.length + this.#aboveFrom.length;
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
    this.#dropBehind(entry.path);
    this.#checkPlace(entry, source);
    if (this.#isAsked?.(entry) === false) throw notAsked();
    // A directory with a bad name counts here: what is below it has that bad name as well.
    if (entry.kind === "directory") this.#keep(entry.path);
    return entryProblem(entry);
  }

  /** The two sections have no path in common, and each ascends: so no path comes twice. */
  #checkOrder(path: string): void {
    const isInOrder = this.#last === null || comparePaths(this.#last, path) < 0;
    this.#last = path;
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
      if (!this.#hasParent(entry.path, slash)) {
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

  /** What the path does not begin with nothing behind it begins with either. */
  #dropBehind(path: string): void {
    for (let last = this.#prefixes.at(-1); last !== undefined; last = this.#prefixes.at(-1)) {
      if (path.startsWith(last)) return;
      this.#prefixes.pop();
    }
  }

  #keep(path: string): void {
    this.#prefixes.push(path);
    if (this.#from?.startsWith(`${path}/`)) this.#aboveFrom.push(path);
  }

  /**
   * Whether the directory came that a path with its last slash at `slash` lies in. In byte order all paths
   * between `a` and `a/x` begin with `a`, so it is still among the prefixes; or it came in the first
   * section and the path in the second, and then it is above `from`.
   */
  #hasParent(path: string, slash: number): boolean {
    const isParent = (prefix: string) => prefix.length === slash;
    return this.#prefixes.some(isParent) ||
      this.#aboveFrom.some((above) => isParent(above) && path.startsWith(above));
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
