// `.sftpx` in a root: made, shared with other processes, tidied and removed. Whoever uses it holds
// its lock shared; whoever gets the lock alone may check, sweep and remove what is in it.

import * as fs from "node:fs";
import { toHex } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { FileLock } from "../runtime/database.ts";
import { lookAt } from "./disk.ts";
import { besideOf } from "./commit.ts";
import { osCode, osError } from "../base/os_error.ts";
import { type Interrupted, Journal, type JournalReader } from "./journal.ts";
import { sweepParts } from "./parts.ts";
import { openState } from "./schema.ts";

export const STATE_NAME = ".sftpx";
/** How long another process may tidy before this one gives up. */
const TIDY_WAIT_MS = 5000;
/** Less than a state takes when it is new. */
const STATE_BYTES = 128 * 1024;
/** A race with a process that removes the directory is lost at most this often. */
const OPEN_ATTEMPTS = 16;

export class StateDirectory {
  /** Real path of the root. */
  readonly root: string;
  readonly journal: Journal;
  /** Whether two names that differ in case only are one file here. */
  readonly ignoresCase: boolean;
  readonly #path: string;
  readonly #lock: FileLock;

  private constructor(root: string, path: string, lock: FileLock) {
    this.root = root;
    this.#path = path;
    this.#lock = lock;
    this.journal = new Journal(openState(`${path}/state.db`, false));
    this.ignoresCase = lookAt(`${path}/STATE.DB`) !== null;
  }

  /** Opens the state of a root; makes both if need be. */
  static open(root: string): StateDirectory {
    try {
      fs.mkdirSync(root, { recursive: true });
      const real = fs.realpathSync(root);
      for (let attempt = 0; attempt < OPEN_ATTEMPTS; attempt++) {
        const state = StateDirectory.#tryOpen(real);
        if (state !== null) return state;
      }
    } catch (thrown) {
      const attempted = `open the state in "${root}"`;
      const error = osError(thrown, attempted);
      if (error.code !== "io" || hasRoom(root)) throw error;
      throw new SftpxError("no_space", `Cannot ${attempted}: the disk is full`, { cause: thrown });
    }
    throw new SftpxError("busy", `Cannot open the state in "${root}": others keep removing it`);
  }

  /** The journal as a dry run reads it. */
  get reader(): JournalReader {
    return this.journal;
  }

  interrupted(): Interrupted[] {
    return this.journal.interrupted();
  }

  /** Absolute path of the directory that parts lie under. */
  get partsDirectory(): string {
    return `${this.#path}/parts`;
  }

  /** Locks a resume key among all processes, until it is discarded. `busy` when it is taken. */
  lock(key: Uint8Array): FileLock {
    fs.mkdirSync(`${this.#path}/locks`, { recursive: true, mode: 0o700 });
    const lock = FileLock.alone(`${this.#path}/locks/${toHex(key)}`);
    if (lock !== null) return lock;
    throw new SftpxError("busy", "Cannot begin the transfer: another process is receiving it");
  }

  /** Whether some process receives a transfer of this key. */
  isLocked(key: Uint8Array): boolean {
    return isLocked(this.#path, key);
  }

  /** Closes it. Without `keep` the directory goes too, unless something can be resumed. */
  close(options: { readonly keep: boolean }): void {
    try {
      this.journal.close();
      this.#lock.release();
      if (this.#lock.tryExclusive() && this.#lock.isCurrent) {
        const isResumable = tidy(this.#path);
        if (!isResumable && !options.keep) this.#remove();
      }
    } catch (thrown) {
      throw osError(thrown, "close the state");
    } finally {
      this.#lock.close();
    }
  }

  /** In one step, so that whoever opens it next finds all of it or nothing. */
  #remove(): void {
    const beside = besideOf(this.#path);
    fs.renameSync(this.#path, beside);
    fs.rmSync(beside, { recursive: true, force: true });
  }

  /** Null when another process removed the directory meanwhile. */
  static #tryOpen(root: string): StateDirectory | null {
    const path = `${root}/${STATE_NAME}`;
    const lock = openLock(path);
    if (lock === null) return null;
    try {
      // SQLite cannot turn an exclusive lock into a shared one, so tidying is a turn of its own.
      if (lock.tryExclusive() && lock.isCurrent) tidy(path);
      if (lock.tryShared(TIDY_WAIT_MS) && lock.isCurrent) {
        return new StateDirectory(root, path, lock);
      }
    } catch (thrown) {
      lock.close();
      throw thrown;
    }
    const wasRemoved = !lock.isCurrent;
    lock.close();
    if (wasRemoved) return null;
    throw new SftpxError("busy", `Cannot use "${path}": another process is tidying it`);
  }
}

/** Whether the lock of a resume key is held by anyone. */
export function isLocked(state: string, key: Uint8Array): boolean {
  const path = `${state}/locks/${toHex(key)}`;
  if (lookAt(path) === null) return false;
  const lock = new FileLock(path);
  try {
    return !lock.tryShared() && lock.isCurrent;
  } finally {
    lock.close();
  }
}

/** What stands in a state and is used by name, and of which kind it must be. */
const CONTENTS: Readonly<Record<string, "directory" | "file">> = {
  "parts": "directory",
  "locks": "directory",
  "lock": "file",
  "lock-journal": "file",
  "lock-wal": "file",
  "lock-shm": "file",
  "state.db": "file",
  "state.db-wal": "file",
  "state.db-shm": "file",
  "state.db-journal": "file",
};

/**
 * Refuses a state that somebody else made or may change, and one whose contents lead elsewhere: its
 * rows and names decide what is written, resumed and removed.
 */
function refusePlanted(path: string): void {
  const stat = lookAt(path);
  if (stat === null) return;
  const refuse = refusalOf(path);
  if (!stat.isDirectory()) refuse("it is not a directory");
  // What a directory of ours looks like here: the user needs no name (`--allow-sys`), and a file
  // system without modes shows the same for both. Beside it: another process may be removing it.
  const probe = besideOf(path);
  fs.mkdirSync(probe, { mode: 0o700 });
  const ours = lookAt(probe);
  fs.rmdirSync(probe);
  if (ours !== null && ours.uid !== stat.uid) refuse("it belongs to another user");
  if (ours !== null && (stat.mode & ~ours.mode & 0o022n) !== 0n) refuse("others may write to it");
  refuseContents(path, refuse);
}

/** What refuses a state: the user is to look at it, and remove it. */
export function refusalOf(path: string): (found: string) => void {
  return (found) => {
    throw new SftpxError("conflict", `Cannot use "${path}": ${found}; remove it and try again`);
  };
}

/** Refuses a state with something in it that leads elsewhere. */
export function refuseContents(path: string, refuse: (found: string) => void): void {
  for (const [name, kind] of Object.entries(CONTENTS)) {
    const found = lookAt(`${path}/${name}`);
    if (found === null) continue;
    if (kind === "directory" ? !found.isDirectory() : !found.isFile()) {
      refuse(`"${name}" in it is not a ${kind}`);
    }
  }
}

/** Makes the directory and opens its lock; null when it was removed in between. */
function openLock(path: string): FileLock | null {
  try {
    if (lookAt(path) === null) fs.mkdirSync(path, { recursive: true, mode: 0o700 });
    refusePlanted(path);
    return new FileLock(`${path}/lock`);
  } catch (thrown) {
    if (thrown instanceof SftpxError || lookAt(`${path}/lock`) !== null) throw thrown;
    if (osCode(thrown) === "ENOENT" || osCode(thrown) === "ERR_SQLITE_ERROR") return null;
    throw thrown;
  }
}

/** Whether a new state fits: SQLite does not say of every error that a full disk is its cause. */
function hasRoom(root: string): boolean {
  try {
    const { bavail, bsize } = fs.statfsSync(root, { bigint: true });
    return bavail * bsize >= STATE_BYTES;
  } catch {
    return true; // Nothing is known: the error stays as it is.
  }
}

/** Drops damaged state and parts without a row; answers whether something can be resumed. */
function tidy(path: string): boolean {
  const journal = new Journal(openState(`${path}/state.db`, true));
  try {
    sweepParts(`${path}/parts`, journal.partNames());
    fs.rmSync(`${path}/locks`, { recursive: true, force: true });
    return journal.hasResumable;
  } finally {
    journal.close();
  }
}
