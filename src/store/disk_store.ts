// The store's work as plain synchronous calls, without a worker around it: what `workers/store.ts`
// owns, and what tests can hold directly. One object for one root.

import { toHex } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import type { Entry, FilterRule, PlanStep } from "../wire/messages.ts";
import { DISK, type Disk } from "./disk.ts";
import { osError } from "../base/os_error.ts";
import type { PrunedSome } from "./messages.ts";
import { Planning } from "./plan.ts";
import { Receiving } from "./receive.ts";
import { StandingState } from "./standing_state.ts";
import { StateDirectory } from "./state_directory.ts";
import type {
  Begun,
  JournalRun,
  Outcome,
  Placement,
  ReceiveTransfer,
  Resumable,
  WholeFile,
} from "./store.ts";

export interface DiskStoreOptions {
  readonly root: string | null;
  readonly keep: boolean;
  /** Dry transfers and `resumable` only. */
  readonly readOnly?: boolean;
  /** System calls that order matters for; replaced in tests. */
  readonly disk?: Disk;
}

export class DiskStore {
  readonly #state: StateDirectory | StandingState | null;
  readonly #keep: boolean;
  readonly #disk: Disk;
  readonly #transfers = new Map<number, Receiving>();
  readonly #plans = new Map<number, Planning>();
  /** Resume keys in use here, hexadecimal. */
  readonly #keys = new Set<string>();
  #nextId = 1;

  constructor(options: DiskStoreOptions) {
    const { root, readOnly = false } = options;
    if (root === null) this.#state = null;
    else this.#state = readOnly ? StandingState.open(root) : StateDirectory.open(root);
    this.#keep = options.keep;
    this.#disk = options.disk ?? DISK;
  }

  begin(transfer: ReceiveTransfer): Begun {
    if (transfer.dryRun) return this.#beginDry(transfer);
    const state = this.#writable();
    const key = toHex(transfer.key);
    if (this.#keys.has(key)) {
      throw new SftpxError("busy", "Cannot begin the transfer: it is being received already");
    }
    try {
      const lock = state.lock(transfer.key);
      try {
        const { root, partsDirectory, journal, ignoresCase } = state;
        const disk = this.#disk;
        const context = { root, partsDirectory, journal, lock, disk, ignoresCase };
        const receiving = new Receiving(transfer, context);
        const id = this.#nextId++;
        this.#transfers.set(id, receiving);
        this.#keys.add(key);
        const { fresh, chunkBytes, makesBase } = receiving;
        return { id, fresh, chunkBytes, makesBase };
      } catch (thrown) {
        lock.discard();
        throw thrown;
      }
    } catch (thrown) {
      throw osError(thrown, "begin the transfer");
    }
  }

  plan(
    id: number,
    first: number,
    entries: readonly Entry[],
    sources: readonly number[],
  ): readonly PlanStep[] {
    const planning = this.#plans.get(id);
    if (planning === undefined) throw new RangeError(`Cannot plan transfer ${id}: it is not dry`);
    return planning.plan(first, entries, sources);
  }

  /** Goes on removing for a while; to be called again while there is more. */
  prune(id: number, filters: readonly FilterRule[]): PrunedSome {
    return (this.#plans.get(id) ?? this.#transfer(id)).prune(filters);
  }

  register(
    id: number,
    first: number,
    entries: readonly Entry[],
    sources: readonly number[],
  ): readonly Placement[] {
    return this.#transfer(id).register(first, entries, sources);
  }

  journal(id: number, runs: readonly JournalRun[]): void {
    this.#transfer(id).journal(runs);
  }

  forget(id: number, entries: readonly number[]): void {
    this.#transfer(id).forget(entries);
  }

  placeDirectories(id: number, leaveOut: readonly number[] = []): Outcome {
    return this.#transfer(id).placeDirectories(leaveOut);
  }

  commit(id: number, files: readonly WholeFile[]): Outcome {
    return this.#transfer(id).commit(files);
  }

  finish(id: number, leaveOut: readonly number[] = []): Outcome {
    const outcome = this.#transfer(id).finish(leaveOut);
    this.#drop(id);
    return outcome;
  }

  abandon(id: number): void {
    if (this.#plans.delete(id)) return;
    const receiving = this.#transfer(id);
    try {
      receiving.abandon();
    } finally {
      this.#drop(id);
    }
  }

  resumable(): readonly Resumable[] {
    try {
      const state = this.#opened();
      return state.interrupted().map((interrupted) => {
        const { key } = interrupted;
        return { ...interrupted, running: this.#keys.has(toHex(key)) || state.isLocked(key) };
      });
    } catch (thrown) {
      throw osError(thrown, "list what can be resumed");
    }
  }

  close(): void {
    try {
      for (const id of [...this.#transfers.keys()]) this.abandon(id);
    } finally {
      this.#state?.close({ keep: this.#keep });
    }
  }

  #beginDry(transfer: ReceiveTransfer): Begun {
    const { root, partsDirectory, reader: journal, ignoresCase } = this.#opened();
    try {
      const context = { root, partsDirectory, journal, ignoresCase };
      const planning = new Planning(transfer, context);
      const id = this.#nextId++;
      this.#plans.set(id, planning);
      return { id, fresh: planning.fresh, chunkBytes: planning.chunkBytes };
    } catch (thrown) {
      throw osError(thrown, "begin the transfer");
    }
  }

  #opened(): StateDirectory | StandingState {
    if (this.#state === null) throw new TypeError("Cannot receive: the store has no root");
    return this.#state;
  }

  #writable(): StateDirectory {
    const state = this.#opened();
    if (state instanceof StateDirectory) return state;
    throw new TypeError("Cannot receive: the store is read-only");
  }

  #transfer(id: number): Receiving {
    const receiving = this.#transfers.get(id);
    if (receiving === undefined) throw new RangeError(`Cannot use transfer ${id}: it is not open`);
    return receiving;
  }

  #drop(id: number): void {
    const receiving = this.#transfers.get(id);
    if (receiving !== undefined) this.#keys.delete(toHex(receiving.key));
    this.#transfers.delete(id);
  }
}
