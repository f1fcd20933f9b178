// The store's work as plain synchronous calls, without a worker around it: what `workers/store.ts`
// owns, and what tests can hold directly. One object for one root.

import { toHex } from "../base/bytes.ts";
import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { fileMask } from "../runtime/file_mask.ts";
import type { Entry, FilterRule, PlanStep } from "../wire/messages.ts";
import type { EntriesInTurn } from "./entry_columns.ts";
import type { PrunedSome } from "./messages.ts";
import { Planning } from "./plan.ts";
import { Quotas } from "./quota.ts";
import { Receiving } from "./receive.ts";
import { Room } from "./room.ts";
import { RootState, type RootStateOptions } from "./root_state.ts";
import { allOf, type Steps } from "./steps.ts";
import type {
  Begun,
  CleanOptions,
  EntryChunks,
  JournalRun,
  Outcome,
  Placement,
  ReceiveTransfer,
  Resumable,
  WholeFile,
} from "./store.ts";

/** `disk` and `nowMs` are replaced in tests. */
export interface DiskStoreOptions extends RootStateOptions {
  /** Keep `.sftpx` after a clean close. */
  readonly keep: boolean;
  /** The process's file mask where it is known already; replaced in tests. */
  readonly mask?: number;
}

export class DiskStore {
  readonly #options: DiskStoreOptions;
  readonly #state: RootState;
  readonly #transfers = new Map<number, Receiving>();
  readonly #plans = new Map<number, Planning>();
  /** Transfers whose manifest could not be registered: nothing of them may be put in place (I1). */
  readonly #broken = new Map<number, unknown>();
  readonly #quotas = new Quotas();
  /** Resume keys in use here, hexadecimal. */
  readonly #keys = new Set<string>();
  #nextId = 1;
  /** The process's file mask, once it was asked for. */
  #mask: number | null = null;

  constructor(options: DiskStoreOptions) {
    this.#options = options;
    this.#state = new RootState(options);
  }

  begin(transfer: ReceiveTransfer): Begun {
    if (transfer.dryRun) return this.#beginDry(transfer);
    this.#state.writable();
    return this.#state.attempt("begin the transfer", () => this.#begin(transfer));
  }

  #begin(transfer: ReceiveTransfer): Begun {
    const state = this.#state.sound({ isIdle: this.#isIdle });
    const key = toHex(transfer.key);
    if (this.#keys.has(key)) {
      throw new SftpxError("busy", "Cannot begin the transfer: it is being received already");
    }
    state.expire();
    state.forgetCrowd(transfer);
    const hold = state.hold(transfer);
    try {
      const { root, partsDirectory, journal, disk, names, nowMs } = state;
      const tells = transfer.mayRead;
      const room = new Room(root, { onScarce: () => state.sweep(Infinity), tells });
      const mask = this.#mask ??= this.#options.mask ?? state.mask;
      const quotas = this.#quotas;
      const standing = { root, partsDirectory, journal, disk, names, nowMs };
      const receiving = new Receiving(transfer, { ...standing, hold, room, quotas, mask });
      const id = this.#nextId++;
      this.#transfers.set(id, receiving);
      this.#keys.add(key);
      const { fresh, chunkBytes, from, makesBase, syncsTogether } = receiving;
      const together = syncsTogether ? { syncsTogether } : {};
      return { id, fresh, chunkBytes, from, makesBase, ...together };
    } catch (thrown) {
      hold.discard();
      throw thrown;
    }
  }

  plan(
    id: number,
    first: number,
    entries: readonly Entry[],
    sources: readonly number[],
  ): readonly PlanStep[] {
    return allOf(this.planning(id, first, entries, sources));
  }

  *planning(
    id: number,
    first: number,
    entries: readonly Entry[],
    sources: readonly number[],
  ): Steps<readonly PlanStep[]> {
    const planning = this.#plans.get(id);
    if (planning === undefined) throw new RangeError(`Cannot plan transfer ${id}: it is not dry`);
    const steps = planning.planning(first, entries, sources);
    return yield* this.#state.attempting("plan entries", steps);
  }

  /** Goes on removing for a while; to be called again while there is more. */
  prune(id: number, filters: readonly FilterRule[]): PrunedSome {
    const transfer = this.#plans.get(id) ?? this.#whole(id);
    return this.#state.attempt("remove what is extraneous", () => transfer.prune(filters));
  }

  register(
    id: number,
    first: number,
    entries: EntriesInTurn,
    sources: readonly number[],
    refused: readonly number[] = [],
  ): readonly Placement[] {
    return allOf(this.registering(id, first, entries, sources, refused));
  }

  *registering(
    id: number,
    first: number,
    entries: EntriesInTurn,
    sources: readonly number[],
    refused: readonly number[] = [],
  ): Steps<readonly Placement[]> {
    const receiving = this.#whole(id);
    const steps = receiving.registering(first, entries, { sources, refused });
    try {
      return yield* this.#state.attempting("register entries", steps);
    } catch (thrown) {
      // Entries out of turn are refused before any is registered.
      if (toSftpxError(thrown).code !== "protocol") this.#broken.set(id, thrown);
      throw thrown;
    }
  }

  journal(id: number, runs: readonly JournalRun[], leaveOut: readonly number[] = []): void {
    const receiving = this.#transfer(id);
    this.#state.attempt("journal chunks", () => receiving.journal(runs, leaveOut));
    this.#state.writable().sweep(LIMITS.storeStepMs);
  }

  forget(id: number, chunks: readonly EntryChunks[]): void {
    const receiving = this.#transfer(id);
    this.#state.attempt("forget journalled chunks", () => receiving.forget(chunks));
  }

  placeDirectories(id: number, leaveOut: readonly number[] = []): Outcome {
    return allOf(this.placingDirectories(id, leaveOut));
  }

  *placingDirectories(id: number, leaveOut: readonly number[] = []): Steps<Outcome> {
    const steps = this.#whole(id).placingDirectories(leaveOut);
    return yield* this.#state.attempting("make directories", steps);
  }

  commit(
    id: number,
    files: readonly WholeFile[],
    leaveOut: readonly number[] = [],
  ): Outcome {
    const receiving = this.#whole(id);
    const outcome = this.#state.attempt("commit files", () => receiving.commit(files, leaveOut));
    this.#state.writable().sweep(LIMITS.storeStepMs);
    return outcome;
  }

  finish(id: number, leaveOut: readonly number[] = []): Outcome {
    return allOf(this.finishing(id, leaveOut));
  }

  *finishing(id: number, leaveOut: readonly number[] = []): Steps<Outcome> {
    const steps = this.#whole(id).finishing(leaveOut);
    const outcome = yield* this.#state.attempting("finish the transfer", steps);
    this.#drop(id);
    return outcome;
  }

  abandon(id: number): void {
    using planning = this.#plans.get(id);
    if (planning !== undefined) return void this.#plans.delete(id);
    const receiving = this.#transfer(id);
    try {
      this.#state.attempt("put a transfer aside", () => receiving.abandon());
    } finally {
      this.#drop(id);
    }
  }

  resumable(): readonly Resumable[] {
    return this.#state.attempt("list what can be resumed", () => {
      const state = this.#state.opened();
      return state.interrupted().map((interrupted) => {
        const { key } = interrupted;
        return { ...interrupted, running: this.#keys.has(toHex(key)) || state.isLocked(key) };
      });
    });
  }

  /** Forgets what was last journalled before a moment, or all, but not what runs. */
  clean({ beforeNs }: CleanOptions): readonly Resumable[] {
    const state = this.#state.writable();
    return this.#state.attempt(
      "forget what can be resumed",
      () => state.clean(beforeNs).map((row) => ({ ...row, running: false })),
    );
  }

  close(): void {
    try {
      for (const id of [...this.#transfers.keys(), ...this.#plans.keys()]) this.abandon(id);
    } finally {
      this.#state.close({ keep: this.#options.keep });
    }
  }

  #beginDry(transfer: ReceiveTransfer): Begun {
    return this.#state.attempt("begin the transfer", () => {
      this.#state.takeUp({ isIdle: this.#isIdle });
      const { root, partsDirectory, disk, reader: journal, names } = this.#state.opened();
      // Nothing may be made to find it out.
      const mask = this.#mask ?? this.#options.mask ?? fileMask() ?? 0;
      const context = { root, partsDirectory, disk, journal, names, mask };
      const planning = new Planning(transfer, context);
      const id = this.#nextId++;
      this.#plans.set(id, planning);
      const { fresh, chunkBytes } = planning;
      return { id, fresh, chunkBytes, from: null };
    });
  }

  get #isIdle(): boolean {
    return this.#transfers.size + this.#plans.size === 0;
  }

  #transfer(id: number): Receiving {
    const receiving = this.#transfers.get(id);
    if (receiving === undefined) throw new RangeError(`Cannot use transfer ${id}: it is not open`);
    return receiving;
  }

  /** A transfer of which all that came is registered: what fails once fails for good. */
  #whole(id: number): Receiving {
    if (this.#broken.has(id)) throw this.#broken.get(id);
    return this.#transfer(id);
  }

  #drop(id: number): void {
    this.#broken.delete(id);
    const receiving = this.#transfers.get(id);
    if (receiving !== undefined) this.#keys.delete(toHex(receiving.key));
    this.#transfers.delete(id);
  }
}
