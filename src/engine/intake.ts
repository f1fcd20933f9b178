// The manifest on its way in: every entry is checked before anything is held for it (I3), handed to
// the store to be placed, and, unless its source is fresh, answered with what is had and needed.

import { LIMITS } from "../base/limits.ts";
import type { Placement } from "../store/store.ts";
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
    if (first !== this.#check.count || this.#settlement.isClosed) {
      throw violation("its entries do not follow each other");
    }
    entries.forEach((entry, offset) => {
      const index = first + offset;
      const source = sources[offset]!;
      const problem = this.#check.next(entry, source);
      this.#settlement.add(entry);
      if (problem !== null) {
        const message = `Cannot take the name: ${problem}`;
        this.#files.fail(index, { code: "bad_name", message });
      } else if (entry.kind === "file") {
        const fresh = this.#fresh[source] === true;
        if (fresh && entry.sizeBytes > 0) this.#tally.move();
        this.#files.open(index, { entry, fresh });
      }
    });
    this.#act({ kind: "register", first, entries, sources });
  }

  /** The manifest is whole. */
  close(end: ManifestEnd): void {
    this.#settlement.closeManifest(end, this.#check.hollow);
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
    if (this.#settlement.isClosed && entry >= this.#check.count) {
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
    const run = { first: 0, digests: usable };
    file.hold(run);
    this.#sendHave(file, run, {});
    this.#decide(file, { entry, want: "rest" });
  }

  #place(index: number, placement: Placement): void {
    if (placement.kind === "failed") return this.#files.fail(index, placement);
    const file = this.#files.find(index);
    if (file === undefined) return;
    switch (placement.kind) {
      case "later":
        return;
      case "new":
        file.part = placement.part;
        return this.#decide(file, { entry: index, want: "all" });
      case "unchanged":
        return this.#files.unchanged(file, placement.digest);
      case "held":
        file.part = placement.part;
        file.heldAs = { stamp: placement.stamp, recordedNs: placement.recordedNs };
        for (const run of placement.runs) {
          file.hold(run);
          this.#sendHave(file, run, placement);
        }
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

  #sendHave(
    file: ReceiveFile,
    run: { first: number; digests: Uint8Array },
    recorded: { stamp?: Stamp; recordedNs?: bigint },
  ): void {
    const stepBytes = LIMITS.digestsPerMessage * DIGEST_BYTES;
    for (let at = 0; at < run.digests.byteLength; at += stepBytes) {
      this.#act({
        kind: "send",
        message: {
          type: "have",
          transfer: this.#transfer,
          entry: file.index,
          first: run.first + at / DIGEST_BYTES,
          digests: run.digests.slice(at, at + stepBytes),
          ...(recorded.stamp === undefined ? {} : { stamp: recorded.stamp }),
          ...(recorded.recordedNs === undefined ? {} : { recordedNs: recorded.recordedNs }),
        },
      });
    }
  }
}
