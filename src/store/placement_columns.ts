// What the store answers of entries, as it goes from one thread to another: of files that stand as they
// should, which may be all of a tree, one buffer of digests, and everything else as it is.

import { DIGEST_BYTES } from "../wire/frame.ts";
import type { Placement } from "./store.ts";

export interface PlacementColumns {
  /** What each is: a file that is unchanged, one placed later, or the next of the others. */
  readonly kinds: Uint8Array;
  /** Of those that are unchanged, in their order. */
  readonly digests: Uint8Array;
  readonly others: readonly Placement[];
}

const OTHER = 0;
const UNCHANGED = 1;
const LATER = 2;

export function packPlacements(placements: readonly Placement[]): PlacementColumns {
  const kinds = new Uint8Array(placements.length);
  const others: Placement[] = [];
  const digests: Uint8Array[] = [];
  for (const [at, placement] of placements.entries()) {
    // A digest of any other length is one that somebody planted.
    if (placement.kind === "unchanged" && placement.digest.byteLength === DIGEST_BYTES) {
      kinds[at] = UNCHANGED;
      digests.push(placement.digest);
    } else if (placement.kind === "later") kinds[at] = LATER;
    else others.push(placement);
  }
  const joined = new Uint8Array(digests.length * DIGEST_BYTES);
  digests.forEach((digest, at) => joined.set(digest, at * DIGEST_BYTES));
  return { kinds, digests: joined, others };
}

export function unpackPlacements({ kinds, digests, others }: PlacementColumns): Placement[] {
  let [unchanged, other] = [0, 0];
  const placements: Placement[] = [];
  for (const kind of kinds) {
    switch (kind) {
      case UNCHANGED: {
        const digest = digests.subarray(unchanged, unchanged += DIGEST_BYTES);
        placements.push({ kind: "unchanged", digest });
        break;
      }
      case LATER:
        placements.push({ kind: "later" });
        break;
      case OTHER:
        placements.push(others[other++]!);
    }
  }
  return placements;
}
