// Files without a name, for what does not fit into memory: gone with the process, whatever becomes of it. Only
// where the runtime may write there, in the directory that TMPDIR names or in one of the system's; what cannot
// be written is said, and costs memory only; more than all transfers of a thread may have together is not
// taken from any: their peers say how much there is to keep.

import * as fs from "node:fs";
import { join } from "node:path";
import { toHex } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { SpillFile } from "../base/spill.ts";
import { mayReadBelow, mayWriteBelow } from "./place_permission.ts";
import { env } from "./runtime.ts";
import { readWhole, writeWhole } from "./whole_io.ts";

/** One that somebody else could have made before is not used. */
const FLAGS = fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL;
const OWNER_ONLY = 0o600;
const NAME_BYTES = 8;
/** The first one is on a disk. */
const DIRECTORIES = ["/var/tmp", "/tmp"];

/** What the files of several transfers may hold together. */
export class SpillBudget {
  readonly #mostBytes: number;
  #bytes = 0;

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /** Takes so many bytes for a transfer that has others; throws `busy` where it had more than was left then. */
  take(bytes: number, { held }: { readonly held: number }): void {
    if (held + bytes > this.#mostBytes - this.#bytes - bytes) {
      const found = "too much is put aside for manifests as large";
      throw new SftpxError("busy", `Cannot hold the manifest: ${found}`);
    }
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** Of all transfers of this thread. */
const SHARED = new SpillBudget(LIMITS.spilledBytes);

/** The files of one transfer; they go with it. */
export class SpillFiles implements Disposable {
  readonly #directories: readonly string[];
  readonly #budget: SpillBudget;
  readonly #open: NamelessFile[] = [];
  #heldBytes = 0;
  #isEnded = false;

  /** They are made in the first of `directories` that takes them. */
  constructor(
    directories: readonly string[] = usualDirectories(),
    { budget = SHARED }: { readonly budget?: SpillBudget } = {},
  ) {
    this.#directories = directories;
    this.#budget = budget;
  }

  /** A new one; null where none can be made. */
  readonly make = (): SpillFile | null => {
    if (this.#isEnded) return null;
    for (const directory of this.#directories) {
      const fd = openIn(directory);
      if (fd === null) continue;
      const file = new NamelessFile(fd, (bytes) => this.#grow(bytes));
      this.#open.push(file);
      return file;
    }
    return null;
  };

  [Symbol.dispose](): void {
    this.#isEnded = true;
    for (const file of this.#open.splice(0)) file[Symbol.dispose]();
    this.#budget.give(this.#heldBytes);
    this.#heldBytes = 0;
  }

  #grow(bytes: number): void {
    this.#budget.take(bytes, { held: this.#heldBytes });
    this.#heldBytes += bytes;
  }
}

function usualDirectories(): readonly string[] {
  const chosen = env("TMPDIR") ?? "";
  return chosen === "" ? DIRECTORIES : [chosen];
}

function openIn(directory: string): number | null {
  if (!mayReadBelow(directory) || !mayWriteBelow(directory)) return null;
  // One that a kill leaves in a state is removed with other names of this kind.
  const name = `.sftpx-${toHex(crypto.getRandomValues(new Uint8Array(NAME_BYTES)))}`;
  const path = join(directory, name);
  let fd: number;
  try {
    fd = fs.openSync(path, FLAGS, OWNER_ONLY);
  } catch {
    return null;
  }
  try {
    fs.unlinkSync(path);
    return fd;
  } catch {
    fs.closeSync(fd);
    fs.rmSync(path, { force: true }); // Some systems remove nothing that is open.
    return null;
  }
}

class NamelessFile implements SpillFile, Disposable {
  /** Null once it is closed: the system gives the number to the next file that is opened. */
  #fd: number | null;
  readonly #grow: (bytes: number) => void;
  #endBytes = 0;

  /** `grow` is asked before the file becomes longer; what it throws is thrown. */
  constructor(fd: number, grow: (bytes: number) => void) {
    this.#fd = fd;
    this.#grow = grow;
  }

  write(bytes: Uint8Array, at: number): boolean {
    const fd = this.#fd;
    if (fd === null) return false;
    const more = at + bytes.byteLength - this.#endBytes;
    if (more > 0) {
      this.#grow(more);
      this.#endBytes += more;
    }
    try {
      writeWhole(fd, bytes, at);
      return true;
    } catch {
      return false;
    }
  }

  read(into: Uint8Array, at: number): number {
    const fd = this.#fd;
    if (fd === null) throw new TypeError("the transfer is over");
    return readWhole(fd, into, at);
  }

  [Symbol.dispose](): void {
    const fd = this.#fd;
    this.#fd = null;
    try {
      if (fd !== null) fs.closeSync(fd);
    } catch {
      // What it could not write is of no use any more.
    }
  }
}
