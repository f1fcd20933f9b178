// What one manifest must not do to itself: name its entries out of order, and so perhaps one of them
// twice, put an entry below a file or a link of its own, or name one file twice where the file system
// ignores case or normal form. Refuses names that the platform takes for something else. Relies on
// ascending path order, begun anew once where it may be.

import { SftpxError } from "../base/errors.ts";
import { comparePaths, foldPath, isFromOn, platformProblem } from "../base/path.ts";
import { escapeText } from "../base/text.ts";
import type { Entry, EntryKind } from "../wire/messages.ts";
import type { NameRules } from "./names.ts";

/** ASCII has one normal form. */
const NOT_ASCII = /[\u0080-\u{10ffff}]/u;

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
  readonly #names: NameRules;
  /** Folded path to the spelling that came first: of all where case is ignored; where only normal form
   * is, of what is not ASCII, folded to it. Else of none (I8). */
  readonly #spellings = new Map<string, string>();
  /** Whether normal form is ignored; asked at the first name that may have another. */
  #ignoresForm: boolean | null = null;

  constructor(
    names: NameRules,
    { from }: {
      /** The manifest may name first what `isFromOn` this path. */
      readonly from: string | null;
    },
  ) {
    this.#names = names;
    this.#from = from;
    this.#mayBeginAnew = from !== null;
  }

  /** How many paths are held. */
  get held(): number {
    return this.#prefixes.length + this.#aboveFrom.length + this.#spellings.size;
  }

  /** Throws when the entry, whose final path is `final`, cannot stand beside those before it. */
  check(entry: Entry, final: string = entry.path): void {
    this.#checkOrder(entry.path);
    this.#checkParents(entry);
    const problem = platformProblem(final, this.#names.platform);
    if (problem !== null) {
      throw new SftpxError("bad_name", `Cannot place "${escapeText(final)}": ${problem}`);
    }
    if (this.#mayBeSpelledOtherwise(entry.path)) this.#checkSpellings(entry.path);
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
    if (this.#section === "second") requireDirectories(this.#aboveFrom, path);
    requireDirectories(this.#prefixes, path);
    this.#prefixes.push({ path, kind });
    if (this.#from?.startsWith(`${path}/`)) this.#aboveFrom.push({ path, kind });
  }

  #mayBeSpelledOtherwise(path: string): boolean {
    const { ignoresCase, ignoresForm } = this.#names;
    if (ignoresCase) return true;
    return NOT_ASCII.test(path) && (this.#ignoresForm ??= ignoresForm());
  }

  /** Every level counts: `A/x` and `a/y` would share a directory. */
  #checkSpellings(path: string): void {
    for (let cut = path.indexOf("/"); cut !== -1; cut = path.indexOf("/", cut + 1)) {
      this.#checkSpelling(path.slice(0, cut), path);
    }
    this.#checkSpelling(path, path);
  }

  #checkSpelling(part: string, path: string): void {
    const folded = this.#names.ignoresCase ? foldPath(part) : part.normalize("NFC");
    const known = this.#spellings.get(folded);
    if (known === undefined) {
      this.#spellings.set(folded, part);
    } else if (known !== part) {
      throw sameName(path, known);
    }
  }
}

/** Throws where a path lies below something that is sent as no directory. */
function requireDirectories(named: readonly Named[], path: string): void {
  for (const above of named) {
    if (above.kind === "directory" || !path.startsWith(`${above.path}/`)) continue;
    throw new SftpxError(
      "conflict",
      `Cannot place "${escapeText(path)}": "${escapeText(above.path)}" is sent as a ${above.kind}`,
    );
  }
}

function outOfOrder(path: string): SftpxError {
  const found = "it is out of order";
  return new SftpxError("protocol", `Cannot place "${escapeText(path)}": ${found}`, {
    remote: true,
  });
}

function sameName(path: string, known: string): SftpxError {
  return new SftpxError(
    "name_collision",
    `Cannot place "${escapeText(path)}": here it is the same name as "${escapeText(known)}"`,
  );
}
