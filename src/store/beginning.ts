// What a transfer finds when it begins, the same for a dry run and a real one: where its entries go,
// what is held of them, and which sources meet nothing. Looks, and changes nothing.

import type { OfferedSource } from "../wire/messages.ts";
import { Destination } from "./destination.ts";
import type { Door } from "./door.ts";
import type { JournalReader } from "./journal.ts";
import type { PartRow } from "./journal_rows.ts";
import type { ReceiveTransfer } from "./store.ts";

export interface Beginning {
  /** The transfer with the chunk size that holds for it. */
  readonly transfer: ReceiveTransfer;
  readonly destination: Destination;
  /** Parts held from before, by path in the manifest. */
  readonly rows: Map<string, PartRow>;
  /** For each source: nothing stands there and no part is held. */
  readonly fresh: readonly boolean[];
  /** The destination is a directory that is still to be made, as far as the peer may know. */
  readonly makesBase: boolean;
}

export function beginningOf(
  transfer: ReceiveTransfer,
  { door, journal }: { readonly door: Door; readonly journal: JournalReader },
): Beginning {
  const destination = Destination.resolve(transfer, door);
  const rows = new Map(journal.parts(transfer.key).map((row) => [row.path, row]));
  // Digests of another chunk size say nothing: while parts are held, theirs is the size.
  const fixed = rows.size > 0 ? journal.transfer(transfer.key)?.chunkBytes : undefined;
  const held = [...rows.keys()];
  const fresh = transfer.sources.map((source) =>
    !isHeld(source, held) && destination.isFree(source, door)
  );
  const chunkBytes = fixed ?? transfer.chunkBytes;
  const { directory } = destination;
  const makesBase = directory !== null &&
    (!transfer.mayRead || door.lookFromRoot(directory) === null);
  return { transfer: { ...transfer, chunkBytes }, destination, rows, fresh, makesBase };
}

/** Whether parts of this source are held, going by their paths in the manifest. */
function isHeld(source: OfferedSource, paths: readonly string[]): boolean {
  const below = `${source.name}/`;
  return paths.some((path) => source.contents || path === source.name || path.startsWith(below));
}
