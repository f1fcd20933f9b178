// The manifest on its way in: every entry is checked before anything is held for it (I3), handed to
// the store to be placed, and, unless its source is fresh, answered with what is had and needed.

import { LIMITS } from "../base/limits.ts";
import type { Range } from "../base/ranges.ts";
import type { HeldChunks, Placement } from "../store/store.ts";
import type {
  Entries,
  EntryFailure,
  ManifestEnd,
  Offer,
  Stamp,
  Verdict,
} from "../wire/messages.ts";
import { DIGEST_BYTES } from "../wire/frame.ts";
import { type IsAsked, ManifestCheck } from "./manifest_check.ts";
import type { ReceiverAction } from "./receive_action.ts";
import type { ReceiveFile } from "./receive_file.ts";
import type { ReceiveFiles } from "./receive_files.ts";
import type { ReceiveNews } from "./receive_news.ts";
import type { Settlement } from "./settlement.ts";
import type { Tally } from "./tally.ts";
import { violation } from "./violation.ts";

export class Intake {
  readonly #transfer: number;
  readonly #fresh: readonly boolean[];
  readonly #check: ManifestCheck;
  readonly #files: ReceiveFiles;
  readonly #settlement: Settlement;
  readonly #news: ReceiveNews;
  readonly #tally: Tally;
  readonly #act: (action: ReceiverAction) => void;
  #registered = 0;

  constructor(
    offer: Offer,
    { fresh, from, isAsked, files, settlement, news, tally, act }: {
      readonly fresh: readonly boolean[];
      readonly from: string | null;
      readonly isAsked: IsAsked | null;
      readonly files: ReceiveFiles;
      readonly settlement: Settlement;
      readonly news: ReceiveNews;
      readonly tally: Tally;
      readonly act: (action: ReceiverAction) => void;
    },
  ) {
    this.#transfer = offer.transfer;
    this.#check = new ManifestCheck(offer.sources, { isAsked, from });
    this.#fresh = fresh;
    this.#files = files;
    this.#settlement = settlement;
    this.#news = news;
    this.#tally = tally;
    this.#act = act;
  }

  /** Takes the next entries of the manifest. */
  take({ first, entries, sources }: Entries): void {
    if (first !== this.#check.count || this.#settlement.entries.isClosed) {
      throw violation("its entries do not follow each other");
    }
    const refused: number[] = [];
    entries.forEach((entry, offset) => {
      const index = first + offset;
      const source = sources[offset]!;
      const problem = this.#check.next(entry, source);
      this.#settlement.entries.add(entry);
      if (problem !== null) {
        refused.push(index);
        const message = `Cannot take the name: ${problem}`;
        this.#files.fail(index, { code: "bad_name", message });
      } else if (entry.kind === "file") {
        const fresh = this.#fresh[source] === true;
        if (fresh && entry.sizeBytes > 0) this.#tally.move();
        this.#files.open(index, { entry, fresh });
      }
    });
    const failed = refused.length === 0 ? {} : { refused };
    this.#act({ kind: "register", first, entries, sources, ...failed });
  }

  /** The manifest is whole. */
  close(end: ManifestEnd): void {
    this.#settlement.entries.closeManifest(end, this.#check.hollow);
  }

  /** The sender gave an entry up. */
  failedThere(failure: EntryFailure): void {
    if (failure.entry >= this.#check.count) {
      throw violation("an entry fails that was not announced");
    }
    this.#files.failedThere(failure);
  }

  /** The store placed entries. */
  registered(first: number, placements: readonly Placement[]): void {
    placements.forEach((placement, offset) => this.#place(first + offset, placement));
    this.#registered = first + placements.length;
  }

  /**
   * Whether an entry is yet to be placed: a chunk may overtake the entry it belongs to, but not the
   * end of the manifest.
   */
  awaits(entry: number): boolean {
    if (entry < this.#registered) return false;
    if (this.#settlement.entries.isClosed && entry >= this.#check.count) {
      throw violation("a chunk is of an entry that was not announced");
    }
    return true;
  }

  /** A standing file was hashed, or could not be. */
  digested(entry: number, digests: Uint8Array | null): void {
    const file = this.#files.find(entry);
    if (file === undefined || file.standing === null) return;
    const heldBytes = Math.floor((digests?.byteLength ?? 0) / DIGEST_BYTES) * DIGEST_BYTES;
    const usable = digests?.subarray(0, Math.min(heldBytes, file.chunks * DIGEST_BYTES));
    if (usable === undefined || usable.byteLength === 0) {
      file.standing = null;
      return this.#decide(file, { entry, want: "all" });
    }
    const count = usable.byteLength / DIGEST_BYTES;
    this.#hold(file, { ranges: [[0, count]], digests: usable }, {});
    this.#decide(file, { entry, want: "rest" });
  }

  #place(index: number, placement: Placement): void {
    if (placement.kind === "failed") return this.#files.fail(index, placement);
    if (placement.kind === "skipped") return this.#files.skip(index);
    if (placement.kind === "later") return;
    if (placement.kind === "unchanged") return this.#files.unchanged(index, placement.digest);
    const file = this.#files.find(index);
    if (file === undefined) return;
    switch (placement.kind) {
      case "new":
        file.part = placement.part;
        return this.#decide(file, { entry: index, want: "all" });
      case "held":
        file.part = placement.part;
        this.#files.holdPart(file, { stamp: placement.stamp, recordedNs: placement.recordedNs });
        this.#hold(file, placement.chunks, file.heldAs ?? {});
        return this.#decide(file, { entry: index, want: "rest" });
      case "stands":
        file.part = placement.part;
        file.standing = { path: placement.path, stamp: placement.stamp };
        return this.#act({ kind: "digest", entry: index, ...file.standing });
    }
  }

  /** The file may take chunks; tells the sender unless its source is fresh. */
  #decide(file: ReceiveFile, verdict: Verdict): void {
    file.placed = true;
    if (!file.isAllHeld) this.#tally.move();
    if (!file.fresh) this.#news.decided(verdict);
    this.#files.maybeWhole(file);
  }

  /** Chunks are here from before; tells the sender. */
  #hold(
    file: ReceiveFile,
    chunks: HeldChunks,
    recorded: { readonly stamp?: Stamp; readonly recordedNs?: bigint },
  ): void {
    file.hold(chunks);
    const about = { type: "have", transfer: this.#transfer, entry: file.index } as const;
    for (const some of inMessages(chunks)) {
      this.#act({ kind: "send", message: { ...about, ...some, ...recorded } });
    }
  }
}

/** What is held, in pieces that fit into a message each. */
function* inMessages({ ranges, digests }: HeldChunks): Generator<HeldChunks> {
  let some: Range[] = [];
  let takenBytes = 0;
  let chunks = 0;
  const cut = (): HeldChunks => {
    const piece = digests.subarray(takenBytes, takenBytes += chunks * DIGEST_BYTES);
    const held = { ranges: some, digests: piece };
    [some, chunks] = [[], 0];
    return held;
  };
  for (const [first, count] of ranges) {
    for (let at = 0; at < count;) {
      const taken = Math.min(count - at, LIMITS.digestsPerMessage - chunks);
      some.push([first + at, taken]);
      [at, chunks] = [at + taken, chunks + taken];
      const isFull = chunks === LIMITS.digestsPerMessage || some.length === LIMITS.rangesPerMessage;
      if (isFull) yield cut();
    }
  }
  if (chunks > 0) yield cut();
}
