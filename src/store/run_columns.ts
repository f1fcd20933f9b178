// What the journal is told of chunks, as it goes from one thread to another: thousands of small files at a time,
// which as objects would each bring a buffer of digests.

import { concatBytes } from "../base/bytes.ts";
import type { JournalRun } from "./store.ts";

export interface RunColumns {
  readonly entries: Float64Array;
  readonly firsts: Float64Array;
  /** Not 0 for those that are synced. */
  readonly synced: Uint8Array;
  /** Bytes of digests of each, and all of these in their order. */
  readonly lengths: Float64Array;
  readonly digests: Uint8Array;
}

export function packRuns(runs: readonly JournalRun[]): RunColumns {
  return {
    entries: Float64Array.from(runs, ({ entry }) => entry),
    firsts: Float64Array.from(runs, ({ first }) => first),
    synced: Uint8Array.from(runs, ({ synced }) => synced ? 1 : 0),
    lengths: Float64Array.from(runs, ({ digests }) => digests.byteLength),
    digests: concatBytes(runs.map(({ digests }) => digests)),
  };
}

export function unpackRuns(
  { entries, firsts, synced, lengths, digests }: RunColumns,
): JournalRun[] {
  let end = 0;
  return Array.from(entries, (entry, at) => ({
    entry,
    first: firsts[at]!,
    digests: digests.subarray(end, end += lengths[at]!),
    synced: synced[at] !== 0,
  }));
}
