// The state of a root while a store is open: where it was found to be damaged, who is alone with it begins
// it anew. What is done with it goes through `attempt`, so that damage is noticed whoever meets it, and
// every failure is told in words that are no secret of this machine.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { isDamage, isDiskFailure, osCode, osError } from "../base/os_error.ts";
import { besideOf } from "./commit.ts";
import { DISK, lookAt } from "./disk.ts";
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
  /** Null after a damaged one was closed, until one is opened again. */
  #state: StateDirectory | StandingState | null;
  /** It was found to be damaged: it is begun anew as soon as nothing runs on it. */
  #isDamaged = false;

  /** Opens it at once; what is thrown then names the root. */
  constructor(options: RootStateOptions) {
    this.#options = options;
    this.#state = openAt(options);
  }

  /** To look at. */
  opened(): StateDirectory | StandingState {
    if (this.#state !== null) return this.#state;
    try {
      return this.#state = openAt(this.#options);
    } catch (thrown) {
      // It says where on this machine the state lies, which is no matter of a peer's.
      const { code } = toSftpxError(thrown);
      const found = "the damaged state could not be begun anew";
      throw new SftpxError(code, `Cannot use the store: ${found}`, { cause: thrown });
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
    const state = this.writable();
    if (!this.#isDamaged || !isIdle) return state;
    // Whatever becomes of it: the next call opens another one.
    this.#state = null;
    this.#isDamaged = false;
    state.close({ keep: true });
    return this.writable();
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

  /** Closes it; `keep` as of the store. */
  close(options: { readonly keep: boolean }): void {
    this.#state?.close(options);
  }

  #explained(thrown: unknown, attempted: string): Error {
    if (isMistake(thrown)) return thrown;
    const cause = thrown instanceof SftpxError ? thrown.cause : thrown;
    if (isDamage(cause) && this.#state instanceof StateDirectory) {
      this.#isDamaged = true;
      this.#state.markDamaged();
    }
    const { root, disk = DISK } = this.#options;
    if (osCode(cause) === "ENOENT" && isGone(root)) {
      const found = "the receiving directory does not exist any more";
      return new SftpxError("io", `Cannot ${attempted}: ${found}`, { cause: thrown });
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

function openAt(options: RootStateOptions): StateDirectory | StandingState {
  const { root, readOnly = false } = options;
  return readOnly ? StandingState.open(root) : StateDirectory.open(root, options);
}
