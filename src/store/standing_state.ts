// `.sftpx` in a root as it stands, for dry runs and for telling what can be resumed: nothing is made,
// locked, tidied or changed, and other stores on the root go on undisturbed. A state that is absent, or
// that a transfer would begin anew, remembers what the parts say of themselves.

import * as fs from "node:fs";
import process from "node:process";
import { lookAt } from "./disk.ts";
import { isDamage, osCode, osError } from "../base/os_error.ts";
import type { Interrupted } from "./interrupted.ts";
import { Journal, type JournalReader } from "./journal.ts";
import { salvage } from "./salvage.ts";
import { openState, openStateReadOnly } from "./schema.ts";
import { refusalOf, refuseContents } from "./planted.ts";
import { isLocked, STATE_NAME } from "./state_directory.ts";

const NOTHING: JournalReader = {
  transfer: () => null,
  part: () => null,
  stray: () => null,
  parts: () => [],
  holds: () => false,
  holdsAny: () => false,
  held: () => ({ ranges: [], digests: new Uint8Array(0) }),
  committed: () => null,
  isOwn: () => false,
};

export class StandingState {
  /** Real path of the root; as given where it does not exist. */
  readonly root: string;
  readonly ignoresCase: boolean;
  #journal: Journal | null = null;
  /** The journal was opened as it lay; whoever writes to it now is not seen. */
  #isFixed = false;

  private constructor(root: string, exists: boolean) {
    this.root = root;
    const database = `${this.#path}/state.db`;
    if (lookAt(database) === null) this.ignoresCase = exists && doesIgnoreCase(root);
    else this.ignoresCase = lookAt(`${this.#path}/STATE.DB`) !== null;
  }

  /** Opens the state of a root, both of which may be absent. */
  static open(root: string): StandingState {
    try {
      const exists = isDirectory(root);
      const state = new StandingState(exists ? fs.realpathSync(root) : root, exists);
      state.#refusePlanted();
      return state;
    } catch (thrown) {
      throw osError(thrown, `open the state in "${root}"`);
    }
  }

  get partsDirectory(): string {
    return `${this.#path}/parts`;
  }

  /** Answers as the journal does at the moment of each question. */
  get reader(): JournalReader {
    return {
      transfer: (key) => this.#current.transfer(key),
      part: (key, path) => this.#current.part(key, path),
      stray: (key, path) => this.#current.stray(key, path),
      parts: (key) => this.#current.parts(key),
      holds: (key, path, options) => this.#current.holds(key, path, options),
      holdsAny: (key) => this.#current.holdsAny(key),
      held: (part, chunks) => this.#current.held(part, chunks),
      committed: (path) => this.#current.committed(path),
      isOwn: (path, key) => this.#current.isOwn(path, key),
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
    this.close();
    this.#refusePlanted();
    const opened = lookAt(path) === null ? null : openStateReadOnly(path);
    if (opened === null) return this.#salvage();
    this.#journal = new Journal(opened.database, { readOnly: true });
    this.#isFixed = opened.isFixed;
  }

  /** Looks at the parts as a transfer would that begins the state anew, and keeps it in memory. */
  #salvage(): void {
    this.close();
    if (lookAt(this.partsDirectory) === null) return;
    this.#journal = new Journal(openState(":memory:"));
    this.#isFixed = true;
    salvage(this.#journal, this.partsDirectory);
  }

  /** As a transfer would refuse it; whose it is can be told only where the user has a number. */
  #refusePlanted(): void {
    const stat = lookAt(this.#path);
    if (stat === null) return;
    const refuse = refusalOf(this.#path);
    if (!stat.isDirectory()) refuse("it is not a directory");
    const user = userNumber();
    if (user !== null && stat.uid !== BigInt(user)) refuse("it belongs to another user");
    refuseContents(this.#path, refuse);
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

/** Whether a directory finds one of its names, or its own, spelled in the other case too. */
function doesIgnoreCase(directory: string): boolean {
  const name = fs.readdirSync(directory).find((name) => otherCase(name) !== name);
  const path = name === undefined ? directory : `${directory}/${name}`;
  const cut = path.lastIndexOf("/") + 1;
  const found = lookAt(path.slice(0, cut) + otherCase(path.slice(cut)));
  const stat = lookAt(path);
  return found !== null && stat !== null && found.dev === stat.dev && found.ino === stat.ino &&
    otherCase(path.slice(cut)) !== path.slice(cut);
}

function otherCase(name: string): string {
  const upper = name.toUpperCase();
  return upper === name ? name.toLowerCase() : upper;
}
