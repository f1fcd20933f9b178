// What broke off and is remembered in `.sftpx`, and when it is forgotten: for its age, for the crowd its
// peer left, or because a user wants so; with its parts, and never what somebody is at.

import { toHex } from "../base/bytes.ts";
import { LIMITS } from "../base/limits.ts";
import type { Claimant } from "./claims.ts";
import type { Disk } from "./disk.ts";
import type { Interrupted } from "./interrupted.ts";
import type { Journal } from "./journal.ts";
import { lockKey } from "./key_locks.ts";
import { forgetNames } from "./part_names.ts";

export interface BrokenOffContext {
  /** Path of the state. */
  readonly state: string;
  readonly partsDirectory: string;
  readonly journal: Journal;
  readonly disk: Disk;
  /** What was last journalled longer ago is forgotten. */
  readonly keepForMs: number;
  readonly nowMs: () => number;
  /** Takes parts of which no row tells any more. */
  readonly doom: (names: readonly string[]) => void;
  /** Removes what was taken, for so long. */
  readonly sweep: (forMs: number) => void;
}

export class BrokenOff {
  readonly #context: BrokenOffContext;

  constructor(context: BrokenOffContext) {
    this.#context = context;
  }

  /** Forgets what was last journalled too long ago. A moment in the future is not long ago. */
  expire(): void {
    const { journal, keepForMs, nowMs } = this.#context;
    const beforeNs = BigInt(Math.trunc(nowMs() - keepForMs)) * 1_000_000n;
    this.#forgetAll(journal.transfers.keysBefore(beforeNs, LIMITS.expiredAtOnce));
  }

  /** Makes room for one more transfer of a peer, should so many have broken off already. */
  forgetCrowd({ peer, key }: Pick<Claimant, "peer" | "key">): void {
    const newest = LIMITS.keptTransfersPerPeer - 1;
    const { transfers } = this.#context.journal;
    this.#forgetAll(transfers.keysBeyond(newest, { peer, except: key }));
  }

  /**
   * Forgets every transfer that was last journalled before a moment (null for all) and that nobody is
   * at, with its parts; answers those that could have been gone on with.
   */
  forgetBefore(beforeNs: bigint | null): Interrupted[] {
    const { journal } = this.#context;
    const keys = journal.transfers.keysBefore(beforeNs);
    if (keys.length === 0) return [];
    const told = new Map(journal.interrupted().map((row) => [toHex(row.key), row]));
    return this.#forgetAll(keys).flatMap((key) => told.get(toHex(key)) ?? []);
  }

  /** Forgets those that nobody is at; answers them. */
  #forgetAll(keys: readonly Uint8Array[]): Uint8Array[] {
    const gone = keys.filter((key) => this.#forget(key));
    if (gone.length > 0) this.#context.sweep(LIMITS.storeStepMs);
    return gone;
  }

  /** False when somebody is at it. */
  #forget(key: Uint8Array): boolean {
    const { state, partsDirectory, journal, disk, doom } = this.#context;
    const lock = lockKey(state, key, disk);
    if (lock === null) return false;
    try {
      const names = journal.fileNames(key);
      forgetNames(partsDirectory, names, disk);
      journal.transaction(() => journal.forget(key));
      doom(names);
      return true;
    } finally {
      lock.discard();
    }
  }
}
