// What the entries of a manifest are to one receiving transfer: where each goes, what is there already,
// and where its chunks are written meanwhile. Refuses entries out of sequence; an entry that cannot be
// placed fails alone. Puts nothing under a final name.

import type { BigIntStats } from "node:fs";
import { SftpxError, toSftpxError } from "../base/errors.ts";
import { isDamage, osError } from "../base/os_error.ts";
import { escapeText } from "../base/text.ts";
import type { Entry, Stamp } from "../wire/messages.ts";
import { chunksOf, type OpenFile } from "./chunk_journal.ts";
import type { Destination } from "./destination.ts";
import { type Disk, sameStamp, stampOf } from "./disk.ts";
import type { Door } from "./door.ts";
import { Frontier } from "./frontier.ts";
import type { Journal } from "./journal.ts";
import { DIGEST_BYTES, type PartRow } from "./journal_rows.ts";
import { checkLink, type LinkNames, type LinkRules } from "./links.ts";
import { ManifestGuard } from "./manifest_guard.ts";
import type { NameRules } from "./names.ts";
import type { PartsRun } from "./parts.ts";
import { restoredMode } from "./modes.ts";
import { PathList } from "./path_list.ts";
import { type Found, heldRowOf, placeFile, type PlacementQuestion } from "./placement.ts";
import { type Charge, requireFileBound } from "./quota.ts";
import { RegisteredFiles } from "./registered_files.ts";
import { growthBytes, type Room, takenBytes } from "./room.ts";
import type { Steps } from "./steps.ts";
import type { Placement, ReceiveTransfer } from "./store.ts";
import type { DirectoryToPlace, LinkToPlace } from "./tree.ts";

/** What entries are registered with. */
export interface RegisterContext {
  readonly journal: Journal;
  readonly disk: Disk;
  readonly door: Door;
  readonly destination: Destination;
  readonly run: PartsRun;
  /** Parts are held from before. */
  readonly holdsParts: boolean;
  /** Where the manifest may begin. */
  readonly from: string | null;
  /** For each source: nothing stands there and no part is held. */
  readonly free: readonly boolean[];
  readonly names: NameRules;
  readonly linkRules: LinkRules;
  readonly linkNames: LinkNames;
  readonly room: Room;
  /** What the peer is charged for; null where nobody is. */
  readonly charge: Charge | null;
  /** The process's file mask. */
  readonly mask: number;
}

/** What comes with entries. */
export interface RegisterRest {
  /** The source of each. */
  readonly sources: readonly number[];
  /** Numbers of those that failed when they came: they are named, and nothing is kept or counted for them. */
  readonly refused: readonly number[];
}

/** A file in place whose mode is not the manifest's. */
export interface ModeChange {
  readonly entry: number;
  readonly final: string;
  readonly mode: number;
  readonly mtimeNs: bigint;
  readonly digest: Uint8Array;
  readonly standing: Stamp;
}

const NO_STAMP: Stamp = { device: 0n, inode: 0n, sizeBytes: 0, mtimeNs: 0n, ctimeNs: 0n };
const REFUSED: Placement = {
  kind: "failed",
  code: "bad_name",
  message: "Cannot place it: it was refused when it came",
};
const FRESH: Found = { kind: "new", stale: null };

export class Register {
  readonly #transfer: ReceiveTransfer;
  readonly #context: RegisterContext;
  readonly #guard: ManifestGuard;
  #next = 0;
  #isClosed = false;
  /** Files to be put in place, by entry. */
  readonly files: RegisteredFiles;
  /** Directories to be made, by entry. */
  readonly directories = new Map<number, DirectoryToPlace>();
  /** Links to be put in place, by entry. */
  readonly links = new Map<number, LinkToPlace>();
  /** Files in place whose mode is to change, by entry. */
  readonly modes = new Map<number, ModeChange>();
  /** Everything the manifest names, what failed included: none of it is extraneous. */
  readonly paths = new PathList();
  /** Where a resume would begin. */
  readonly frontier: Frontier;

  constructor(transfer: ReceiveTransfer, context: RegisterContext) {
    this.#transfer = transfer;
    this.#context = context;
    this.#guard = new ManifestGuard(context.names, { from: context.from });
    this.files = new RegisteredFiles((entry) => context.run.nameFor(entry));
    this.frontier = new Frontier(this.files, context.from);
  }

  /** The manifest is whole: nothing more is registered. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  close(): void {
    this.#isClosed = true;
  }

  /** Entries that failed elsewhere: what is placed without a commit is not placed for them. */
  leaveOut(entries: readonly number[]): void {
    this.frontier.leaveOut(entries);
    for (const entry of entries) {
      this.directories.delete(entry);
      this.links.delete(entry);
      this.modes.delete(entry);
    }
  }

  /** Registers the next entries; the answer is in the same order. */
  *adding(
    first: number,
    entries: readonly Entry[],
    { sources, refused }: RegisterRest,
  ): Steps<Placement[]> {
    if (first !== this.#next || entries.length !== sources.length || this.#isClosed) {
      throw new SftpxError("protocol", `Cannot register entry ${first}: ${this.#next} is next`);
    }
    this.#next += entries.length;
    this.#lookAnew();
    const stale: PartRow[] = [];
    const placements: Placement[] = [];
    const failed = new Set(refused);
    for (const [i, entry] of entries.entries()) {
      const source = sources[i] ?? -1;
      placements.push(this.#add(first + i, entry, { source, failed, stale }));
      if (yield) this.#lookAnew();
    }
    this.#checkRoom(first);
    if (stale.length > 0) this.#dropRows(stale);
    return placements;
  }

  /** What was seen of directories holds for one call, and until others have their turn. */
  #lookAnew(): void {
    const { door, run, linkNames } = this.#context;
    door.forget();
    run.forget();
    linkNames.forget();
  }

  #add(
    number: number,
    offered: Entry,
    { source, failed, stale }: {
      readonly source: number;
      readonly failed: ReadonlySet<number>;
      /** Takes rows whose parts go. */
      readonly stale: PartRow[];
    },
  ): Placement {
    const { destination, door, free, mask } = this.#context;
    const rule = { policy: this.#transfer.policy.modes, mask };
    const entry = { ...offered, mode: restoredMode(offered.mode, rule) };
    this.paths.add(entry.path);
    this.frontier.add(entry.path);
    if (failed.has(number)) return REFUSED;
    try {
      const final = destination.of(entry.path, source);
      this.#guard.check(entry, final);
      if (entry.kind === "file") requireFileBound({ ...entry, path: final }, this.#transfer);
      if (entry.kind !== "file") return this.#later(number, entry, final);
      const held = free[source] ? null : this.#held(entry);
      const stat = free[source] ? null : door.look(final);
      const found = held === null ? FRESH : this.#find({ entry, path: final, stat, ...held });
      if ("stale" in found && found.stale !== null) stale.push(found.stale);
      return this.#open(number, { entry, final, found, stat });
    } catch (thrown) {
      // Not the entry's fault, and no other one would fare better.
      if (isDamage(thrown)) throw thrown;
      const { code, message } = toSftpxError(thrown);
      return { kind: "failed", code, message };
    }
  }

  #later(number: number, entry: Entry, final: string): Placement {
    const { kind, mode, mtimeNs, target = "" } = entry;
    if (kind === "directory") {
      this.directories.set(number, { path: final, mode, mtimeNs });
      return { kind: "later" };
    }
    const { linkRules: rules, door, run: { scratch } } = this.#context;
    if (rules.policy === "skip") return { kind: "skipped" };
    checkLink({ path: final, target }, { rules, door, names: this.#context.linkNames });
    const { writeOnce } = this.#transfer;
    this.links.set(number, { path: final, target, mtimeNs, writeOnce, scratch });
    return { kind: "later" };
  }

  /** What is held of an entry, by row and name. */
  #held(entry: Entry): Pick<PlacementQuestion, "row" | "part" | "stray"> {
    const { journal, run, holdsParts } = this.#context;
    const row = holdsParts ? journal.part(this.#transfer.key, entry.path) : null;
    const part = row === null ? null : run.find(row.name);
    if (row !== null && part !== null && (this.#context.disk.look(part)?.nlink ?? 0n) > 1n) {
      // In place already, but for this name of it. It goes before the file is looked at: that moves ctime.
      this.#dropRows([row]);
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

  #open(
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
      if (Number(stat.mode & 0o7777n) !== mode) {
        const standing = stampOf(stat);
        this.modes.set(number, { entry: number, final, mode, mtimeNs, digest, standing });
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
    this.files.set(number, {
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

  /** Throws `no_space` where all that is open, with the entries from `first` on, cannot fit. */
  #checkRoom(first: number): void {
    const { room, charge } = this.#context;
    charge?.check();
    const left = (file: OpenFile, isNew: boolean) =>
      file.growthBytes - (isNew ? 0 : this.#takenBytes(file));
    for (let entry = first; entry < this.#next; entry++) {
      const file = this.files.get(entry);
      if (file !== undefined) room.add(left(file, file.row === null && !file.isStray));
    }
    room.check(() => this.files.values().reduce((sum, file) => sum + left(file, false), 0));
  }

  /** What of a file's growth is there already, in its part. */
  #takenBytes({ part, growthBytes, sizeBytes }: OpenFile): number {
    if (growthBytes <= 0) return 0;
    const path = this.#context.run.find(part);
    const stat = path === null ? null : this.#context.disk.look(path);
    return stat === null ? 0 : Math.min(takenBytes(stat), sizeBytes);
  }

  #dropRows(stale: readonly PartRow[]): void {
    const { journal, run } = this.#context;
    journal.transaction(() => stale.forEach((row) => journal.dropPart(row.id)));
    run.remove(stale.map((row) => row.name));
  }
}
