// What the sources do not have and the destination has: whether it is to be removed, what came of it,
// and who hears of it. One asks at most once, and only when nothing failed: an entry that is missing
// because it failed must not take the older copy with it. Nor does a source that holds nothing at all,
// as a disk that is not mounted does. What is removed comes some at a time, and is told before more is
// asked for: of any number of names only so many are held (I8).

import { LIMITS } from "../base/limits.ts";
import { pathProblem } from "../base/path.ts";
import { escapeText, REPLACEMENT } from "../base/text.ts";
import type { Pruned, WalkNotice } from "../store/store.ts";
import type { Deleted, Offer, Omission } from "../wire/messages.ts";
import { Queue } from "./queue.ts";
import type { FailureReport } from "./report.ts";

/** What a user is told who asked for it in vain. */
export const NOTHING_DELETED = "Nothing was deleted, because some entries failed";
export const NOTHING_WOULD_BE_DELETED = "Nothing would be deleted, because some entries would fail";

/** How a receiver deletes besides what its offer says. */
export interface PruningOptions {
  /** This end deletes of its own accord, as a pull does: the sender asked for nothing and hears nothing. */
  readonly localDelete: boolean;
  /** Paths are told, by `pollPath`. */
  readonly tellPaths: boolean;
}

export class Pruning {
  readonly #transfer: number;
  readonly #isTold: boolean;
  readonly #tellsPaths: boolean;
  readonly #unsaid = new Queue<string>();
  readonly #keptUnsaid = new Queue<Omission>();
  readonly #paths = new Queue<string>();
  readonly #reports = new Queue<FailureReport>();
  readonly #notices: string[] = [];
  #isDue: boolean;
  #hasBegun = false;
  #owesMessage = false;
  #deleted = 0;
  #kept = 0;

  constructor(offer: Offer, { localDelete, tellPaths }: PruningOptions) {
    this.#transfer = offer.transfer;
    this.#isTold = offer.delete;
    this.#isDue = offer.delete || localDelete;
    this.#tellsPaths = tellPaths;
  }

  /** It was asked for and is not yet done. */
  get isDue(): boolean {
    return this.#isDue;
  }

  /** Removed, and what should have been and was not. */
  get counts(): { readonly deleted: number; readonly kept: number } {
    return { deleted: this.#deleted, kept: this.#kept };
  }

  /** Of the counts, what the sender is to hear of. */
  get countsTold(): { readonly deleted: number; readonly kept: number } {
    return this.#isTold ? this.counts : { deleted: 0, kept: 0 };
  }

  /**
   * All else is in place: whether the store is to be asked, for the first time or for more. Where it is
   * not, it is settled why:
   * `notice` when entries failed, a failure of its own for each of the `hollow` sources.
   */
  begins(
    { failed, hollow, notice }: {
      readonly failed: number;
      /** Names of the directories offered that hold nothing. */
      readonly hollow: readonly string[];
      readonly notice: string;
    },
  ): boolean {
    if (!this.#isDue) return false;
    if (this.#hasBegun) return true;
    if (failed > 0) {
      this.#isDue = false;
      this.#notices.push(notice);
      return false;
    }
    if (hollow.length > 0) {
      this.take({ deleted: [], failures: hollow.map(emptySource) });
      return false;
    }
    this.#hasBegun = true;
    return true;
  }

  /** The store did it, or said what it would do; it is due on while there is more. */
  take({ deleted, failures, more = false }: Pruned): void {
    this.#isDue = more;
    this.#owesMessage = this.#isTold && !more;
    this.#deleted += deleted.length;
    for (const path of deleted) {
      if (this.#isTold) this.#unsaid.add(tellable(path));
      if (this.#tellsPaths) this.#paths.add(path);
    }
    for (const { path, code, message } of failures) {
      if (code === null) {
        this.#notices.push(message);
        continue;
      }
      this.#kept++;
      this.#reports.add({ path, code, message, remote: false });
      if (this.#isTold) this.#keptUnsaid.add({ path: path.toWellFormed(), code, message });
    }
  }

  /** The next message to the sender, or null. One is sent even if nothing was there to remove (I4). */
  pollMessage(): Deleted | null {
    if (!this.#owesMessage && this.#unsaid.size === 0 && this.#keptUnsaid.size === 0) return null;
    this.#owesMessage = false;
    return {
      type: "deleted",
      transfer: this.#transfer,
      paths: this.#unsaid.takeUpTo(LIMITS.pathsPerMessage),
      kept: this.#keptUnsaid.takeUpTo(LIMITS.omissionsPerMessage),
    };
  }

  /** The next path that was removed, a directory's with a `/`, or null. */
  pollPath(): string | null {
    return this.#paths.take();
  }

  /** What could not be removed, one after the other, or null. */
  pollReport(): FailureReport | null {
    return this.#reports.take();
  }

  /** Something worth a line, or null. */
  pollNotice(): string | null {
    return this.#notices.shift() ?? null;
  }
}

function emptySource(name: string): WalkNotice {
  const message = `Cannot delete at the destination: the source "${escapeText(name)}" is empty`;
  // A name's escapes take at most eight times its bytes; the text has its own bound.
  return { path: name, code: "conflict", message: message.slice(0, LIMITS.textBytes / 4) };
}

/** What stands here may have a name that no transfer brings: shown with what is bad in it replaced. */
function tellable(path: string): string {
  const slash = path.endsWith("/") ? "/" : "";
  const name = path.slice(0, path.length - slash.length);
  if (pathProblem(name) === null) return path;
  const shown = Array.from(name, (char) => isPlain(char) ? char : REPLACEMENT).join("");
  return (pathProblem(shown) === null ? shown : REPLACEMENT) + slash;
}

function isPlain(char: string): boolean {
  return char === "/" || char === "." || pathProblem(char) === null;
}
