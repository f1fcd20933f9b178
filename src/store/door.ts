// The one door (I5): every name from a peer becomes a path on this machine here and nowhere else.
// Each parent must be a real directory, never a link, and each name one that `pathProblem` lets
// pass; so nothing outside the root can be reached, looked at or made. What stands there may change until
// the path is used: whether it can lead out then is its disk's matter (root_disk.ts).

import type * as fs from "node:fs";
import process from "node:process";
import { SftpxError } from "../base/errors.ts";
import { type NamePlatform, pathProblem, platformProblem } from "../base/path.ts";
import { escapeText } from "../base/text.ts";
import { DISK, type Disk, type Listed } from "./disk.ts";
import { osCode, osError } from "../base/os_error.ts";

/** Whose rules names are held to on this machine. */
export const PLATFORM: NamePlatform = process.platform === "win32" ? "windows" : "posix";

/** How a directory is made that is missing: with which mode, null for the usual one. */
interface Make {
  readonly mode: number | null;
}

const OWNER_BITS = 0o700;

/** How what is missing above it is made. */
function above(make: Make | null): Make | null {
  return make === null || make.mode === null ? make : { mode: make.mode & OWNER_BITS };
}

export class Door {
  /** Real path of the root; no link in it is ours to judge. */
  readonly root: string;
  /** Relative paths seen as real directories since the last `forget`. */
  readonly #directories = new Set<string>();
  readonly #disk: Disk;
  readonly #platform: NamePlatform;
  readonly #onMade: (absolute: string) => void;

  /** `onMade` hears of every directory that got a new one in it, to be synced. */
  constructor(
    root: string,
    { disk = DISK, onMade = () => {}, platform = PLATFORM }: {
      readonly disk?: Disk;
      readonly platform?: NamePlatform;
      readonly onMade?: (absolute: string) => void;
    } = {},
  ) {
    this.root = root;
    this.#disk = disk;
    this.#platform = platform;
    this.#onMade = onMade;
  }

  /**
   * Drops what was seen. The store calls it at the start of each of its calls, so that a directory
   * swapped for a link between two calls is noticed, and one call looks at each parent once.
   */
  forget(): void {
    this.#directories.clear();
    this.#disk.forget?.();
  }

  /** What stands at a relative path, links not followed; null when it or a parent is absent. */
  look(path: string): fs.BigIntStats | null {
    const cut = this.#checked(path);
    if (cut > 0 && !this.#enter(path.slice(0, cut), null, path)) return null;
    const stat = this.#lstat(path, path);
    // Entering it next needs no second look.
    if (stat?.isDirectory()) this.#directories.add(path);
    return stat;
  }

  /** As `look`; the empty path is the root, which may be absent where nothing is to be changed. */
  lookFromRoot(path: string): fs.BigIntStats | null {
    return path === "" ? this.#lstat(path, path) : this.look(path);
  }

  /** What stands at a relative path when it is a directory; null when it is absent. */
  lookDirectory(path: string): fs.BigIntStats | null {
    this.#checked(path);
    return this.#enter(path, null, path) ? this.#lstat(path, path) : null;
  }

  /** The names in a directory; the empty path is the root. */
  list(path: string): readonly Listed[] {
    return this.#disk.list(this.standing(path));
  }

  /** Where a link leads. */
  readLink(path: string): string {
    return this.#disk.readLink(this.standing(path));
  }

  /** What the directory of a path finds under another spelling of its name. */
  lookSpelled(path: string, spelling: string): fs.BigIntStats | null {
    return this.#disk.look(`${this.parentOf(path)}/${spelling}`);
  }

  /** Absolute path of a relative one whose parents are real directories; none is made. */
  standing(path: string): string {
    const cut = path === "" ? -1 : this.#checked(path);
    if (cut > 0 && !this.#enter(path.slice(0, cut), null, path)) {
      throw new SftpxError("io", `Cannot read "${escapeText(path)}": it does not exist`);
    }
    return this.#absolute(path);
  }

  /** Absolute path of a relative one whose parents are real directories; missing ones are made. */
  enter(path: string): string {
    const cut = this.#checked(path);
    if (cut > 0) this.#enter(path.slice(0, cut), { mode: null }, path);
    return this.#absolute(path);
  }

  /**
   * Makes a relative path a directory unless it is one; answers its absolute path. `mode` is what it
   * gets when it is made; of that, what is missing above it gets the owner's alone.
   */
  enterDirectory(path: string, { mode = null }: { readonly mode?: number | null } = {}): string {
    if (path !== "") {
      this.#checked(path);
      this.#enter(path, { mode }, path);
    }
    return this.#absolute(path);
  }

  /** Absolute path of the directory a relative path lies in. */
  parentOf(path: string): string {
    const cut = path.lastIndexOf("/");
    return cut < 0 ? this.root : this.#absolute(path.slice(0, cut));
  }

  /** Refuses a bad name; answers where the last component's slash is, or -1. */
  #checked(path: string): number {
    const problem = pathProblem(path) ?? platformProblem(path, this.#platform);
    if (problem !== null) {
      throw new SftpxError("bad_name", `Cannot place "${escapeText(path)}": ${problem}`);
    }
    return path.lastIndexOf("/");
  }

  /** Walks down to `directory`; false when it is absent and not to be made (`make` is null). */
  #enter(directory: string, make: Make | null, wanted: string): boolean {
    if (this.#directories.has(directory)) return true;
    const cut = directory.lastIndexOf("/");
    if (cut > 0 && !this.#enter(directory.slice(0, cut), above(make), wanted)) return false;
    let stat = this.#lstat(directory, wanted);
    if (stat === null) {
      if (make === null) return false;
      this.#make(directory, make, wanted);
      stat = this.#lstat(directory, wanted);
    }
    if (stat === null || !stat.isDirectory()) {
      const found = stat?.isSymbolicLink() ? "a link" : "not a directory";
      throw new SftpxError(
        "conflict",
        `Cannot place "${escapeText(wanted)}": "${escapeText(directory)}" is ${found}`,
      );
    }
    this.#directories.add(directory);
    return true;
  }

  #make(directory: string, { mode }: Make, wanted: string): void {
    try {
      this.#disk.makeDirectory(this.#absolute(directory), mode === null ? {} : { mode });
    } catch (thrown) {
      // Someone else made it, or something else: the look that follows tells.
      if (osCode(thrown) === "EEXIST") return;
      throw osError(thrown, `make a directory for "${escapeText(wanted)}"`);
    }
    this.#onMade(this.parentOf(directory));
  }

  #lstat(path: string, wanted: string): fs.BigIntStats | null {
    try {
      return this.#disk.look(this.#absolute(path));
    } catch (thrown) {
      throw osError(thrown, `place "${escapeText(wanted)}"`);
    }
  }

  #absolute(path: string): string {
    if (path === "") return this.root;
    return this.root.endsWith("/") ? this.root + path : `${this.root}/${path}`;
  }
}
