// Files to commit, as they go from one thread to another: a thousand at a time, which as objects would each
// bring a buffer.

import { concatBytes } from "../base/bytes.ts";
import { DIGEST_BYTES } from "../wire/frame.ts";
import type { Stamp } from "../wire/messages.ts";
import type { WholeFile } from "./store.ts";

export interface WholeColumns {
  readonly entries: Float64Array;
  readonly flags: Uint8Array;
  /** `DIGEST_BYTES` of each. */
  readonly digests: Uint8Array;
  /** What was seen to stand there, of those of which that is said. */
  readonly begins: readonly (Stamp | null)[];
}

const SYNCED = 1;
const KEEP = 2;
const COMPARED = 4;

export function packWholeFiles(files: readonly WholeFile[]): WholeColumns {
  return {
    entries: Float64Array.from(files, ({ entry }) => entry),
    flags: Uint8Array.from(files, flagsOf),
    digests: concatBytes(files.map(({ digest }) => digest)),
    begins: files.flatMap(({ begins }) => begins === undefined ? [] : [begins]),
  };
}

export function unpackWholeFiles({ entries, flags, digests, begins }: WholeColumns): WholeFile[] {
  let compared = 0;
  return Array.from(entries, (entry, at) => {
    const has = flags[at]!;
    const file = {
      entry,
      digest: digests.subarray(at * DIGEST_BYTES, (at + 1) * DIGEST_BYTES),
      synced: (has & SYNCED) !== 0,
      keep: (has & KEEP) !== 0,
    };
    return (has & COMPARED) === 0 ? file : { ...file, begins: begins[compared++]! };
  });
}

function flagsOf({ synced, keep, begins }: WholeFile): number {
  return (synced ? SYNCED : 0) | (keep ? KEEP : 0) | (begins === undefined ? 0 : COMPARED);
}
