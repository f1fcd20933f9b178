// Opens parts to be written. A part lies in directories that somebody may swap for links while a transfer
// runs: what is opened by its path must be the very file that lies beneath the root (I5), or nothing is
// written. Where the root can be held open the kernel says which file that is; elsewhere the path is
// looked at again once the file is open.

import * as fs from "node:fs";
import { dirname } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { Beneath, BENEATH_NAME, mayHold } from "../runtime/beneath.ts";
import { KernelCalls } from "../runtime/kernel_memory.ts";
import { isRealPath } from "../runtime/real_path.ts";
import {
  isSameOpen,
  isSameStat,
  type OpenedPart,
  PART_FLAGS,
  PART_MODE,
  systemCode,
} from "./files.ts";

/** What of a part's path is below its root (FORMAT, "Where things lie"). */
const STATE_PART = "/.sftpx/parts/";

export class PartFiles implements Disposable {
  readonly #calls: KernelCalls | null;
  /** The last root asked for, and whether it may be held. */
  #known: { readonly root: string; readonly isHeld: boolean } | null = null;
  /** Roots that are open for the frame that is being written. */
  readonly #held = new Map<string, Beneath>();

  readonly #openPath: (path: string) => number;

  /** `without` may name `openat2`, to leave it out; what opens a path is replaced in tests. */
  constructor(
    { without = [], openPath = openStanding }: {
      readonly without?: readonly string[];
      readonly openPath?: (path: string) => number;
    } = {},
  ) {
    this.#openPath = openPath;
    this.#calls = without.includes(BENEATH_NAME) ? null : KernelCalls.open();
  }

  /** Opens it by `node:fs` for reading and writing; the part is made when it is absent. */
  open(path: string, isNew: boolean): OpenedPart {
    const held = this.#heldOf(path);
    if (held === null) return openChecked(path, isNew);
    // It stays open while it is compared: its inode is nobody else's meanwhile.
    return held.root.use(held.below, "part", (part) => {
      const fd = this.#openPath(path);
      const found = part.lookBy(fd);
      if (found !== null) return { fd, ...found };
      fs.closeSync(fd);
      throw swapped();
    });
  }

  /**
   * Beneath the held root alone, three calls where `open` takes eight and `node:fs` looks at every
   * directory of the path: of a small file that was most of what landing it cost. What is made must not be
   * there, so that it is a file, and an empty one.
   */
  put(path: string, bytes: Uint8Array): boolean {
    const held = this.#heldOf(path);
    if (held === null) return false;
    try {
      held.root.use(held.below, "create", (part) => part.write(bytes));
      return true;
    } catch (thrown) {
      if (systemCode(thrown) !== "EEXIST") throw thrown;
      return false; // Its chunk comes once more.
    }
  }

  /**
   * Lets go of the roots that were opened since the last time. Until then one that another directory took
   * the place of stays the one that is held: its path leads to no part of it, so that none is opened, and
   * what is put lies where the store, which holds it too, looks for it.
   */
  release(): void {
    for (const beneath of this.#held.values()) beneath[Symbol.dispose]();
    this.#held.clear();
  }

  [Symbol.dispose](): void {
    this.release();
    this.#calls?.[Symbol.dispose]();
  }

  /** What a part is reached through, and its path below it; null where it is opened by its path. */
  #heldOf(path: string): { readonly root: Beneath; readonly below: string } | null {
    const cut = path.lastIndexOf(STATE_PART);
    const root = cut < 0 ? dirname(path) : path.slice(0, cut) || "/";
    const calls = this.#callsFor(root);
    if (calls === null) return null;
    const below = path.slice(root.endsWith("/") ? root.length : root.length + 1);
    return { root: this.#hold(root, calls), below };
  }

  #hold(root: string, calls: KernelCalls): Beneath {
    const held = this.#held.get(root);
    if (held !== undefined) return held;
    const opened = Beneath.through(calls, root);
    this.#held.set(root, opened);
    return opened;
  }

  #callsFor(root: string): KernelCalls | null {
    if (this.#known?.root !== root) this.#known = { root, isHeld: mayHold(root, "write") };
    return this.#known.isHeld ? this.#calls : null;
  }
}

function openStanding(path: string): number {
  return fs.openSync(path, PART_FLAGS);
}

/** Opens a part by its path; what it is and where it lies is looked at afterwards. */
function openChecked(path: string, isNew: boolean): OpenedPart {
  const [fd, isMade] = isNew ? makeOrOpen(path) : openOrMake(path);
  const stat = fs.fstatSync(fd, { bigint: true });
  const opened = { fd, sizeBytes: Number(stat.size), isFile: stat.isFile() };
  // Twice: a link that is put there and taken away again had to be timed four times.
  if (isWhere(stat, path) && isWhere(stat, path)) return opened;
  if (isMade) removeMade(fd, path);
  fs.closeSync(fd);
  throw swapped();
}

function makeOrOpen(path: string): readonly [fd: number, isMade: boolean] {
  try {
    return [makePart(path), true];
  } catch (thrown) {
    if (systemCode(thrown) !== "EEXIST") throw thrown;
  }
  return [openStanding(path), false];
}

function openOrMake(path: string): readonly [fd: number, isMade: boolean] {
  try {
    return [openStanding(path), false];
  } catch (thrown) {
    if (systemCode(thrown) !== "ENOENT") throw thrown;
  }
  // Another worker, with another chunk of the same file, may have made it meanwhile.
  return makeOrOpen(path);
}

function makePart(path: string): number {
  const { O_CREAT, O_EXCL } = fs.constants;
  return fs.openSync(path, PART_FLAGS | O_CREAT | O_EXCL, PART_MODE);
}

/** Whether a path leads to what was opened, without a link. */
function isWhere(opened: fs.BigIntStats, path: string): boolean {
  const stat = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stat !== undefined && isSameStat(opened, stat) && isRealPath(dirname(path));
}

/** Takes back what was made elsewhere, if its path still leads there. */
function removeMade(fd: number, path: string): void {
  try {
    const stat = fs.lstatSync(path, { bigint: true });
    if (isSameOpen(fd, stat)) fs.unlinkSync(path);
  } catch {
    // An empty file stays behind; nothing was written to it.
  }
}

function swapped(): SftpxError {
  return new SftpxError("conflict", "Cannot write chunk: a link took the place of a directory");
}
