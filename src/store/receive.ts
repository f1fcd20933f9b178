// One receiving transfer on disk, from `begin` to `finish` or `abandon`: what was registered, where
// it goes, what is journalled and what is in place. Synchronous; lives in the store's worker.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import type { Entry, EntryFailure, OfferedSource, Stamp } from "../wire/messages.ts";
import { ChunkJournal, type OpenFile } from "./chunk_journal.ts";
import { commitFile, keepFile, type Place } from "./commit.ts";
import type { FileLock } from "./database.ts";
import { Destination } from "./destination.ts";
import { type Disk, sameStamp, stampOf } from "./disk.ts";
import { diskError } from "./disk_error.ts";
import { Door } from "./door.ts";
import type { CommittedRow, Journal, PartRow } from "./journal.ts";
import { ManifestGuard } from "./manifest_guard.ts";
import { PartsRun } from "./parts.ts";
import { type Found, placeFile } from "./placement.ts";
import type { JournalRun, Outcome, Placement, ReceiveTransfer, WholeFile } from "./store.ts";
import {
  type DirectoryToPlace,
  finishDirectory,
  type LinkToPlace,
  placeDirectory,
  placeLink,
} from "./tree.ts";

/** What a transfer needs of the root it writes to. */
export interface ReceiveContext {
  readonly root: string;
  readonly partsDirectory: string;
  readonly journal: Journal;
  readonly lock: FileLock;
  readonly disk: Disk;
  readonly ignoresCase: boolean;
}

/** A file in place whose mode is not the manifest's. */
interface ModeChange {
  readonly entry: number;
  readonly final: string;
  readonly mode: number;
  readonly mtimeNs: bigint;
  readonly digest: Uint8Array;
  readonly standing: Stamp;
}

const NO_STAMP: Stamp = { device: 0n, inode: 0n, sizeBytes: 0, mtimeNs: 0n, ctimeNs: 0n };

export class Receiving {
  readonly #transfer: ReceiveTransfer;
  readonly #context: ReceiveContext;
  readonly #door: Door;
  readonly #destination: Destination;
  readonly #guard: ManifestGuard;
  readonly #run: PartsRun;
  readonly #chunks: ChunkJournal;
  readonly #rows: Map<string, PartRow>;
  readonly #files = new Map<number, OpenFile>();
  readonly #directories = new Map<number, DirectoryToPlace>();
  readonly #links = new Map<number, LinkToPlace>();
  readonly #modes: ModeChange[] = [];
  /** Absolute paths of directories with new names in them, to be synced at `finish`. */
  readonly #touched = new Set<string>();
  #next = 0;
  #isPlaced = false;
  readonly fresh: readonly boolean[];
  readonly chunkBytes: number;

  constructor(transfer: ReceiveTransfer, context: ReceiveContext) {
    this.#context = context;
    this.#door = new Door(context.root, (absolute) => this.#touched.add(absolute));
    this.#destination = Destination.resolve(transfer, this.#door);
    this.#guard = new ManifestGuard(context.ignoresCase);
    const { journal } = context;
    this.#rows = new Map(journal.parts(transfer.key).map((row) => [row.path, row]));
    // Digests of another chunk size say nothing: while parts are held, theirs is the size.
    const fixed = this.#rows.size > 0 ? journal.transfer(transfer.key)?.chunkBytes : undefined;
    this.chunkBytes = fixed ?? transfer.chunkBytes;
    this.#transfer = { ...transfer, chunkBytes: this.chunkBytes };
    const held = [...this.#rows.keys()];
    this.fresh = transfer.sources.map((source) =>
      !isHeld(source, held) && this.#destination.isFree(source, this.#door)
    );
    this.#run = new PartsRun(context.partsDirectory);
    this.#chunks = new ChunkJournal(this.#transfer, { ...context, run: this.#run });
  }

  get key(): Uint8Array {
    return this.#transfer.key;
  }

  register(first: number, entries: readonly Entry[], sources: readonly number[]): Placement[] {
    if (first !== this.#next || entries.length !== sources.length || this.#isPlaced) {
      throw new SftpxError("protocol", `Cannot register entry ${first}: ${this.#next} is next`);
    }
    this.#next += entries.length;
    this.#door.forget();
    const stale: PartRow[] = [];
    const placements = entries.map((entry, i): Placement => {
      try {
        const source = sources[i] ?? -1;
        const final = this.#destination.of(entry.path, source);
        this.#guard.check(entry);
        if (entry.kind !== "file") return this.#later(first + i, entry, final);
        const found = this.fresh[source] ? FRESH : this.#find(entry, final);
        if ("stale" in found && found.stale !== null) stale.push(found.stale);
        return this.#open(first + i, { entry, final, found });
      } catch (thrown) {
        const { code, message } = toSftpxError(thrown);
        return { kind: "failed", code, message };
      }
    });
    if (stale.length > 0) this.#dropRows(stale);
    return placements;
  }

  journal(runs: readonly JournalRun[]): void {
    const known = runs.flatMap((run) => {
      const file = this.#files.get(run.entry);
      return file === undefined ? [] : [{ run, file }];
    });
    if (known.length > 0) this.#chunks.add(known);
  }

  forget(entries: readonly number[]): void {
    this.#chunks.forget(entries.flatMap((entry) => this.#files.get(entry) ?? []));
  }

  placeDirectories(): Outcome {
    this.#door.forget();
    this.#isPlaced = true;
    const failures: EntryFailure[] = [];
    const base = this.#destination.directory;
    if (base !== null) this.#door.enterDirectory(base);
    for (const [entry, directory] of this.#directories) {
      try {
        placeDirectory(directory, this.#place);
      } catch (thrown) {
        failures.push(failureOf(entry, thrown));
        this.#directories.delete(entry);
      }
    }
    return { committed: [], failures };
  }

  commit(files: readonly WholeFile[]): Outcome {
    if (!this.#isPlaced) throw new TypeError("Cannot commit: directories are not placed yet");
    this.#door.forget();
    const committed: { readonly entry: number; readonly row: CommittedRow }[] = [];
    const failures: EntryFailure[] = [];
    for (const whole of files) {
      try {
        committed.push({ entry: whole.entry, row: this.#commitOne(whole) });
      } catch (thrown) {
        failures.push(failureOf(whole.entry, thrown));
      }
    }
    this.#record(committed);
    return { committed: committed.map(({ entry }) => entry), failures };
  }

  finish(): Outcome {
    this.#door.forget();
    const failures: EntryFailure[] = [];
    const committed: number[] = [];
    const attempt = (entry: number, place: () => void, counts: boolean) => {
      try {
        place();
        if (counts) committed.push(entry);
      } catch (thrown) {
        failures.push(failureOf(entry, thrown));
      }
    };
    for (const [entry, link] of this.#links) {
      attempt(entry, () => {
        placeLink(link, this.#place);
        this.#touched.add(this.#door.parentOf(link.path));
      }, true);
    }
    const rows: CommittedRow[] = [];
    for (const change of this.#modes) {
      attempt(change.entry, () => rows.push(this.#changeMode(change)), false);
    }
    for (const [entry, directory] of [...this.#directories].reverse()) {
      const touched = this.#touched;
      attempt(entry, () => finishDirectory(directory, { ...this.#place, touched }), true);
    }
    this.#syncTouched();
    this.#forgetAll(rows);
    this.#context.lock.discard();
    return { committed, failures };
  }

  /** Keeps what the journal knows, removes the other parts, unlocks. */
  abandon(): void {
    try {
      const rows = this.#context.journal.parts(this.key);
      this.#run.sweep(new Set(rows.map((row) => row.name)));
    } catch (thrown) {
      throw diskError(thrown, "put a transfer aside");
    } finally {
      this.#context.lock.discard();
    }
  }

  get #place(): Place {
    return { disk: this.#context.disk, door: this.#door };
  }

  #later(number: number, entry: Entry, final: string): Placement {
    const { kind, mode, mtimeNs, target } = entry;
    if (kind === "directory") {
      this.#directories.set(number, { path: final, mode, mtimeNs });
    } else {
      const { writeOnce } = this.#transfer;
      const scratch = this.#run.scratch;
      this.#links.set(number, { path: final, target: target ?? "", mtimeNs, writeOnce, scratch });
    }
    return { kind: "later" };
  }

  #find(entry: Entry, final: string): Found {
    const row = this.#rows.get(entry.path) ?? null;
    const part = row === null ? null : this.#run.pathOf(row.name);
    const stat = this.#door.look(final);
    return placeFile({ entry, path: final, stat, row, part }, {
      rules: this.#transfer,
      journal: this.#context.journal,
    });
  }

  #open(
    number: number,
    { entry, final, found }: { entry: Entry; final: string; found: Found },
  ): Placement {
    const { path, sizeBytes, mode, mtimeNs } = entry;
    if (found.kind === "unchanged") {
      const { digest, stat } = found;
      if (Number(stat.mode & 0o777n) !== (mode & 0o777)) {
        const standing = stampOf(stat);
        this.#modes.push({ entry: number, final, mode, mtimeNs, digest, standing });
      }
      return { kind: "unchanged", digest };
    }
    const held = found.kind === "held" ? found.row : null;
    const part = held?.name ?? this.#run.nameOf(number);
    const stamp = entry.stamp ?? NO_STAMP;
    const isSame = held !== null && sameStamp(held.stamp, stamp);
    this.#files.set(number, {
      path,
      final,
      sizeBytes,
      mode,
      mtimeNs,
      stamp,
      part,
      standing: found.kind === "stands" ? found.standing : null,
      row: held?.id ?? null,
      isStale: held !== null && !isSame,
    });
    const absolute = this.#run.pathOf(part);
    switch (found.kind) {
      case "new":
        return { kind: "new", part: absolute };
      case "held": {
        const { runs, row } = found;
        const { stamp, recordedNs } = row;
        return { kind: "held", part: absolute, runs, stamp, recordedNs };
      }
      case "stands": {
        const standing = this.#door.enter(final);
        const { sizeBytes } = found.standing;
        return { kind: "stands", part: absolute, path: standing, sizeBytes };
      }
    }
  }

  #dropRows(rows: readonly PartRow[]): void {
    const { journal } = this.#context;
    journal.transaction(() => rows.forEach((row) => journal.dropPart(row.id)));
    this.#run.remove(rows.map((row) => row.name));
    for (const row of rows) this.#rows.delete(row.path);
  }

  #commitOne({ entry, digest, synced, keep }: WholeFile): CommittedRow {
    const file = this.#files.get(entry);
    if (file === undefined) {
      throw new SftpxError("internal", `Cannot commit entry ${entry}: it is not open`);
    }
    const { final: path, mode, mtimeNs, sizeBytes, standing } = file;
    let stamp: Stamp;
    if (keep) {
      if (standing === null) {
        throw new SftpxError("internal", `Cannot keep entry ${entry}: nothing stands there`);
      }
      stamp = keepFile({ path, mode, mtimeNs, standing }, this.#place);
    } else {
      const part = this.#run.pathOf(file.part);
      const { writeOnce } = this.#transfer;
      const whole = { path, part, sizeBytes, mode, mtimeNs, synced, writeOnce };
      stamp = commitFile(whole, this.#place);
    }
    this.#touched.add(this.#door.parentOf(path));
    return { path, digest, chunkBytes: this.chunkBytes, mtimeNs, stamp };
  }

  /** After the renames: a record that a crash loses costs a re-hash, one too many would lie. */
  #record(committed: readonly { readonly entry: number; readonly row: CommittedRow }[]): void {
    if (committed.length === 0) return;
    const { journal } = this.#context;
    try {
      journal.transaction(() => {
        for (const { entry, row } of committed) {
          journal.addCommitted(row);
          const part = this.#files.get(entry)?.row ?? null;
          if (part !== null) journal.dropPart(part);
        }
      });
    } catch (thrown) {
      throw diskError(thrown, "record committed files");
    }
    for (const { entry } of committed) this.#files.delete(entry);
  }

  #changeMode({ final, mode, mtimeNs, digest, standing }: ModeChange): CommittedRow {
    const stamp = keepFile({ path: final, mode, mtimeNs, standing }, this.#place);
    return { path: final, digest, chunkBytes: this.chunkBytes, mtimeNs, stamp };
  }

  #syncTouched(): void {
    for (const directory of this.#touched) {
      try {
        this.#context.disk.syncDirectory(directory);
      } catch (thrown) {
        throw diskError(thrown, "make the names of committed files durable");
      }
    }
    this.#touched.clear();
  }

  /** Rows first, then parts: a part without a row is swept, a row without a part is a lie. */
  #forgetAll(rows: readonly CommittedRow[]): void {
    const { journal } = this.#context;
    try {
      const open = [...this.#files.values()].filter((file) => file.row !== null);
      const names = journal.parts(this.key).map((row) => row.name);
      journal.transaction(() => {
        for (const row of rows) journal.addCommitted(row);
        journal.forget(this.key, new Set(open.map((file) => file.path)));
      });
      const kept = new Set(open.map((file) => file.part));
      this.#run.remove(names.filter((name) => !kept.has(name)));
      this.#run.sweep(kept);
    } catch (thrown) {
      throw diskError(thrown, "forget a finished transfer");
    }
  }
}

/** Whether parts of this source are held, going by their paths in the manifest. */
function isHeld(source: OfferedSource, paths: readonly string[]): boolean {
  const below = `${source.name}/`;
  return paths.some((path) => source.contents || path === source.name || path.startsWith(below));
}

const FRESH: Found = { kind: "new", stale: null };

function failureOf(entry: number, thrown: unknown): EntryFailure {
  const { code, message } = toSftpxError(thrown);
  return { entry, code, message };
}
