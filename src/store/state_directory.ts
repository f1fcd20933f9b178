// `.sftpx` in a root: made, shared with other processes, tidied and removed. Whoever uses it holds
// its lock shared; whoever gets the lock alone may check, sweep and remove what is in it.

import * as fs from "node:fs";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { FileLock } from "../runtime/database.ts";
import { BrokenOff } from "./broken_off.ts";
import { type Claimant, Hold } from "./claims.ts";
import { DISK, type Disk, lookAt } from "./disk.ts";
import { besideOf } from "./commit.ts";
import { isDiskFailure, osError } from "../base/os_error.ts";
import type { Interrupted } from "./interrupted.ts";
import { Journal, type JournalReader } from "./journal.ts";
import { isLocked, lockKey } from "./key_locks.ts";
import { maskAt } from "./modes.ts";
import { doesIgnoreForm, type NameRules, nameRules } from "./names.ts";
import { type KnownRoot, openRootDisk, ownDisk, refuseOther, type RootDisk } from "./root_disk.ts";
import {
  hasRoom,
  makeRoot,
  openLock,
  removeEmptyState,
  removeLeftovers,
  removeState,
  unmake,
} from "./root_files.ts";
import { openState } from "./schema.ts";
import { Sweep } from "./sweep.ts";
import { DAMAGED_NAME, tidy } from "./tidy.ts";
import { troubleAt } from "./trouble.ts";

export const STATE_NAME = ".sftpx";
/** How long another process may tidy before this one gives up. */
const TIDY_WAIT_MS = 5000;
/** How long removing what dead processes left may hold up an opening, and a closing. */
const OPEN_SWEEP_MS = 50;
const CLOSE_SWEEP_MS = 500;
/** A race with a process that removes the directory is lost at most this often. */
const OPEN_ATTEMPTS = 16;

export interface StateOptions {
  /** What was last journalled longer ago is forgotten. */
  readonly keepForMs?: number;
  readonly disk?: Disk;
  /** The clock; the system's by default. */
  readonly nowMs?: () => number;
  /** The root was open before: it is not made, and no other one is opened. */
  readonly known?: KnownRoot | undefined;
}

/** With the disk that is given back when the state is closed. */
interface OpenOptions extends Required<StateOptions> {
  readonly held: RootDisk;
}

export class StateDirectory {
  /** Real path of the root. */
  readonly root: string;
  readonly journal: Journal;
  readonly names: NameRules;
  readonly #path: string;
  readonly #lock: FileLock;
  readonly #options: OpenOptions;
  readonly #claims: Omit<ConstructorParameters<typeof Hold>[2], "isLocked">;
  readonly #sweep: Sweep;
  readonly #brokenOff: BrokenOff;
  /** Leftovers beside the state are to be removed at the end. */
  #cleansRoot = false;

  private constructor(root: string, path: string, from: {
    readonly lock: FileLock;
    readonly deadRuns: readonly string[];
    readonly options: OpenOptions;
  }) {
    this.root = root;
    this.#path = path;
    this.#lock = from.lock;
    this.#options = from.options;
    const database = openState(`${path}/state.db`);
    this.journal = new Journal(database);
    const ignoresCase = lookAt(`${path}/STATE.DB`) !== null;
    const ignoresForm = () => doesIgnoreForm(path, from.options.disk);
    this.names = nameRules({ ignoresCase, ignoresForm });
    this.#claims = { database, ignoresCase };
    const { partsDirectory, journal } = this;
    const { disk, keepForMs, nowMs } = from.options;
    const sweep = new Sweep(from.deadRuns, { partsDirectory, journal, disk });
    this.#sweep = sweep;
    this.#brokenOff = new BrokenOff({
      ...{ state: path, partsDirectory, journal, disk, keepForMs, nowMs },
      doom: (names) => sweep.doom(names),
      sweep: (forMs) => this.sweep(forMs),
    });
  }

  /** Opens the state of a root; makes both if need be. */
  static open(root: string, options: StateOptions = {}): StateDirectory {
    const { keepForMs = LIMITS.keepForMs, disk = DISK, nowMs = Date.now, known } = options;
    try {
      if (known === undefined) makeRoot(root, disk);
      const real = fs.realpathSync(root);
      const held = options.disk === undefined ? openRootDisk(real) : ownDisk(disk);
      const state = StateDirectory.#open(real, { keepForMs, disk: held.disk, nowMs, held, known });
      if (state !== null) return state;
    } catch (thrown) {
      const attempted = `open the state in "${root}"`;
      const trouble = isDiskFailure(thrown) ? troubleAt(besideOf(`${root}/`), disk) : null;
      const error = osError(trouble ?? thrown, attempted, { scope: root });
      if (error.code !== "io" || hasRoom(root)) throw error;
      throw new SftpxError("no_space", `Cannot ${attempted}: the disk is full`, { cause: thrown });
    }
    throw new SftpxError("busy", `Cannot open the state in "${root}": others keep removing it`);
  }

  /** The root has no name any more: what is done in it is lost. */
  get isRemoved(): boolean {
    return this.#options.held.isRemoved;
  }

  /** What the root is used through. */
  get disk(): Disk {
    return this.#options.disk;
  }

  /** The clock. */
  get nowMs(): () => number {
    return this.#options.nowMs;
  }

  /** The process's file mask, as a file made here shows it where nothing else tells. */
  get mask(): number {
    return maskAt(besideOf(`${this.#path}/`), { disk: this.#options.disk });
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
  hold(claimant: Claimant): Hold {
    const lock = lockKey(this.#path, claimant.key, this.#options.disk);
    if (lock === null) {
      throw new SftpxError("busy", "Cannot begin the transfer: another process is receiving it");
    }
    return new Hold(lock, claimant, { ...this.#claims, isLocked: (key) => this.isLocked(key) });
  }

  /** Whether some process receives a transfer of this key. */
  isLocked(key: Uint8Array): boolean {
    return isLocked(this.#path, key);
  }

  /** Goes on removing what dead processes left, for a moment, or to its end. */
  sweep(forMs: number): void {
    try {
      this.#sweep.go(forMs);
    } catch {
      // What cannot be removed now is found again at the next opening.
    }
  }

  /** Forgets what was last journalled too long ago. */
  expire(): void {
    this.#brokenOff.expire();
  }

  /** Makes room for one more transfer of a peer, should so many have broken off already. */
  forgetCrowd(claimant: Pick<Claimant, "peer" | "key">): void {
    this.#brokenOff.forgetCrowd(claimant);
  }

  /**
   * Forgets what broke off before a moment, null for all of it, and answers it. What other processes left
   * beside the state goes when it is closed.
   */
  clean(beforeNs: bigint | null): Interrupted[] {
    this.#cleansRoot = true;
    const gone = this.#brokenOff.forgetBefore(beforeNs);
    this.sweep(Infinity);
    return gone;
  }

  /** Notes that the state is damaged: whoever is alone with it next drops it. */
  markDamaged(): void {
    try {
      this.#options.disk.append(`${this.#path}/${DAMAGED_NAME}`, new Uint8Array());
    } catch {
      // Whoever meets the damage next finds it again.
    }
  }

  /**
   * Closes it. Without `keep` the directory goes too, unless something can be resumed; cleaned up, also
   * with it, unless it remembers anything at all.
   */
  close(options: { readonly keep: boolean }): void {
    const { disk, nowMs } = this.#options;
    try {
      if (options.keep || this.#isResumable()) this.sweep(CLOSE_SWEEP_MS);
      this.journal.close();
      this.#lock.release();
      if (this.#lock.tryExclusive() && this.#lock.isCurrent) {
        const { isResumable, isEmpty } = tidy(this.#path, { root: this.root, disk, isLast: true });
        if (this.#cleansRoot) removeLeftovers(this.root, { disk, nowMs });
        const goes = options.keep ? this.#cleansRoot && isEmpty : !isResumable;
        if (goes) removeState(this.#path, disk);
      }
    } catch (thrown) {
      throw osError(thrown, "close the state");
    } finally {
      this.#lock.close();
      this.#options.held[Symbol.dispose]();
    }
  }

  /** A failure here is not worth not opening for: whoever uses the state meets it again. */
  #begin(): void {
    try {
      this.expire();
    } catch {
      return;
    }
    this.sweep(OPEN_SWEEP_MS);
  }

  #isResumable(): boolean {
    try {
      return this.journal.hasResumable;
    } catch {
      return true;
    }
  }

  /** Null where others keep removing it; then, as where it fails, nothing is held. */
  static #open(root: string, options: OpenOptions): StateDirectory | null {
    const { known } = options;
    let opened: StateDirectory | null = null;
    try {
      if (known !== undefined) refuseOther(root, { disk: options.disk, known });
      for (let attempt = 0; attempt < OPEN_ATTEMPTS && opened === null; attempt++) {
        opened = StateDirectory.#tryOpen(root, options);
      }
      if (opened !== null) opened.#begin();
      return opened;
    } finally {
      if (opened === null) options.held[Symbol.dispose]();
    }
  }

  /** Null when another process removed the directory meanwhile. */
  static #tryOpen(root: string, options: OpenOptions): StateDirectory | null {
    const path = `${root}/${STATE_NAME}`;
    const isMade = options.disk.look(path) === null;
    let lock: FileLock | null;
    try {
      lock = openLock(path, options.disk);
    } catch (thrown) {
      if (isMade) removeEmptyState(path, options.disk);
      throw thrown;
    }
    if (lock === null) return null;
    try {
      let deadRuns: readonly string[] = [];
      // SQLite cannot turn an exclusive lock into a shared one, so tidying is a turn of its own.
      if (lock.tryExclusive() && lock.isCurrent) {
        deadRuns = tidy(path, { root, ...options }).deadRuns;
      }
      if (lock.tryShared(TIDY_WAIT_MS) && lock.isCurrent) {
        return new StateDirectory(root, path, { lock, deadRuns, options });
      }
    } catch (thrown) {
      if (isMade) unmake(path, lock, options.disk);
      lock.close();
      throw thrown;
    }
    const wasRemoved = !lock.isCurrent;
    lock.close();
    if (wasRemoved) return null;
    throw new SftpxError("busy", `Cannot use "${path}": another process is tidying it`);
  }
}
