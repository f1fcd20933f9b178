// Files beneath a directory that is held open, reached so that the kernel itself refuses every way out:
// no link is gone through, wherever it comes from and whenever it came (`openat2`, RESOLVE_BENEATH and
// RESOLVE_NO_SYMLINKS). A call walks down to the directory that holds the name and then acts on that
// directory and that name. Paths are relative; the empty one is the directory itself. Errors are those of
// `node:fs`.

import type { BigIntStats } from "node:fs";
import { constants } from "node:os";
import { osCode } from "../base/os_error.ts";
import { type CallNumbers, systemError } from "./kernel.ts";
import { HOW_BYTES, KernelCalls, type KernelMemory, type Listed } from "./kernel_memory.ts";
import { KeptDirectories } from "./kept_directories.ts";
import {
  type FileCalls,
  type HeldWhole,
  holdWhole,
  type OpenBeneath,
  OpenFile,
} from "./open_file.ts";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  flagsOf,
  NO_LINKS,
  OPEN_WAY,
  type Opening,
  STATX_ALL,
} from "./open_flags.ts";
import { mayReadBelow, mayWriteBelow } from "./place_permission.ts";
import { leftOut } from "./runtime.ts";

export type { Listed } from "./kernel_memory.ts";
export type { HeldWhole, OpenBeneath, SameOpen } from "./open_file.ts";
export type { Opening } from "./open_flags.ts";

/** What `SFTPX_WITHOUT` names to do without all this, and what is shown where it is used. */
export const BENEATH_NAME = "openat2";
/** What is shown where paths are looked at instead. */
const BY_PATHS = "path checks";

const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_REMOVEDIR = 0x200;
const RESOLVE_BENEATH = 0x08;
/** How often a way that others are changing is gone again. */
const RESOLVE_ATTEMPTS = 64;

/**
 * Whether a directory may be used so, with all that is below it. FFI asks nobody whether it may read or
 * write: what the runtime was not allowed is not done.
 */
export function mayHold(real: string, use: "read" | "write"): boolean {
  return !isLeftOut() && mayReadBelow(real) && (use === "read" || mayWriteBelow(real));
}

function isLeftOut(): boolean {
  return leftOut().includes(BENEATH_NAME);
}

/** What confines files to a root here, as it is shown; for a root that may be read and written. */
export function doorName(): string {
  if (isLeftOut()) return BY_PATHS;
  using calls = KernelCalls.open();
  return calls === null ? BY_PATHS : BENEATH_NAME;
}

export class Beneath implements Disposable {
  readonly #calls: KernelCalls;
  readonly #memory: KernelMemory;
  readonly #root: number;
  readonly #isOwner: boolean;
  /** What every open file goes by, made once: parts are opened by the thousand. */
  readonly #access: FileCalls;
  /** Directories found in this turn of the loop. */
  readonly #kept: KeptDirectories;

  private constructor(
    calls: KernelCalls,
    real: string,
    { isOwner }: { readonly isOwner: boolean },
  ) {
    this.#calls = calls;
    this.#isOwner = isOwner;
    this.#memory = calls.memory;
    this.#access = {
      memory: this.#memory,
      call: (name, a, b, c, d, e) => this.#calls.kernel.call(name, a, b, c, d, e),
      look: (fd) => this.#statOf(fd),
      fill: (fd) => this.#fillStat(fd),
    };
    this.#kept = new KeptDirectories({
      open: (path) => this.#resolve(path, OPEN_WAY, 0),
      close: (fd) => void this.#call("close", fd),
    });
    const how = this.#memory.how(OPEN_WAY, 0, NO_LINKS);
    this.#root = this.#call("openat2", AT_FDCWD, this.#memory.first(real), how, HOW_BYTES);
  }

  /**
   * Opens a directory by its real path, to be used for reading or for writing too; null where the
   * runtime, its permissions or the system have no such door.
   */
  static open(real: string, use: "read" | "write"): Beneath | null {
    const calls = mayHold(real, use) ? KernelCalls.open() : null;
    if (calls === null) return null;
    try {
      return new Beneath(calls, real, { isOwner: true });
    } catch (thrown) {
      calls[Symbol.dispose]();
      throw thrown;
    }
  }

  /** The same for one who has the kernel's calls already, keeps them, and asked `mayHold`. */
  static through(calls: KernelCalls, real: string): Beneath {
    return new Beneath(calls, real, { isOwner: false });
  }

  /** Gives the directory back; nothing may be used afterwards. */
  [Symbol.dispose](): void {
    this.forget();
    this.#call("close", this.#root);
    if (this.#isOwner) this.#calls[Symbol.dispose]();
  }

  /** Lets go of what was found: every way is gone anew. Done by itself when this turn of the loop ends. */
  forget(): void {
    this.#kept.forget();
  }

  /** What stands there, a link itself; null for nothing, and below nothing. */
  look(path: string): BigIntStats | null {
    try {
      if (path === "") return this.#statOf(this.#root);
      const { kernel } = this.#calls;
      const directory = this.#directoryOf(path);
      const { statx } = this.#memory;
      const name = this.#memory.first(nameOf(path));
      const got = kernel.attempt("statx", directory, name, AT_SYMLINK_NOFOLLOW, STATX_ALL, statx);
      if (got === -constants.errno.ENOENT) return null;
      if (got < 0) throw systemError("statx", -got);
      return this.#memory.stats();
    } catch (thrown) {
      if (osCode(thrown) === "ENOENT") return null;
      throw thrown;
    }
  }

  /** The names in a directory, in no order. */
  list(path: string): Listed[] {
    return this.#with(this.#open(path, "directory"), (fd) => {
      const found: Listed[] = [];
      for (;;) {
        const got = this.#call("getdents64", fd, this.#memory.data, this.#memory.dataBytes);
        if (got === 0) return found;
        found.push(...this.#memory.listed(got));
      }
    });
  }

  /** Where a link leads; throws without a `code` where that is not UTF-8. */
  readLink(path: string): string {
    const { data, dataBytes } = this.#memory;
    const directory = this.#directoryOf(path);
    const name = this.#memory.first(nameOf(path));
    return this.#memory.text(this.#call("readlinkat", directory, name, data, dataBytes));
  }

  /** Opens what stands there, or makes it, and never waits for it; a link is refused (ELOOP). */
  use<T>(path: string, opening: Opening, body: (file: OpenBeneath) => T): T {
    return this.#with(this.#open(path, opening), (fd) => body(new OpenFile(fd, this.#access)));
  }

  /** Holds the file system that a directory lies on: failures to write to it are kept from now on. */
  holdWhole(path: string): HeldWhole {
    return holdWhole(this.#open(path, "directory"), this.#access);
  }

  rename(from: string, to: string): void {
    this.#kept.moved(from);
    this.#callWithBoth("renameat2", from, to);
  }

  /** Gives a file a second name; fails with EEXIST where something stands. */
  link(from: string, to: string): void {
    this.#callWithBoth("linkat", from, to);
  }

  symlink(target: string, path: string): void {
    const directory = this.#directoryOf(path);
    const first = this.#memory.first(target);
    this.#call("symlinkat", first, directory, this.#memory.second(nameOf(path)));
  }

  makeDirectory(path: string, mode: number): void {
    const directory = this.#directoryOf(path);
    this.#call("mkdirat", directory, this.#memory.first(nameOf(path)), mode);
  }

  /** Permission bits of a file or directory, whether or not it may be read; never of what a link leads to. */
  setMode(path: string, mode: number): void {
    this.#with(this.#open(path, "path"), (fd) => {
      if (this.#statOf(fd).isSymbolicLink()) throw systemError("chmod", constants.errno.ELOOP);
      // The one way to say it of a descriptor that is not open for reading: it names no other file.
      this.#call("fchmodat", AT_FDCWD, this.#memory.first(`/proc/self/fd/${fd}`), mode);
    });
  }

  /** Time of a link itself, as of anything else. */
  setTime(path: string, mtimeNs: bigint): void {
    const directory = this.#directoryOf(path);
    const name = nameOf(path);
    const times = this.#memory.times(mtimeNs);
    this.#call("utimensat", directory, this.#memory.first(name), times, AT_SYMLINK_NOFOLLOW);
  }

  /** Removes a file or link. */
  remove(path: string): void {
    const directory = this.#directoryOf(path);
    this.#call("unlinkat", directory, this.#memory.first(nameOf(path)), 0);
  }

  /** Removes an empty directory. */
  removeDirectory(path: string): void {
    this.#kept.moved(path);
    const directory = this.#directoryOf(path);
    this.#call("unlinkat", directory, this.#memory.first(nameOf(path)), AT_REMOVEDIR);
  }

  #open(path: string, opening: Opening): number {
    const { flags, mode } = flagsOf(opening);
    return this.#resolve(path, flags, mode);
  }

  #resolve(path: string, flags: number, mode: number): number {
    for (let attempt = 1;; attempt++) {
      try {
        const how = this.#memory.how(flags, mode, RESOLVE_BENEATH | NO_LINKS);
        const first = this.#memory.first(path === "" ? "." : path);
        return this.#call("openat2", this.#root, first, how, HOW_BYTES);
      } catch (thrown) {
        // Something above was moved while the kernel went down: it cannot tell, and says so.
        if (osCode(thrown) !== "EAGAIN" || attempt === RESOLVE_ATTEMPTS) throw thrown;
      }
    }
  }

  /** The directory that holds a name, good until the next one but one is asked for. */
  #directoryOf(path: string): number {
    const cut = path.lastIndexOf("/");
    return cut < 0 ? this.#root : this.#kept.directory(path.slice(0, cut));
  }

  #callWithBoth(call: "renameat2" | "linkat", from: string, to: string): void {
    const a = this.#directoryOf(from);
    const b = this.#directoryOf(to);
    const first = this.#memory.first(nameOf(from));
    this.#call(call, a, first, b, this.#memory.second(nameOf(to)), 0);
  }

  #statOf(fd: number): BigIntStats {
    this.#fillStat(fd);
    return this.#memory.stats();
  }

  #fillStat(fd: number): void {
    const flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW;
    this.#call("statx", fd, this.#memory.first(""), flags, STATX_ALL, this.#memory.statx);
  }

  #with<T>(fd: number, body: (fd: number) => T): T {
    try {
      return body(fd);
    } finally {
      this.#call("close", fd);
    }
  }

  #call(name: keyof CallNumbers, a = 0, b = 0, c = 0, d = 0, e = 0): number {
    return this.#calls.kernel.call(name, a, b, c, d, e);
  }
}

/** What its directory calls it; the directory held itself is its own. */
function nameOf(path: string): string {
  return path === "" ? "." : path.slice(path.lastIndexOf("/") + 1);
}
