// Walks sources into manifest entries, in strictly ascending order of their full paths' UTF-8
// bytes (with `from` in two such sections), holding no more than the directories it stands in (I8), and
// so much at a step that others get their turn. Links are kept and not followed, also where one takes
// the place of a directory meanwhile (I5); special files are left out with a notice, and so are names
// reserved for sftpx, unless they are its own: those are never seen.

import type { BigIntStats } from "node:fs";
import type { ErrorCode } from "../base/errors.ts";
import { Filter } from "../base/filter.ts";
import { LIMITS } from "../base/limits.ts";
import { isReservedName } from "../base/path.ts";
import { escapeText, REPLACEMENT } from "../base/text.ts";
import { osCode } from "../base/os_error.ts";
import { type PathTree, pathTree } from "./path_tree.ts";
import { BatchInTheMaking } from "./walk_batch.ts";
import { entryOf, nameProblem, notRead, notSent } from "./walk_entry.ts";
import { add, insert, type Item, type Origin, sorted } from "./walk_items.ts";
import { WalkReader } from "./walk_reader.ts";
import { WalkSections } from "./walk_sections.ts";
import { isOwn, WalkSkipped } from "./walk_skipped.ts";
import { isDirectoryAt, sourceError, statAt } from "./walk_source.ts";
import type { WalkBatch, WalkOptions, WalkSource } from "./store.ts";

/** Walks all sources; each batch is made when it is asked for, and empty when its time was up first. */
export function* walk(
  sources: readonly WalkSource[],
  options: WalkOptions & { readonly nowMs?: () => number } = {},
): Generator<WalkBatch, void> {
  using walker = new Walker(sources, options);
  for (const top of walker.sections()) {
    const stack = [top];
    for (let level = stack.at(-1); level !== undefined; level = stack.at(-1)) {
      const item = level.pop();
      if (item === undefined) {
        stack.pop();
        continue;
      }
      if (item.contents) stack.push(walker.children(item));
      else walker.visit(item, level);
      for (let over = walker.isStepOver; over; over = walker.batch.isFull) {
        yield walker.batch.take();
        walker.beginStep();
      }
    }
  }
  while (!walker.batch.isEmpty) yield walker.batch.take();
}

/** A source that was found. */
interface Top {
  readonly source: WalkSource;
  readonly origin: Origin;
}

class Walker implements Disposable {
  readonly #batch = new BatchInTheMaking();
  readonly #reader = new WalkReader(this.#batch);
  readonly #given: readonly WalkSource[];
  readonly #filter: Filter;
  readonly #listed: PathTree | null;
  readonly #recursive: boolean;
  readonly #links: boolean;
  readonly #skipped = new WalkSkipped();
  readonly #nowMs: () => number;
  readonly #sections: WalkSections;
  #stepBeganMs: number;

  constructor(
    sources: readonly WalkSource[],
    options: WalkOptions & { readonly nowMs?: () => number },
  ) {
    const { filters = [], files, from = null, recursive = true, links = true } = options;
    const { nowMs = () => performance.now() } = options;
    if (files !== undefined && (sources.length !== 1 || sources[0]?.contents !== true)) {
      throw new TypeError("Cannot walk listed files: they are of one source, its contents");
    }
    this.#given = sources;
    this.#filter = new Filter(filters);
    this.#listed = files === undefined ? null : pathTree(files);
    this.#recursive = recursive;
    this.#links = links;
    this.#sections = new WalkSections(from);
    this.#nowMs = nowMs;
    this.#stepBeganMs = nowMs();
  }

  [Symbol.dispose](): void {
    this.#reader[Symbol.dispose]();
  }

  get batch(): BatchInTheMaking {
    return this.#batch;
  }

  get isStepOver(): boolean {
    return this.#batch.isFull || this.#nowMs() - this.#stepBeganMs >= LIMITS.storeStepMs;
  }

  /** Others had their turn. */
  beginStep(): void {
    this.#reader.beginStep();
    this.#stepBeganMs = this.#nowMs();
  }

  /**
   * The levels to walk one after the other. Those of the second section are the directories above
   * `from`, read again for what comes before it: each lies behind all that the one above it holds.
   */
  *sections(): Generator<Item[], void> {
    const found = this.#given.flatMap((source, index): Top[] => {
      const origin = this.#attempt(source, () => this.#reader.originOf(source, index));
      return origin === null ? [] : [{ source, origin }];
    });
    const { read, level } = this.#tops(found);
    yield level;
    if (this.#sections.beginSecond()) {
      yield this.#tops(read).level;
      for (const directory of this.#sections.above) yield this.children(directory);
    }
    for (const notice of this.#skipped.notices()) this.#batch.note(notice);
  }

  /** The sources' own items, merged with the children of `contents` sources; last one first. */
  #tops(tops: readonly Top[]): { readonly read: readonly Top[]; readonly level: Item[] } {
    const items = new Map<string, Origin[]>();
    const read = tops.filter((top) => this.#take(top, items));
    return { read, level: sorted("", items, this.#listed) };
  }

  /** Puts a source's own name among the items at the top, or what its directory holds; false when it
   * could not be read. */
  #take({ source, origin }: Top, items: Map<string, Origin[]>): boolean {
    const isIn = this.#sections.namesIn("");
    const { name, contents } = source;
    if (!contents) {
      if (isIn(name)) add(items, name, origin);
      return true;
    }
    const within = { items, listed: this.#listed, isIn };
    const isRead = this.#attempt(source, () => {
      this.#reader.names("", origin, within);
      return true;
    });
    return isRead ?? false;
  }

  /** Null where a source is not as it is to be: a notice, unless it was all that there is to send. */
  #attempt<T>(source: WalkSource, body: () => T): T | null {
    try {
      return body();
    } catch (thrown) {
      const error = sourceError(source, thrown);
      if (this.#given.length === 1 && !this.#sections.isSecond) throw error;
      this.#batch.note({ path: source.name, code: error.code, message: error.message });
      return null;
    }
  }

  /** Items of a directory, merged over its origins; last one first. */
  children(item: Item): Item[] {
    const { path, listed } = item;
    const items = new Map<string, Origin[]>();
    const isIn = this.#sections.namesIn(`${path}/`);
    const origins = item.origins.filter((origin) => {
      try {
        this.#reader.names(path, origin, { items, listed, isIn });
        return true;
      } catch (thrown) {
        const code = osCode(thrown) === "ENOENT" ? "source_missing" : "source_unreadable";
        this.#notice(path, code, thrown);
        return false;
      }
    });
    this.#sections.opened({ ...item, origins });
    return sorted(`${path}/`, items, listed);
  }

  /** Emits one item; a directory also puts its contents on the level. */
  visit(item: Item, level: Item[]): void {
    const { path, listed } = item;
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (isReservedName(name)) return this.#leaveReserved(item, name);
    const problem = nameProblem(name, path);
    if (problem !== null) {
      if (this.#isExcluded(item)) return;
      for (const left of listed?.namedFrom(path) ?? [path]) this.#refuse(left, "bad_name", problem);
      return;
    }
    const directories: Origin[] = [];
    const excluded = item.origins.length === 1 ? null : this.#exclusionOf(path);
    let taken = false;
    for (const origin of item.origins) {
      const stat = this.#stat(item, origin);
      if (stat === null) continue;
      const isDirectory = stat.isDirectory();
      if (excluded?.(isDirectory) ?? this.#filter.excludes(path, isDirectory)) continue;
      if (!isDirectory && this.#isOnlyAbove(item, stat)) continue;
      if (!taken) {
        taken = this.#emit(path, origin, stat);
        if (taken && isDirectory) directories.push(this.#reader.opened(origin, path, stat));
      } else if (directories.length > 0 && isDirectory) {
        directories.push(this.#reader.opened(origin, path, stat));
      } else {
        this.#refuse(path, "name_collision", "another source already sends this path");
      }
    }
    if (directories.length === 0) return;
    const origins = directories.filter((origin) => this.#isEntered(path, origin));
    if (origins.length > 0) insert(level, { path, origins, contents: true, listed });
  }

  /** Says so of what was listed, and once of the rest; nothing of what is sftpx's own. */
  #leaveReserved(item: Item, name: string): void {
    const { path, listed, origins } = item;
    for (const named of listed?.namedFrom(path) ?? []) {
      this.#refuse(named, "bad_name", "its name is reserved for sftpx");
    }
    if (listed !== null || origins.every((origin) => isOwn(name, origin))) return;
    if (!this.#isExcluded(item)) this.#skipped.reserved(path);
  }

  /** What filters say of a path, asked once for all its origins. */
  #exclusionOf(path: string): (isDirectory: boolean) => boolean {
    const known = new Map<boolean, boolean>();
    return (isDirectory) => {
      const excludes = known.get(isDirectory) ?? this.#filter.excludes(path, isDirectory);
      known.set(isDirectory, excludes);
      return excludes;
    };
  }

  /** Without `recursive` a source's own directory is opened, and none in it. */
  #isEntered(path: string, origin: Origin): boolean {
    if (this.#recursive) return true;
    return !path.includes("/") && this.#given[origin.source]?.contents === false;
  }

  /** Whether filters leave out an item whose name cannot travel anyway. */
  #isExcluded({ path, origins }: Item): boolean {
    return origins.every((origin) => this.#filter.excludes(path, isDirectoryAt(origin)));
  }

  /** Refuses what was listed below a thing that is no directory; whether that was all of it. */
  #isOnlyAbove({ path, listed }: Item, stat: BigIntStats): boolean {
    if (listed === null) return false;
    const [code, found] = stat.isSymbolicLink()
      ? ["refused", "a link"] as const
      : ["source_missing", "not a directory"] as const;
    for (const named of listed.namedBelow(path)) {
      this.#refuse(named, code, `"${escapeText(path)}" is ${found}`);
    }
    return !listed.isWhole;
  }

  #stat({ path, listed }: Item, origin: Origin): BigIntStats | null {
    if (!this.#reader.isThere(origin)) return null;
    try {
      return statAt(origin);
    } catch (thrown) {
      if (this.#filter.excludes(path, false)) return null;
      if (osCode(thrown) !== "ENOENT") {
        this.#notice(path, "source_unreadable", thrown);
      } else if (path.includes(REPLACEMENT)) {
        this.#refuse(path, "bad_name", "it is not UTF-8");
      } else if (listed !== null) {
        for (const named of listed.namedFrom(path)) {
          this.#refuse(named, "source_missing", "it does not exist");
        }
      } else {
        this.#refuse(path, "source_missing", "it went away during the walk");
      }
      return null;
    }
  }

  /** Takes one found thing into the batch; false when it was left out. */
  #emit(path: string, origin: Origin, stat: BigIntStats): boolean {
    if (!this.#links && stat.isSymbolicLink()) {
      this.#skipped.link(path);
      return false;
    }
    const { entry, notice } = entryOf(path, origin, stat);
    if (entry === null) this.#batch.note(notice);
    else this.#batch.add(origin, entry);
    return entry !== null;
  }

  #refuse(path: string, code: ErrorCode, found: string): void {
    this.#batch.note(notSent(path, code, found));
  }

  #notice(path: string, code: ErrorCode, thrown: unknown): void {
    this.#batch.note(notRead(path, code, thrown));
  }
}
