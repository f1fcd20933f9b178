// What a transfer finds when it begins, the same for a dry run and a real one: where its entries go,
// where it goes on, and which sources meet nothing. Looks, and changes nothing; asks the journal no more
// of many parts than of one.

import { pathProblem } from "../base/path.ts";
import type { OfferedSource } from "../wire/messages.ts";
import { Destination } from "./destination.ts";
import type { Door } from "./door.ts";
import type { JournalReader } from "./journal.ts";
import type { ReceiveTransfer } from "./store.ts";

export interface Beginning {
  /** The transfer with the chunk size that holds for it. */
  readonly transfer: ReceiveTransfer;
  readonly destination: Destination;
  /** An attempt before was not finished: what it put in place it may not have made durable. */
  readonly goesOn: boolean;
  /** Parts are held from before: each is asked for when its entry comes. */
  readonly holdsParts: boolean;
  /** Path in the manifest at which the attempt before stopped; null where there was none. */
  readonly from: string | null;
  /** For each source: nothing stands there and no part is held. */
  readonly free: readonly boolean[];
  /** What these sources come to: they need what they are. */
  readonly neededBytes: number;
  /** What the peer is told of that; one that may not read, only what it knows of its own attempts. */
  readonly fresh: readonly boolean[];
  /** The destination is a directory that is still to be made, as far as the peer may know. */
  readonly makesBase: boolean;
}

export function beginningOf(
  transfer: ReceiveTransfer,
  { door, journal }: { readonly door: Door; readonly journal: JournalReader },
): Beginning {
  const destination = Destination.resolve(transfer, door);
  const { key, sources } = transfer;
  const before = journal.transfer(key);
  const holdsParts = before !== null && journal.holdsAny(key);
  const free = sources.map((source) =>
    !(holdsParts && isHeld(source, { key, journal })) && destination.isFree(source, door)
  );
  const newBytes = sources.map(({ sizeBytes }, i) => free[i] ? sizeBytes ?? 0 : 0);
  const neededBytes = newBytes.reduce((sum, bytes) => sum + bytes, 0);
  // Without a right to read nothing that stands here is gone on with: but for the peer's own attempt
  // before, all that it sends is new, and what stands there fails its entry alone.
  const fresh = transfer.mayRead ? free : sources.map(() => before === null);
  // Digests of another chunk size say nothing, those of what was put in place neither: while an attempt
  // is not finished, its size holds.
  const chunkBytes = before?.chunkBytes ?? transfer.chunkBytes;
  const from = fresh.every((isFresh) => isFresh) ? null : frontierOf(before?.frontier ?? null);
  const { directory } = destination;
  const makesBase = directory !== null &&
    (!transfer.mayRead || door.lookFromRoot(directory) === null);
  return {
    transfer: { ...transfer, chunkBytes },
    destination,
    goesOn: before !== null,
    holdsParts,
    from,
    free,
    neededBytes,
    fresh,
    makesBase,
  };
}

/** Whether parts of this source are held, going by their paths in the manifest. */
function isHeld(
  { contents, name }: OfferedSource,
  { key, journal }: { readonly key: Uint8Array; readonly journal: JournalReader },
): boolean {
  return contents || journal.holds(key, name, { below: true });
}

/** It goes to the peer: a state that somebody planted may say anything. */
function frontierOf(path: string | null): string | null {
  return path === null || pathProblem(path) !== null ? null : path;
}
