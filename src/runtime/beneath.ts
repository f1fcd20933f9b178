// Files beneath a directory that is held open, reached so that the kernel itself refuses every way out:
// no link is gone through, wherever it comes from and whenever it came (`openat2`, RESOLVE_BENEATH and
// RESOLVE_NO_SYMLINKS). A call walks down to the directory that holds the name and then acts on that
// directory and that name. One that was found stays found for this turn of the loop at most: what others
// do to its path meanwhile is as if they did it afterwards, and nothing is remembered that grows stale.
// Paths are relative; the empty one is the directory itself. Errors are those of `node:fs`.

import type { BigIntStats } from "node:fs";
import process from "node:process";
import { constants } from "node:os";
import { osCode } from "../base/os_error.ts";
import { type CallArguments, type CallNumbers, systemError } from "./kernel.ts";
import { HOW_BYTES, KernelCalls, type KernelMemory, type Listed } from "./kernel_memory.ts";
import { granted, leftOut } from "./runtime.ts";

export type { Listed } from "./kernel_memory.ts";

/** What `SFTPX_WITHOUT` names to do without all this, and what is shown where it is used. */
export const BENEATH_NAME = "openat2";
/** What is shown where paths are looked at instead. */
const BY_PATHS = "path checks";

const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const AT_EMPTY_PATH = 0x1000;
const AT_REMOVEDIR = 0x200;
const STATX_ALL = 0xfff;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_NO_SYMLINKS = 0x04;
const RESOLVE_BENEATH = 0x08;
const NO_LINKS = RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;
/** Flags that are one number everywhere, and two that are not. */
const O_WRONLY = 0o1;
const O_RDWR = 0o2;
const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_APPEND = 0o2000;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;
const isArm = process.arch === "arm64";
const O_DIRECTORY = isArm ? 0o40000 : 0o200000;
const O_NOFOLLOW = isArm ? 0o100000 : 0o400000;
/** How often a way that others are changing is gone again. */
const RESOLVE_ATTEMPTS = 64;
const OWN_MODE = 0o600;
/** Directories that stay open for a turn: a commit acts on two, a walk on as many as it is deep. */
const MOST_KEPT = 32;

/** How a file is opened. */
const OPEN = {
  read: 0,
  write: O_WRONLY,
  append: O_WRONLY | O_APPEND | O_CREAT,
  create: O_WRONLY | O_CREAT | O_EXCL,
  part: O_RDWR | O_CREAT,
  directory: O_DIRECTORY,
  path: O_PATH,
} as const;
/** By name; with a mode, a file is made that must not be there, and the process's mask holds. */
export type Opening = keyof typeof OPEN | { readonly createMode: number };

/** What is to be known of a file that is written to by another descriptor. */
export interface SameOpen {
  readonly sizeBytes: number;
  readonly isFile: boolean;
}

/** A file or directory that is open. */
export interface OpenBeneath {
  look(): BigIntStats;
  /** What a descriptor of `node:fs` has open, if it is this very file, else null: theirs are the system's. */
  lookBy(fd: number): SameOpen | null;
  /** Sets the time of its last change, and that of its last use to now. */
  setTime(mtimeNs: bigint): void;
  setMode(mode: number): void;
  resize(sizeBytes: number): void;
  write(bytes: Uint8Array): void;
  sync(options: { readonly data: boolean }): void;
  /** Everything that is left in another one. */
  copyFrom(other: OpenBeneath): void;
}

/**
 * Whether a directory may be used so. FFI asks nobody whether it may read or write: what the runtime was
 * not allowed is not done.
 */
export function mayHold(real: string, use: "read" | "write"): boolean {
  return !isLeftOut() && granted({ name: "read", path: real }) &&
    (use === "read" || granted({ name: "write", path: real }));
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

/** A file system that is synced as a whole. */
export interface HeldWhole extends Disposable {
  /** Makes durable what was written to it, whoever did; throws what failed since it was held, once. */
  sync(): void;
}

export class Beneath implements Disposable {
  readonly #calls: KernelCalls;
  readonly #memory: KernelMemory;
  readonly #root: number;
  readonly #isOwner: boolean;
  /** What every open file goes by, made once: parts are opened by the thousand. */
  readonly #access: Access;
  /** Directories found in this turn of the loop, the one used last at the end. */
  readonly #kept = new Map<string, number>();

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
      call: (name, ...values) => this.#call(name, ...values),
      look: (fd) => this.#statOf(fd),
      fill: (fd) => this.#fillStat(fd),
    };
    const how = this.#memory.how(O_PATH | O_DIRECTORY | O_CLOEXEC, 0, NO_LINKS);
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
    for (const fd of this.#kept.values()) this.#call("close", fd);
    this.#kept.clear();
  }

  /** What stands there, a link itself; null for nothing, and below nothing. */
  look(path: string): BigIntStats | null {
    try {
      return path === "" ? this.#statOf(this.#root) : this.#at(path, (directory, name) => {
        const { first, statx } = this.#memoryFor(name);
        const { kernel } = this.#calls;
        const got = kernel.attempt(
          "statx",
          directory,
          first,
          AT_SYMLINK_NOFOLLOW,
          STATX_ALL,
          statx,
        );
        if (got === -constants.errno.ENOENT) return null;
        if (got < 0) throw systemError("statx", -got);
        return this.#memory.stats();
      });
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
    return this.#at(path, (directory, name) => {
      const { data, dataBytes } = this.#memory;
      const got = this.#call("readlinkat", directory, this.#memory.first(name), data, dataBytes);
      return this.#memory.text(got);
    });
  }

  /** Opens what stands there, or makes it, and never waits for it; a link is refused (ELOOP). */
  use<T>(path: string, opening: Opening, body: (file: OpenBeneath) => T): T {
    return this.#with(this.#open(path, opening), (fd) => body(new OpenFile(fd, this.#access)));
  }

  /** Holds the file system that a directory lies on: failures to write to it are kept from now on. */
  holdWhole(path: string): HeldWhole {
    let fd: number | null = this.#open(path, "directory");
    return {
      sync: () => {
        // Its number may be another file's by now, and that one's file system is not what is meant (I2).
        if (fd === null) throw new TypeError("a file system was let go of before it was synced");
        this.#call("syncfs", fd);
      },
      [Symbol.dispose]: () => {
        const held = fd;
        fd = null;
        if (held !== null) this.#call("close", held);
      },
    };
  }

  rename(from: string, to: string): void {
    this.#moved(from);
    this.#atBoth(from, to, (a, first, b, second) => {
      this.#call("renameat2", a, first, b, second, 0);
    });
  }

  /** Gives a file a second name; fails with EEXIST where something stands. */
  link(from: string, to: string): void {
    this.#atBoth(from, to, (a, first, b, second) => {
      this.#call("linkat", a, first, b, second, 0);
    });
  }

  symlink(target: string, path: string): void {
    this.#at(path, (directory, name) => {
      const { first } = this.#memoryFor(target);
      this.#call("symlinkat", first, directory, this.#memory.second(name));
    });
  }

  makeDirectory(path: string, mode: number): void {
    this.#at(path, (directory, name) => {
      this.#call("mkdirat", directory, this.#memory.first(name), mode);
    });
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
    this.#at(path, (directory, name) => {
      const times = this.#memory.times(mtimeNs);
      this.#call("utimensat", directory, this.#memory.first(name), times, AT_SYMLINK_NOFOLLOW);
    });
  }

  /** Removes a file or link. */
  remove(path: string): void {
    this.#at(path, (directory, name) => {
      this.#call("unlinkat", directory, this.#memory.first(name), 0);
    });
  }

  /** Removes an empty directory. */
  removeDirectory(path: string): void {
    this.#moved(path);
    this.#at(path, (directory, name) => {
      this.#call("unlinkat", directory, this.#memory.first(name), AT_REMOVEDIR);
    });
  }

  #open(path: string, opening: Opening): number {
    const [flags, createMode] = typeof opening === "string"
      ? [OPEN[opening], OWN_MODE]
      : [OPEN.create, opening.createMode];
    const mode = (flags & O_CREAT) === 0 ? 0 : createMode;
    const more = O_NOFOLLOW | O_CLOEXEC | (opening === "path" ? 0 : O_NONBLOCK);
    return this.#resolve(path, flags | more, mode);
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

  /** Does something with the directory that holds a name. */
  #at<T>(path: string, body: (directory: number, name: string) => T): T {
    const cut = path.lastIndexOf("/");
    const name = path.slice(cut + 1);
    if (cut < 0) return body(this.#root, name === "" ? "." : name);
    return body(this.#directory(path.slice(0, cut)), name);
  }

  #atBoth(
    from: string,
    to: string,
    body: (a: number, first: number, b: number, second: number) => void,
  ): void {
    this.#at(from, (a, fromName) =>
      this.#at(to, (b, toName) => {
        body(a, this.#memory.first(fromName), b, this.#memory.second(toName));
      }));
  }

  /** Open until this turn of the loop ends, or until others are used that many times. */
  #directory(path: string): number {
    let fd = this.#kept.get(path);
    if (fd !== undefined) this.#kept.delete(path);
    else {
      if (this.#kept.size === 0) queueMicrotask(() => this.forget());
      else if (this.#kept.size === MOST_KEPT) this.#dropOldest();
      fd = this.#resolve(path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0);
    }
    this.#kept.set(path, fd);
    return fd;
  }

  #dropOldest(): void {
    const [oldest] = this.#kept;
    if (oldest === undefined) return;
    this.#kept.delete(oldest[0]);
    this.#call("close", oldest[1]);
  }

  /** A directory goes, by our own doing: its path leads elsewhere from now on, or nowhere. */
  #moved(path: string): void {
    for (const kept of this.#kept.keys()) {
      if (kept.startsWith(path) && (kept.length === path.length || kept[path.length] === "/")) {
        return this.forget();
      }
    }
  }

  #statOf(fd: number): BigIntStats {
    this.#fillStat(fd);
    return this.#memory.stats();
  }

  #fillStat(fd: number): void {
    const { first, statx } = this.#memoryFor("");
    this.#call("statx", fd, first, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW, STATX_ALL, statx);
  }

  #memoryFor(path: string): { readonly first: number; readonly statx: number } {
    return { first: this.#memory.first(path), statx: this.#memory.statx };
  }

  #with<T>(fd: number, body: (fd: number) => T): T {
    try {
      return body(fd);
    } finally {
      this.#call("close", fd);
    }
  }

  #call(name: keyof CallNumbers, ...values: CallArguments): number {
    return this.#calls.kernel.call(name, ...values);
  }
}

interface Access {
  readonly memory: KernelMemory;
  call(name: keyof CallNumbers, ...values: CallArguments): number;
  look(fd: number): BigIntStats;
  /** Has the kernel tell of a descriptor in the memory. */
  fill(fd: number): void;
}

/** How much of a file the kernel copies at a call. */
const COPY_BYTES = 1 << 30;

class OpenFile implements OpenBeneath {
  readonly #fd: number;
  readonly #access: Access;

  constructor(fd: number, access: Access) {
    this.#fd = fd;
    this.#access = access;
  }

  look(): BigIntStats {
    return this.#access.look(this.#fd);
  }

  lookBy(fd: number): SameOpen | null {
    const { memory, fill } = this.#access;
    fill(this.#fd);
    const own = memory.identity();
    fill(fd);
    return memory.isIdentity(own) ? memory.sameOpen() : null;
  }

  setTime(mtimeNs: bigint): void {
    const { memory, call } = this.#access;
    // Without a path it is the descriptor's own file.
    call("utimensat", this.#fd, 0, memory.times(mtimeNs), 0);
  }

  setMode(mode: number): void {
    this.#access.call("fchmod", this.#fd, mode);
  }

  resize(sizeBytes: number): void {
    this.#access.call("ftruncate", this.#fd, sizeBytes);
  }

  write(bytes: Uint8Array): void {
    const { memory, call } = this.#access;
    for (let done = 0; done < bytes.length;) {
      const filled = memory.fill(bytes.subarray(done));
      done += call("write", this.#fd, memory.data, filled);
    }
  }

  sync({ data }: { readonly data: boolean }): void {
    this.#access.call(data ? "fdatasync" : "fsync", this.#fd);
  }

  copyFrom(other: OpenBeneath): void {
    if (!(other instanceof OpenFile)) throw new TypeError("Cannot copy: it is open elsewhere");
    while (this.#access.call("sendfile", this.#fd, other.#fd, 0, COPY_BYTES) > 0);
  }
}
