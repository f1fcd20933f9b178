// What one manifest must not do to itself: name its entries out of order, and so perhaps one of them
// twice, put an entry below a file or a link of its own, or, where the file system ignores case, name one
// file twice. Relies on ascending path order, begun anew once where it may be.

import { SftpxError } from "../base/errors.ts";
import { comparePaths, foldPath, isFromOn } from "../base/path.ts";
import { escapeText } from "../base/text.ts";
import type { Entry, EntryKind } from "../wire/messages.ts";

interface Named {
  readonly path: string;
  readonly kind: EntryKind;
}

export class ManifestGuard {
  /** Entries whose paths are string prefixes of the last one, shortest first. */
  readonly #prefixes: Named[] = [];
  /** Where the manifest may begin; null where it has one section. */
  readonly #from: string | null;
  /** Entries of the first section above `from`: what comes in the second may lie below them. */
  readonly #aboveFrom: Named[] = [];
  #section: "first" | "second" = "first";
  #mayBeginAnew: boolean;
  #last: string | null = null;
  /** Folded path to the spelling that came first; null where case tells files apart. */
  readonly #spellings: Map<string, string> | null;

  constructor(
    { ignoresCase, from }: {
      /** Two names that differ in case only are one file here. */
      readonly ignoresCase: boolean;
      /** The manifest may name first what `isFromOn` this path. */
      readonly from: string | null;
    },
  ) {
    this.#from = from;
    this.#mayBeginAnew = from !== null;
    this.#spellings = ignoresCase ? new Map() : null;
  }

  /** Throws when the entry cannot stand beside those before it. */
  check(entry: Entry): void {
    this.#checkOrder(entry.path);
    this.#checkParents(entry);
    if (this.#spellings !== null) checkSpellings(this.#spellings, entry.path);
  }

  /** What `isFromOn` and what is not are never the same path: nothing is named in both sections. */
  #checkOrder(path: string): void {
    const isFirst = this.#from !== null && isFromOn(path, this.#from);
    if (this.#last !== null && comparePaths(this.#last, path) >= 0) {
      if (!this.#mayBeginAnew || isFirst) throw outOfOrder(path);
      this.#section = "second";
    } else if (this.#section === "second" && isFirst) {
      throw outOfOrder(path);
    }
    if (!isFirst) this.#mayBeginAnew = false;
    this.#last = path;
  }

  /**
   * In byte order all paths between `a` and `a/x` begin with `a`, so the entry that is the parent of
   * a path is still among the string prefixes when the path comes. Of the first section, only what is
   * above `from` may be a parent of what comes in the second.
   */
  #checkParents(entry: Entry): void {
    const { path, kind } = entry;
    for (let last = this.#prefixes.at(-1); last !== undefined; last = this.#prefixes.at(-1)) {
      if (path.startsWith(last.path)) break;
      this.#prefixes.pop();
    }
    const sections = this.#section === "first" ? [] : this.#aboveFrom;
    for (const above of [...sections, ...this.#prefixes]) {
      if (above.kind === "directory" || !path.startsWith(`${above.path}/`)) continue;
      throw new SftpxError(
        "conflict",
        `Cannot place "${escapeText(path)}": "${
          escapeText(above.path)
        }" is sent as a ${above.kind}`,
      );
    }
    this.#prefixes.push({ path, kind });
    if (this.#from?.startsWith(`${path}/`)) this.#aboveFrom.push({ path, kind });
  }
}

function outOfOrder(path: string): SftpxError {
  const found = "it is out of order";
  return new SftpxError("protocol", `Cannot place "${escapeText(path)}": ${found}`, {
    remote: true,
  });
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
