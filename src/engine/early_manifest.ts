// A short manifest, said before the receiver answered the offer. It goes whole or not at all, so that the order
// a receiver would have it in is no matter, and is bounded by what may wait over there (I3) and be open (I8).

import { LIMITS } from "../base/limits.ts";
import type { Entries, ManifestEnd } from "../wire/messages.ts";
import { chunkCount } from "./geometry.ts";
import { type FoundEntries, mostEntryBytes, PendingEntries } from "./pending_entries.ts";

/** The capability of a peer that takes one. */
export const EARLY_MANIFEST = "early-manifest";

/** The messages of a whole manifest; null where it is too long to go ahead. */
export function earlyManifest(
  transfer: number,
  found: readonly FoundEntries[],
): readonly (Entries | ManifestEnd)[] | null {
  const pending = new PendingEntries(transfer);
  let [entries, bytes, chunks] = [0, 0, 0];
  for (const batch of found) {
    entries += batch.entries.length;
    for (const entry of batch.entries) {
      bytes += mostEntryBytes(entry);
      // Chunks may come to be as small as that: the receiver's journal decides.
      chunks += chunkCount(entry.sizeBytes, LIMITS.minChunkBytes);
    }
    const isShort = entries <= LIMITS.openEntriesAhead && bytes <= LIMITS.earlyManifestBytes;
    if (!isShort || chunks > LIMITS.openChunks) return null;
    pending.add(batch);
  }
  pending.end();
  const messages: (Entries | ManifestEnd)[] = [];
  for (;;) {
    const message = pending.announce(() => true) ?? pending.close();
    if (message === null) return messages;
    messages.push(message);
  }
}
