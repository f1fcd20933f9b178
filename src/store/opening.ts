// Opens the files of a manifest: what is there of each already, in place or as a part, and where its chunks
// are written meanwhile. Charges for them, and refuses what cannot fit before anything is written.

import type { BigIntStats } from "node:fs";
import { osError } from "../base/os_error.ts";
import { escapeText } from "../base/text.ts";
import { DIGEST_BYTES } from "../wire/frame.ts";
import type { Entry, Stamp } from "../wire/messages.ts";
import { chunksOf, type OpenFile } from "./chunk_journal.ts";
import { type Disk, sameStamp, stampOf } from "./disk.ts";
import type { Door } from "./door.ts";
import type { Journal } from "./journal.ts";
import type { PartRow } from "./journal_rows.ts";
import type { PartsRun } from "./parts.ts";
import { type Found, heldRowOf, placeFile, type PlacementQuestion } from "./placement.ts";
import type { Charge } from "./quota.ts";
import type { RegisteredFiles } from "./registered_files.ts";
import type { RegisteredModes } from "./registered_modes.ts";
import { growthBytes, type Room, takenBytes } from "./room.ts";
import type { Placement, ReceiveTransfer } from "./store.ts";
import type { Touched } from "./touched.ts";

/** What files are opened with. */
export interface OpeningContext {
  readonly journal: Journal;
  readonly disk: Disk;
  readonly door: Door;
  readonly run: PartsRun;
  /** An attempt before was not finished. */
  readonly goesOn: boolean;
  /** Parts are held from before. */
  readonly holdsParts: boolean;
  readonly room: Room;
  /** What the peer is charged for; null where nobody is. */
  readonly charge: Charge | null;
  /** Takes files to be put in place, by entry. */
  readonly files: RegisteredFiles;
  /** Takes files in place whose mode is to change. */
  readonly modes: RegisteredModes;
  /** Takes directories whose names are to be made durable. */
  readonly touched: Pick<Touched, "add">;
}

const NO_STAMP: Stamp = { device: 0n, inode: 0n, sizeBytes: 0, mtimeNs: 0n, ctimeNs: 0n };
const FRESH: Found = { kind: "new", stale: null };

export class Opening {
  readonly #transfer: ReceiveTransfer;
  readonly #context: OpeningContext;

  constructor(transfer: ReceiveTransfer, context: OpeningContext) {
    this.#transfer = transfer;
    this.#context = context;
  }

  open(
    number: number,
    entry: Entry,
    { final, isFree, stale }: {
      readonly final: string;
      /** Nothing stands there and no part is held. */
      readonly isFree: boolean;
      /** Takes rows whose parts go. */
      readonly stale: PartRow[];
    },
  ): Placement {
    const held = isFree ? null : this.#held(entry);
    const stat = isFree ? null : this.#context.door.look(final);
    const found = held === null ? FRESH : this.#find({ entry, path: final, stat, ...held });
    if ("stale" in found && found.stale !== null) stale.push(found.stale);
    return this.#register(number, { entry, final, found, stat });
  }

  /** Throws `no_space` where all that is open, with the entries from `first` to before `end`, cannot fit. */
  checkRoom({ first, end }: { readonly first: number; readonly end: number }): void {
    const { room, charge, files } = this.#context;
    charge?.check();
    const left = (file: OpenFile, isNew: boolean) =>
      file.growthBytes - (isNew ? 0 : this.#takenBytes(file));
    for (let entry = first; entry < end; entry++) {
      const file = files.get(entry);
      if (file !== undefined) room.add(left(file, file.row === null && !file.isStray));
    }
    room.check(() => files.values().reduce((sum, file) => sum + left(file, false), 0));
  }

  /** Rows that say nothing of use any more go, with their parts. */
  drop(stale: readonly PartRow[]): void {
    const { journal, run } = this.#context;
    journal.transaction(() => stale.forEach((row) => journal.dropPart(row.id)));
    run.remove(stale.map((row) => row.name));
  }

  /** What is held of an entry, by row and name. */
  #held(entry: Entry): Pick<PlacementQuestion, "row" | "part" | "stray"> {
    const { journal, run, holdsParts } = this.#context;
    const row = holdsParts ? journal.part(this.#transfer.key, entry.path) : null;
    const part = row === null ? null : run.find(row.name);
    if (row !== null && part !== null && (this.#context.disk.look(part)?.nlink ?? 0n) > 1n) {
      // In place already, but for this name of it. It goes before the file is looked at: that moves ctime.
      this.drop([row]);
      return { row: null, part: null, stray: null };
    }
    const lost = holdsParts && row === null ? journal.stray(this.#transfer.key, entry.path) : null;
    const path = lost === null ? null : run.find(lost.name);
    const stray = lost === null || path === null ? null : { row: lost, path };
    return { row, part, stray };
  }

  #find(question: PlacementQuestion): Found {
    const { journal, disk } = this.#context;
    return placeFile(question, { rules: this.#transfer, journal, disk });
  }

  #register(
    number: number,
    { entry, final, found, stat: standing }: {
      readonly entry: Entry;
      readonly final: string;
      readonly found: Found;
      readonly stat: BigIntStats | null;
    },
  ): Placement {
    const { path, sizeBytes, mode, mtimeNs } = entry;
    if (found.kind === "unchanged") {
      const { digest, stat } = found;
      const { goesOn, journal, door, touched } = this.#context;
      // Its record is made before its name is durable, by whom nothing makes it so any more.
      if (goesOn && journal.isOwn(final, this.#transfer.key)) touched.add(door.parentOf(final));
      if (Number(stat.mode & 0o7777n) !== mode) {
        const standing = stampOf(stat);
        this.#context.modes.add({ entry: number, mode, mtimeNs, digest, standing });
      }
      return { kind: "unchanged", digest };
    }
    const { run, door } = this.#context;
    const held = found.kind === "held" ? found.row : null;
    const stray = found.kind === "stands" ? found.stray : undefined;
    const part = held?.name ?? stray?.name ?? run.nameOf(number);
    // Smaller files are sent again as a whole or not at all.
    if (sizeBytes > this.#transfer.chunkBytes) run.keepRoom();
    if (found.kind === "held" && found.cutAt !== null) {
      this.#resize(found.row, found.cutAt, sizeBytes);
    }
    const stamp = entry.stamp ?? NO_STAMP;
    const knownBytes = found.kind === "held" ? found.chunks.digests.byteLength : 0;
    this.#context.files.set(number, {
      path,
      final,
      sizeBytes,
      mode,
      mtimeNs,
      stamp,
      part,
      standing: found.kind === "stands" ? found.standing : null,
      isStray: stray !== undefined,
      growthBytes: growthBytes(entry, standing),
      chargedBytes: this.#charged({ final, sizeBytes, found }),
      row: held?.id ?? null,
      isStale: held !== null && !sameStamp(held.stamp, stamp),
      // What stands may be the same: a resume need not begin with comparing it.
      undurable: found.kind === "stands"
        ? 0
        : chunksOf(entry, this.#transfer) - knownBytes / DIGEST_BYTES,
    });
    const absolute = run.pathOf(part);
    switch (found.kind) {
      case "new":
        return { kind: "new", part: absolute };
      case "held": {
        const { chunks, row: { stamp, recordedNs } } = found;
        return { kind: "held", part: absolute, chunks, stamp, recordedNs };
      }
      case "stands": {
        const path = stray === undefined ? door.enter(final) : absolute;
        return { kind: "stands", part: absolute, path, stamp: found.standing };
      }
    }
  }

  /**
   * Makes a part one of another size. First nothing is claimed any more of what it loses (I2), in the
   * same step as its size: should this break off in between, its stamp still says how long it may be.
   */
  #resize(row: PartRow, cutAt: number, sizeBytes: number): void {
    const { journal, run } = this.#context;
    try {
      journal.irrevocably(() => journal.resize(row.id, { sizeBytes, cutAt }));
      run.resize(row.name, sizeBytes);
    } catch (thrown) {
      throw osError(thrown, `go on with "${escapeText(row.path)}"`);
    }
  }

  /** By how much the peer's account grows with a file in place. */
  #charged(
    { final, sizeBytes, found }: {
      readonly final: string;
      readonly sizeBytes: number;
      readonly found: Exclude<Found, { kind: "unchanged" }>;
    },
  ): number {
    const heldBytes = heldRowOf(found)?.sizeBytes ?? 0;
    return this.#context.charge?.add({ final, sizeBytes, heldBytes }) ?? 0;
  }

  /** What of a file's growth is there already, in its part. */
  #takenBytes({ part, growthBytes, sizeBytes }: OpenFile): number {
    if (growthBytes <= 0) return 0;
    const path = this.#context.run.find(part);
    const stat = path === null ? null : this.#context.disk.look(path);
    return stat === null ? 0 : Math.min(takenBytes(stat), sizeBytes);
  }
}
