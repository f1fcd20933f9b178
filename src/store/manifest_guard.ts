// What one manifest must not do to itself: put an entry below a file or a link of its own, or, where
// the file system ignores case, name one file twice. Relies on ascending path order.

import { SftpxError } from "../base/errors.ts";
import { foldPath } from "../base/path.ts";
import { escapeText } from "../base/text.ts";
import type { Entry, EntryKind } from "../wire/messages.ts";

export class ManifestGuard {
  /** Entries whose paths are string prefixes of the last one, shortest first. */
  readonly #prefixes: { readonly path: string; readonly kind: EntryKind }[] = [];
  /** Folded path to the spelling that came first; null where case tells files apart. */
  readonly #spellings: Map<string, string> | null;

  constructor(ignoresCase: boolean) {
    this.#spellings = ignoresCase ? new Map() : null;
  }

  /** Throws when the entry cannot stand beside those before it. */
  check(entry: Entry): void {
    this.#checkParents(entry);
    if (this.#spellings !== null) checkSpellings(this.#spellings, entry.path);
  }

  /**
   * In byte order all paths between `a` and `a/x` begin with `a`, so the entry that is the parent of
   * a path is still among the string prefixes when the path comes.
   */
  #checkParents(entry: Entry): void {
    const { path, kind } = entry;
    for (let last = this.#prefixes.at(-1); last !== undefined; last = this.#prefixes.at(-1)) {
      if (path.startsWith(last.path)) break;
      this.#prefixes.pop();
    }
    for (const above of this.#prefixes) {
      if (above.kind === "directory" || path[above.path.length] !== "/") continue;
      throw new SftpxError(
        "conflict",
        `Cannot place "${escapeText(path)}": "${
          escapeText(above.path)
        }" is sent as a ${above.kind}`,
      );
    }
    this.#prefixes.push({ path, kind });
  }
}

/** Every level counts: `A/x` and `a/y` would share a directory. */
function checkSpellings(spellings: Map<string, string>, path: string): void {
  for (let cut = path.indexOf("/"); cut !== -1; cut = path.indexOf("/", cut + 1)) {
    checkSpelling(spellings, path.slice(0, cut), path);
  }
  checkSpelling(spellings, path, path);
}

function checkSpelling(spellings: Map<string, string>, part: string, path: string): void {
  const folded = foldPath(part);
  const known = spellings.get(folded);
  if (known === undefined) {
    spellings.set(folded, part);
  } else if (known !== part) {
    throw new SftpxError(
      "name_collision",
      `Cannot place "${escapeText(path)}": here it is the same name as "${escapeText(known)}"`,
    );
  }
}
