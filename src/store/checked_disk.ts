// The disk of a root that cannot be held open: paths alone, and what they can be asked. After each change
// the directory that was changed must still be the one that its path says, else the change is taken back
// as far as it can be and the entry fails; and what was seen elsewhere is not told. Between a look and the
// call that follows, somebody who can write in the root can still swap a directory for a link: SECURITY
// says what that comes to. Asking where a directory is costs as much as the change itself: what a commit
// has found out once it goes by.

import type * as fs from "node:fs";
import { dirname } from "node:path";
import { isRealPath } from "../runtime/real_path.ts";
import { DISK, type Disk, type Finish, type Listed, type MakeDirectory } from "./disk.ts";

export class CheckedDisk implements Disk {
  readonly #root: string;
  readonly #disk: Disk;
  /** What `finish` found to lie where its path says, to be told from whatever lies there at a rename. */
  #finished: { readonly path: string; readonly stat: fs.BigIntStats } | null = null;

  /** `root` is a real path; `disk` is told apart in tests only. */
  constructor(root: string, disk: Disk = DISK) {
    this.#root = root;
    this.#disk = disk;
  }

  syncFile = DISK.syncFile;
  syncDirectory = DISK.syncDirectory;

  look(path: string): fs.BigIntStats | null {
    const stat = this.#disk.look(path);
    // What is not there tells nothing of where it is not.
    if (stat !== null) this.#expect(path);
    return stat;
  }

  list(path: string): readonly Listed[] {
    const names = this.#disk.list(path);
    if (!isRealPath(path)) throw linked();
    return names;
  }

  readLink(path: string): string {
    const target = this.#disk.readLink(path);
    this.#expect(path);
    return target;
  }

  /** Nothing is set before the way is known to be real: what is set cannot be taken back. */
  finish(path: string, finish: Finish): boolean {
    const stat = this.#lookExpecting(path);
    const isFinished = this.#disk.finish(path, finish);
    this.#finished = isFinished && stat !== null ? { path, stat } : null;
    return isFinished;
  }

  createEmpty(path: string): void {
    this.#made(path, () => this.#disk.createEmpty(path));
  }

  write(path: string, bytes: Uint8Array): void {
    this.#made(path, () => this.#disk.write(path, bytes));
  }

  append(path: string, bytes: Uint8Array): void {
    this.#expect(path);
    this.#disk.append(path, bytes);
  }

  resize(path: string, sizeBytes: number): void {
    this.#expect(path);
    this.#disk.resize(path, sizeBytes);
  }

  probe(path: string, mode?: number): fs.BigIntStats {
    return this.#disk.probe(path, mode);
  }

  copy(from: string, to: string): void {
    this.#expect(from);
    this.#made(to, () => this.#disk.copy(from, to));
  }

  rename(from: string, to: string): fs.BigIntStats {
    const moved = this.#finishedAt(from) ?? this.#lookExpecting(from);
    this.#expect(to);
    this.#disk.rename(from, to);
    const placed = this.#disk.look(to);
    if (this.#isReal(to) && isSameFile(placed, moved)) return placed;
    attempt(() => this.#isSame(to, moved) && this.#disk.rename(to, from));
    throw linked();
  }

  link(from: string, to: string): void {
    this.#expect(from);
    this.#made(to, () => this.#disk.link(from, to));
  }

  symlink(target: string, path: string): void {
    this.#made(path, () => this.#disk.symlink(target, path));
  }

  makeDirectory(path: string, options: MakeDirectory = {}): void {
    if (options.recursive) {
      // Several names at once: what stood there is not told from what was made.
      this.#disk.makeDirectory(path, options);
      return this.#expect(path);
    }
    this.#expect(path);
    this.#disk.makeDirectory(path, options);
    if (this.#isReal(path) && this.#disk.look(path) !== null) return;
    attempt(() => this.#disk.removeDirectory(path));
    throw linked();
  }

  setMode(path: string, mode: number): void {
    this.#expect(path);
    this.#disk.setMode(path, mode);
  }

  setTime(path: string, mtimeNs: bigint): void {
    this.#expect(path);
    this.#disk.setTime(path, mtimeNs);
  }

  remove(path: string): void {
    if (this.#disk.look(path) === null) return;
    this.#expect(path);
    this.#disk.remove(path);
  }

  removeDirectory(path: string): void {
    if (this.#disk.look(path) !== null) this.#expect(path);
    this.#disk.removeDirectory(path);
  }

  removeTree(path: string): void {
    if (this.#disk.look(path) === null) return;
    this.#expect(path);
    this.#disk.removeTree(path);
  }

  /** Makes something that can be removed again where it came elsewhere. */
  #made(path: string, make: () => void): void {
    this.#expect(path);
    make();
    const made = this.#disk.look(path);
    if (made !== null && this.#isReal(path) && this.#isSame(path, made)) return;
    attempt(() => this.#isSame(path, made) && this.#disk.remove(path));
    throw linked();
  }

  #isSame(path: string, known: fs.BigIntStats | null): boolean {
    return isSameFile(this.#disk.look(path), known);
  }

  /** What was finished last, if it is this: wherever the path leads by now, that file lay beneath the root. */
  #finishedAt(path: string): fs.BigIntStats | null {
    const finished = this.#finished;
    this.#finished = null;
    if (finished?.path !== path) return null;
    return this.#isSame(path, finished.stat) ? finished.stat : null;
  }

  /** What stands at a path, whose directory is then where its path says. */
  #lookExpecting(path: string): fs.BigIntStats | null {
    const stat = this.#disk.look(path);
    this.#expect(path);
    return stat;
  }

  /** Throws as a call that follows no link would. */
  #expect(path: string): void {
    if (!this.#isReal(path)) throw linked();
  }

  /** Whether the directory that a path lies in is where its path says. */
  #isReal(path: string): boolean {
    return path === this.#root || isRealPath(dirname(path));
  }
}

function isSameFile(
  one: fs.BigIntStats | null,
  other: fs.BigIntStats | null,
): one is fs.BigIntStats {
  return one !== null && other !== null && one.dev === other.dev && one.ino === other.ino;
}

function linked(): Error {
  return Object.assign(new Error("ELOOP: a directory became a link"), { code: "ELOOP" });
}

function attempt(undo: () => void): void {
  try {
    undo();
  } catch {
    // It cannot be taken back; the entry fails all the same.
  }
}
