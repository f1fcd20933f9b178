// Walks sources into manifest entries, in strictly ascending order of their full paths' UTF-8
// bytes, holding no more than the directories it stands in (I8). Links are kept and not followed,
// special files are left out with a notice, and `.sftpx` is never seen.

import * as fs from "node:fs";
import { encodeUtf8 } from "../base/bytes.ts";
import { type ErrorCode, SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { comparePaths, isReservedName, pathProblem } from "../base/path.ts";
import { escapeText } from "../base/text.ts";
import type { Entry } from "../wire/messages.ts";
import { stampOf } from "./disk.ts";
import { diskError, osCode } from "./disk_error.ts";
import type { WalkBatch, WalkNotice, WalkSource } from "./store.ts";

/** Path characters after which a batch is handed over, so that one fits a control message. */
const BATCH_PATH_CHARS = LIMITS.controlMessageBytes / 8;
/** UTF-16 units that may sort otherwise than their UTF-8 bytes do. */
const UNORDERED = /[\ud800-\uffff]/;
/** What the runtime puts for bytes that are not UTF-8. */
const REPLACEMENT = "\ufffd";
const BLOCK_BYTES = 512n;

/** One place on disk that a manifest path comes from. */
interface Origin {
  readonly path: string;
  readonly source: number;
}

/** A name in a directory; several origins where several sources offer it. */
interface Item {
  readonly path: string;
  readonly origins: Origin[];
  /** Sorts a directory's contents behind siblings such as `a-b` ("-" is less than "/"). */
  readonly contents: boolean;
}

/** Walks all sources; each batch is made when it is asked for. */
export function* walk(sources: readonly WalkSource[]): Generator<WalkBatch, void> {
  const walker = new Walker();
  const stack = [walker.tops(sources)];
  for (let level = stack.at(-1); level !== undefined; level = stack.at(-1)) {
    const item = level.pop();
    if (item === undefined) {
      stack.pop();
      continue;
    }
    if (item.contents) stack.push(walker.children(item.path, item.origins));
    else walker.visit(item, level);
    if (walker.isFull) yield walker.take();
  }
  if (!walker.isEmpty) yield walker.take();
}

class Walker {
  #entries: Entry[] = [];
  #paths: string[] = [];
  #sources: number[] = [];
  #notices: WalkNotice[] = [];
  #pathChars = 0;

  get isFull(): boolean {
    return this.#entries.length >= LIMITS.entriesPerMessage ||
      this.#notices.length >= LIMITS.entriesPerMessage || this.#pathChars >= BATCH_PATH_CHARS;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0 && this.#notices.length === 0;
  }

  take(): WalkBatch {
    const batch = {
      entries: this.#entries,
      paths: this.#paths,
      sources: this.#sources,
      notices: this.#notices,
    };
    this.#entries = [];
    this.#paths = [];
    this.#sources = [];
    this.#notices = [];
    this.#pathChars = 0;
    return batch;
  }

  /** The sources' own items, merged with the children of `contents` sources; last one first. */
  tops(sources: readonly WalkSource[]): Item[] {
    const items = new Map<string, Origin[]>();
    sources.forEach((source, index) => {
      try {
        const path = source.follow ? fs.realpathSync(source.path) : source.path;
        const origin = { path, source: index };
        const stat = statOf(path);
        if (!source.contents) add(items, source.name, origin);
        else if (stat.isDirectory()) this.#list("", origin, items);
        else throw notADirectory(source);
      } catch (thrown) {
        const error = sourceError(source, thrown);
        if (sources.length === 1) throw error;
        this.#notices.push({ path: source.name, code: error.code, message: error.message });
      }
    });
    return sorted("", items);
  }

  /** Items of a directory, merged over its origins; last one first. */
  children(path: string, origins: readonly Origin[]): Item[] {
    const items = new Map<string, Origin[]>();
    for (const origin of origins) {
      try {
        this.#list(path, origin, items);
      } catch (thrown) {
        const code = osCode(thrown) === "ENOENT" ? "source_missing" : "source_unreadable";
        this.#notice(path, code, thrown);
      }
    }
    return sorted(`${path}/`, items);
  }

  /** Emits one item; a directory also puts its contents on the level. */
  visit(item: Item, level: Item[]): void {
    const { path } = item;
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (isReservedName(name)) return;
    const problem = nameProblem(name, path);
    if (problem !== null) {
      this.#refuse(path, "bad_name", problem);
      return;
    }
    const directories: Origin[] = [];
    let taken = false;
    for (const origin of item.origins) {
      const stat = this.#stat(path, origin);
      if (stat === null) continue;
      if (!taken) {
        taken = this.#emit(path, origin, stat);
        if (taken && stat.isDirectory()) directories.push(origin);
      } else if (directories.length > 0 && stat.isDirectory()) {
        directories.push(origin);
      } else {
        this.#refuse(path, "name_collision", "another source already sends this path");
      }
    }
    if (directories.length > 0) insert(level, { path, origins: directories, contents: true });
  }

  #list(path: string, origin: Origin, items: Map<string, Origin[]>): void {
    for (const name of fs.readdirSync(origin.path)) {
      const below = origin.path.endsWith("/") ? origin.path + name : `${origin.path}/${name}`;
      const known = items.get(name)?.at(-1);
      if (known !== undefined && known.source === origin.source && known.path === below) {
        // Two names that are not UTF-8 and look alike; neither can be opened.
        this.#refuse(path === "" ? name : `${path}/${name}`, "bad_name", "it is not UTF-8");
      } else {
        add(items, name, { path: below, source: origin.source });
      }
    }
  }

  #stat(path: string, origin: Origin): fs.BigIntStats | null {
    try {
      return statOf(origin.path);
    } catch (thrown) {
      if (osCode(thrown) !== "ENOENT") this.#notice(path, "source_unreadable", thrown);
      else if (path.includes(REPLACEMENT)) this.#refuse(path, "bad_name", "it is not UTF-8");
      else this.#refuse(path, "source_missing", "it went away during the walk");
      return null;
    }
  }

  /** Takes one found thing into the batch; false when it was left out. */
  #emit(path: string, origin: Origin, stat: fs.BigIntStats): boolean {
    const common = { path, mtimeNs: stat.mtimeNs, mode: Number(stat.mode & 0o7777n) };
    if (stat.isFile()) {
      const stamp = stampOf(stat);
      const sparse = stat.blocks * BLOCK_BYTES < stat.size;
      this.#push(origin, {
        ...common,
        kind: "file",
        sizeBytes: stamp.sizeBytes,
        stamp,
        ...(sparse ? { sparse } : {}),
      });
      return true;
    }
    if (stat.isDirectory()) {
      this.#push(origin, { ...common, kind: "directory", sizeBytes: 0 });
      return true;
    }
    if (stat.isSymbolicLink()) {
      const target = this.#target(path, origin);
      if (target === null) return false;
      this.#push(origin, { ...common, kind: "link", sizeBytes: 0, target });
      return true;
    }
    const message = `Skipped "${escapeText(path)}": it is ${specialName(stat)}`;
    this.#notices.push({ path, code: null, message });
    return false;
  }

  #target(path: string, origin: Origin): string | null {
    let target: string;
    try {
      target = fs.readlinkSync(origin.path);
    } catch (thrown) {
      // Deno has no code for a target that is not UTF-8, only words.
      if (osCode(thrown) !== "") this.#notice(path, "source_unreadable", thrown);
      else this.#refuse(path, "bad_name", "what it leads to is not UTF-8");
      return null;
    }
    // A UTF-16 unit is at most three bytes of UTF-8.
    if (target.length * 3 <= LIMITS.linkTargetBytes) return target;
    if (encodeUtf8(target).byteLength <= LIMITS.linkTargetBytes) return target;
    this.#refuse(path, "bad_name", `it leads to more than ${LIMITS.linkTargetBytes} bytes of path`);
    return null;
  }

  #push(origin: Origin, entry: Entry): void {
    this.#entries.push(entry);
    this.#paths.push(origin.path);
    this.#sources.push(origin.source);
    this.#pathChars += entry.path.length + (entry.target?.length ?? 0);
  }

  #refuse(path: string, code: ErrorCode, found: string): void {
    this.#notices.push({ path, code, message: `Cannot send "${escapeText(path)}": ${found}` });
  }

  #notice(path: string, code: ErrorCode, thrown: unknown): void {
    const { message } = diskError(thrown, `read "${escapeText(path)}"`);
    this.#notices.push({ path, code, message });
  }
}

function statOf(path: string): fs.BigIntStats {
  return fs.lstatSync(path, { bigint: true });
}

/** The components above were checked when they were visited; only lengths add up. */
function nameProblem(name: string, path: string): string | null {
  const mayBeLong = path.length * 3 > LIMITS.pathBytes || path.length > LIMITS.pathDepth;
  return pathProblem(mayBeLong ? path : name);
}

function add(items: Map<string, Origin[]>, name: string, origin: Origin): void {
  const known = items.get(name);
  if (known === undefined) items.set(name, [origin]);
  else known.push(origin);
}

/** Descending, so that `pop` takes the least. */
function sorted(prefix: string, items: Map<string, Origin[]>): Item[] {
  const names = [...items.keys()];
  if (names.some((name) => UNORDERED.test(name))) names.sort((a, b) => comparePaths(b, a));
  else names.sort().reverse();
  return names.map((name) => ({
    path: prefix + name,
    origins: items.get(name) ?? [],
    contents: false,
  }));
}

/** Puts a directory's contents where they belong among its siblings still to come. */
function insert(level: Item[], item: Item): void {
  const key = keyOf(item);
  let at = level.length;
  for (; at > 0; at--) {
    const sibling = level[at - 1];
    if (sibling === undefined || comparePaths(keyOf(sibling), key) > 0) break;
  }
  level.splice(at, 0, item);
}

function keyOf(item: Item): string {
  return item.contents ? `${item.path}/` : item.path;
}

function specialName(stat: fs.BigIntStats): string {
  if (stat.isSocket()) return "a socket";
  if (stat.isFIFO()) return "a pipe";
  return "a device";
}

function notADirectory(source: WalkSource): SftpxError {
  return new SftpxError(
    "source_missing",
    `Cannot send "${escapeText(source.name)}": it is not a directory`,
  );
}

function sourceError(source: WalkSource, thrown: unknown): SftpxError {
  if (thrown instanceof SftpxError) return thrown;
  const missing = ["ENOENT", "ENOTDIR"].includes(osCode(thrown));
  const error = diskError(thrown, `send "${escapeText(source.name)}"`);
  const code = missing ? "source_missing" : "source_unreadable";
  return new SftpxError(code, error.message, { cause: thrown });
}
