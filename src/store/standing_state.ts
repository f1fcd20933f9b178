// `.sftpx` in a root as it stands, for dry runs and for telling what can be resumed: nothing is made,
// locked, tidied or changed, and other stores on the root go on undisturbed. A state that is absent, or
// that a transfer would begin anew, remembers what the parts say of themselves.

import * as fs from "node:fs";
import process from "node:process";
import { DISK, type Disk } from "./disk.ts";
import { isDamage, osCode, osError } from "../base/os_error.ts";
import type { Interrupted } from "./interrupted.ts";
import { Journal, type JournalReader } from "./journal.ts";
import { doesIgnoreCase, mayIgnoreForm, type NameRules, nameRules } from "./names.ts";
import { salvage } from "./salvage.ts";
import { openState, openStateReadOnly } from "./schema.ts";
import { refusalOf, refuseContents } from "./planted.ts";
import { openRootDisk, ownDisk, type RootDisk } from "./root_disk.ts";
import { isLocked } from "./key_locks.ts";
import { STATE_NAME } from "./state_directory.ts";

const NOTHING: JournalReader = {
  transfer: () => null,
  part: () => null,
  stray: () => null,
  holds: () => false,
  holdsAny: () => false,
  held: () => ({ ranges: [], digests: new Uint8Array(0) }),
  committed: () => null,
  isOwn: () => false,
  accounts: {
    chargedBytes: () => null,
    chargedPaths: () => [],
    usedBytes: () => 0,
    heldBytes: () => 0,
  },
};

export class StandingState {
  /** Real path of the root; as given where it does not exist. */
  readonly root: string;
  readonly names: NameRules;
  readonly #held: RootDisk;
  #journal: Journal | null = null;
  /** The journal was opened as it lay; whoever writes to it now is not seen. */
  #isFixed = false;

  private constructor(root: string, { exists, held }: {
    readonly exists: boolean;
    readonly held: RootDisk;
  }) {
    this.root = root;
    this.#held = held;
    const database = `${this.#path}/state.db`;
    const ignoresCase = this.disk.look(database) === null
      ? exists && doesIgnoreCase(root)
      : this.disk.look(`${this.#path}/STATE.DB`) !== null;
    this.names = nameRules({ ignoresCase, ignoresForm: mayIgnoreForm });
  }

  /** Opens the state of a root, both of which may be absent. */
  static open(root: string): StandingState {
    try {
      const exists = isDirectory(root);
      const real = exists ? fs.realpathSync(root) : root;
      return StandingState.#hold(real, { exists });
    } catch (thrown) {
      throw osError(thrown, `open the state in "${root}"`, { scope: root });
    }
  }

  static #hold(real: string, { exists }: { readonly exists: boolean }): StandingState {
    const held = exists ? openRootDisk(real, { readOnly: true }) : ownDisk(DISK);
    try {
      const state = new StandingState(real, { exists, held });
      state.#refusePlanted();
      return state;
    } catch (thrown) {
      held[Symbol.dispose]();
      throw thrown;
    }
  }

  get partsDirectory(): string {
    return `${this.#path}/parts`;
  }

  /** What the root is looked at through. */
  get disk(): Disk {
    return this.#held.disk;
  }

  /** Answers as the journal does at the moment of each question. */
  get reader(): JournalReader {
    return {
      transfer: (key) => this.#current.transfer(key),
      part: (key, path) => this.#current.part(key, path),
      stray: (key, path) => this.#current.stray(key, path),
      holds: (key, path, options) => this.#current.holds(key, path, options),
      holdsAny: (key) => this.#current.holdsAny(key),
      held: (part, chunks) => this.#current.held(part, chunks),
      committed: (path) => this.#current.committed(path),
      isOwn: (path, key) => this.#current.isOwn(path, key),
      accounts: {
        chargedBytes: (path, account) => this.#current.accounts.chargedBytes(path, account),
        chargedPaths: (account, page) => this.#current.accounts.chargedPaths(account, page),
        usedBytes: (account) => this.#current.accounts.usedBytes(account),
        heldBytes: (key) => this.#current.accounts.heldBytes(key),
      },
    };
  }

  interrupted(): Interrupted[] {
    this.#open();
    try {
      return this.#journal?.interrupted() ?? [];
    } catch (thrown) {
      if (!isDamage(thrown)) throw thrown;
      this.#salvage();
      return this.#journal?.interrupted() ?? [];
    }
  }

  isLocked(key: Uint8Array): boolean {
    try {
      return isLocked(this.#path, key);
    } catch {
      // What may not even be opened cannot be asked; a transfer that runs says so itself.
      return false;
    }
  }

  close(): void {
    this.#drop();
    this.#held[Symbol.dispose]();
  }

  #drop(): void {
    this.#journal?.close();
    this.#journal = null;
  }

  get #path(): string {
    return this.root.endsWith("/") ? this.root + STATE_NAME : `${this.root}/${STATE_NAME}`;
  }

  get #current(): JournalReader {
    this.#open();
    return this.#journal ?? NOTHING;
  }

  /** Opens the journal when there is one, and again when another process has begun to write to it. */
  #open(): void {
    const path = `${this.#path}/state.db`;
    if (this.#journal !== null && !(this.#isFixed && fs.existsSync(`${path}-wal`))) return;
    this.#drop();
    this.#refusePlanted();
    const opened = this.disk.look(path) === null ? null : openStateReadOnly(path);
    if (opened === null) return this.#salvage();
    this.#journal = new Journal(opened.database, { readOnly: true });
    this.#isFixed = opened.isFixed;
  }

  /** Looks at the parts as a transfer would that begins the state anew, and keeps it in memory. */
  #salvage(): void {
    this.#drop();
    if (this.disk.look(this.partsDirectory) === null) return;
    this.#journal = new Journal(openState(":memory:"));
    this.#isFixed = true;
    salvage(this.#journal, { partsDirectory: this.partsDirectory, disk: this.disk });
  }

  /** As a transfer would refuse it; whose it is can be told only where the user has a number. */
  #refusePlanted(): void {
    const stat = this.disk.look(this.#path);
    if (stat === null) return;
    const refuse = refusalOf(this.#path);
    if (!stat.isDirectory()) refuse("it is not a directory");
    const user = userNumber();
    if (user !== null && stat.uid !== BigInt(user)) refuse("it belongs to another user");
    refuseContents(this.#path, { refuse, disk: this.disk });
  }
}

function isDirectory(root: string): boolean {
  try {
    if (fs.statSync(root).isDirectory()) return true;
  } catch (thrown) {
    if (osCode(thrown) === "ENOENT") return false;
    throw thrown;
  }
  throw Object.assign(new Error("not a directory"), { code: "EEXIST" });
}

/** Null where the runtime has none, or may not say (`--allow-sys`). */
function userNumber(): number | null {
  try {
    return process.getuid?.() ?? null;
  } catch {
    return null;
  }
}
