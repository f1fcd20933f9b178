// The state of a root while a store is open: where it was found to be damaged, who is alone with it begins
// it anew; where its root was removed and made again, the new one is taken up. What is done with it goes
// through `attempt`, so that damage is noticed whoever meets it, and every failure is told in words that
// are no secret of this machine.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { isDamage, isDiskFailure, osCode, osError } from "../base/os_error.ts";
import { besideOf } from "./commit.ts";
import { DISK, lookAt } from "./disk.ts";
import type { KnownRoot } from "./root_disk.ts";
import { StandingState } from "./standing_state.ts";
import { StateDirectory, type StateOptions } from "./state_directory.ts";
import type { Steps } from "./steps.ts";
import { troubleAt } from "./trouble.ts";

export interface RootStateOptions extends StateOptions {
  readonly root: string;
  /** Dry transfers and `resumable` only. */
  readonly readOnly?: boolean;
}

export class RootState {
  readonly #options: RootStateOptions;
  /** Null after one was closed that is of no use any more, until another is opened. */
  #state: StateDirectory | StandingState | null;
  /** What the root is known by, once it is open to be written to. */
  #known: KnownRoot | undefined;
  #closedFor = "";
  /** It was found to be damaged: it is begun anew as soon as nothing runs on it. */
  #isDamaged = false;

  /** Opens it at once; what is thrown then names the root. */
  constructor(options: RootStateOptions) {
    this.#options = options;
    const state = this.#state = openAt(options);
    if (state instanceof StateDirectory) {
      const { root: path, disk } = state;
      this.#known = { path, owner: disk.look(path)?.uid ?? null };
    }
  }

  /** To look at. */
  opened(): StateDirectory | StandingState {
    if (this.#state !== null) return this.#state;
    try {
      return this.#state = openAt({ ...this.#options, known: this.#known });
    } catch (thrown) {
      // It says where on this machine the state lies, which is no matter of a peer's.
      const { code } = toSftpxError(thrown);
      throw new SftpxError(code, `Cannot use the store: ${this.#closedFor}`, { cause: thrown });
    }
  }

  /** To write to. */
  writable(): StateDirectory {
    const state = this.opened();
    if (state instanceof StateDirectory) return state;
    throw new TypeError("Cannot receive: the store is read-only");
  }

  /** To begin with: begun anew if it is damaged and nothing runs on it, here or elsewhere. */
  sound({ isIdle }: { readonly isIdle: boolean }): StateDirectory {
    this.takeUp({ isIdle });
    const state = this.writable();
    if (!this.#isDamaged || !isIdle) return state;
    this.#drop(state, "the damaged state could not be begun anew");
    return this.writable();
  }

  /**
   * Takes up a root that was made again, once nothing runs on the one that was removed. Whoever removed
   * that could remove this user's state in it: nobody else has a say in what comes in its place, as they
   * would have if one that was moved away were given up as well.
   */
  takeUp({ isIdle }: { readonly isIdle: boolean }): void {
    const state = this.#state;
    if (!(state instanceof StateDirectory) || !state.isRemoved) return;
    if (isGone(this.#options.root)) throw gone();
    if (!isIdle) {
      const found = "others still use the directory that was here before";
      throw new SftpxError("busy", `Cannot use the store: ${found}`);
    }
    const came = "the directory that came in the place of the receiving one";
    this.#drop(state, `${came} is another's or cannot be opened`);
    this.opened();
  }

  /** Does something with it; whether that shows it to be damaged is remembered. */
  attempt<T>(attempted: string, body: () => T): T {
    try {
      return body();
    } catch (thrown) {
      throw this.#explained(thrown, attempted);
    }
  }

  /** The same for what is done in steps. */
  *attempting<T>(attempted: string, steps: Steps<T>): Steps<T> {
    try {
      return yield* steps;
    } catch (thrown) {
      throw this.#explained(thrown, attempted);
    }
  }

  /** Whether the root that is held is not the one at its path any more, as far as one can look. */
  get #isElsewhere(): boolean {
    const state = this.#state;
    if (!(state instanceof StateDirectory)) return false;
    try {
      const [held, standing] = [state.disk.look(state.root), lookAt(state.root)];
      return held?.ino !== standing?.ino || held?.dev !== standing?.dev;
    } catch {
      return false;
    }
  }

  /** Closes it; `keep` as of the store. */
  close(options: { readonly keep: boolean }): void {
    this.#state?.close(options);
  }

  /** Whatever becomes of it: the next call opens another one. */
  #drop(state: StateDirectory, closedFor: string): void {
    this.#state = null;
    this.#isDamaged = false;
    this.#closedFor = closedFor;
    state.close({ keep: true });
  }

  #explained(thrown: unknown, attempted: string): Error {
    if (isMistake(thrown)) return thrown;
    const cause = thrown instanceof SftpxError ? thrown.cause : thrown;
    if (isDamage(cause) && this.#state instanceof StateDirectory) {
      this.#isDamaged = true;
      this.#state.markDamaged();
    }
    const { root, disk = DISK } = this.#options;
    if (osCode(cause) === "ENOENT") {
      const found = isGone(root)
        ? "the receiving directory does not exist any more"
        : this.#isElsewhere
        ? "another directory stands in the place of the receiving one"
        : null;
      if (found !== null) {
        return new SftpxError("io", `Cannot ${attempted}: ${found}`, { cause: thrown });
      }
    }
    const trouble = isDiskFailure(cause) ? troubleAt(besideOf(`${root}/`), disk) : null;
    return osError(trouble ?? thrown, attempted);
  }
}

/** A programmer's, which no disk and no database made: those have a code. */
function isMistake(thrown: unknown): thrown is Error {
  return (thrown instanceof TypeError || thrown instanceof RangeError) && osCode(thrown) === "";
}

/** Whether nothing stands where a root was, as far as one can look. */
function isGone(root: string): boolean {
  try {
    return lookAt(root) === null;
  } catch {
    return false;
  }
}

/** As the system says it: whoever begins is told in whole words. */
function gone(): Error {
  return Object.assign(new Error("ENOENT: the root is gone"), { code: "ENOENT" });
}

function openAt(options: RootStateOptions): StateDirectory | StandingState {
  const { root, readOnly = false } = options;
  return readOnly ? StandingState.open(root) : StateDirectory.open(root, options);
}
