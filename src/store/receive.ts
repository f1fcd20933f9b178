// One receiving transfer on disk, from `begin` to `finish` or `abandon`: what of its register is
// journalled and what is in place. Puts nothing in place before the manifest is whole (I1), and leaves
// either a finished tree or parts to resume from. Synchronous; lives in the store's worker.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import type { Entry, EntryFailure, OfferedSource, Stamp } from "../wire/messages.ts";
import { ChunkJournal } from "./chunk_journal.ts";
import { commitFile, keepFile, type Place } from "./commit.ts";
import type { FileLock } from "../runtime/database.ts";
import { Destination } from "./destination.ts";
import type { Disk } from "./disk.ts";
import { diskError } from "./disk_error.ts";
import { Door } from "./door.ts";
import type { CommittedRow, Journal } from "./journal.ts";
import { PartsRun } from "./parts.ts";
import { type ModeChange, Register } from "./register.ts";
import type { JournalRun, Outcome, Placement, ReceiveTransfer, WholeFile } from "./store.ts";
import { finishDirectory, placeDirectory, placeLink } from "./tree.ts";

/** What a transfer needs of the root it writes to. */
export interface ReceiveContext {
  readonly root: string;
  readonly partsDirectory: string;
  readonly journal: Journal;
  readonly lock: FileLock;
  readonly disk: Disk;
  readonly ignoresCase: boolean;
}

export class Receiving {
  readonly #transfer: ReceiveTransfer;
  readonly #context: ReceiveContext;
  readonly #door: Door;
  readonly #destination: Destination;
  readonly #run: PartsRun;
  readonly #chunks: ChunkJournal;
  readonly #register: Register;
  /** Absolute paths of directories with new names in them, to be synced at `finish`. */
  readonly #touched = new Set<string>();
  /** Directories that stood before, under a write-once grant: their modes and times stay. */
  readonly #leftAlone = new Set<number>();
  readonly fresh: readonly boolean[];
  readonly chunkBytes: number;

  constructor(transfer: ReceiveTransfer, context: ReceiveContext) {
    this.#context = context;
    this.#door = new Door(context.root, (absolute) => this.#touched.add(absolute));
    this.#destination = Destination.resolve(transfer, this.#door);
    const { journal, ignoresCase } = context;
    const rows = new Map(journal.parts(transfer.key).map((row) => [row.path, row]));
    // Digests of another chunk size say nothing: while parts are held, theirs is the size.
    const fixed = rows.size > 0 ? journal.transfer(transfer.key)?.chunkBytes : undefined;
    this.chunkBytes = fixed ?? transfer.chunkBytes;
    this.#transfer = { ...transfer, chunkBytes: this.chunkBytes };
    const held = [...rows.keys()];
    this.fresh = transfer.sources.map((source) =>
      !isHeld(source, held) && this.#destination.isFree(source, this.#door)
    );
    this.#run = new PartsRun(context.partsDirectory);
    this.#chunks = new ChunkJournal(this.#transfer, { ...context, run: this.#run });
    this.#register = new Register(this.#transfer, {
      journal,
      door: this.#door,
      destination: this.#destination,
      run: this.#run,
      rows,
      fresh: this.fresh,
      ignoresCase,
    });
  }

  get key(): Uint8Array {
    return this.#transfer.key;
  }

  register(first: number, entries: readonly Entry[], sources: readonly number[]): Placement[] {
    return this.#register.add(first, entries, sources);
  }

  journal(runs: readonly JournalRun[]): void {
    const known = runs.flatMap((run) => {
      const file = this.#register.files.get(run.entry);
      return file === undefined ? [] : [{ run, file }];
    });
    if (known.length > 0) this.#chunks.add(known);
  }

  forget(entries: readonly number[]): void {
    this.#chunks.forget(entries.flatMap((entry) => this.#register.files.get(entry) ?? []));
  }

  placeDirectories(leaveOut: readonly number[]): Outcome {
    this.#door.forget();
    this.#register.close();
    this.#register.leaveOut(leaveOut);
    const failures: EntryFailure[] = [];
    const base = this.#destination.directory;
    if (base !== null) this.#door.enterDirectory(base);
    for (const [entry, directory] of this.#register.directories) {
      try {
        const { writeOnce } = this.#transfer;
        const stood = placeDirectory(directory, { ...this.#place, writeOnce });
        if (stood && writeOnce) this.#leftAlone.add(entry);
      } catch (thrown) {
        failures.push(failureOf(entry, thrown));
        this.#register.directories.delete(entry);
      }
    }
    return { committed: [], failures };
  }

  commit(files: readonly WholeFile[]): Outcome {
    if (!this.#register.isClosed) {
      throw new TypeError("Cannot commit: directories are not placed yet");
    }
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

  finish(leaveOut: readonly number[]): Outcome {
    this.#door.forget();
    this.#register.leaveOut(leaveOut);
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
    for (const [entry, link] of this.#register.links) {
      attempt(entry, () => {
        placeLink(link, this.#place);
        this.#touched.add(this.#door.parentOf(link.path));
      }, true);
    }
    const rows: CommittedRow[] = [];
    for (const change of this.#register.modes.values()) {
      attempt(change.entry, () => rows.push(this.#changeMode(change)), false);
    }
    for (const [entry, directory] of [...this.#register.directories].reverse()) {
      const touched = this.#touched;
      const close = this.#leftAlone.has(entry)
        ? () => {}
        : () => finishDirectory(directory, { ...this.#place, touched });
      attempt(entry, close, true);
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

  #commitOne({ entry, digest, synced, keep }: WholeFile): CommittedRow {
    const file = this.#register.files.get(entry);
    if (file === undefined) {
      throw new SftpxError("internal", `Cannot commit entry ${entry}: it is not open`);
    }
    const { final: path, mode, mtimeNs, sizeBytes, standing } = file;
    const { writeOnce } = this.#transfer;
    let stamp: Stamp;
    if (keep) {
      if (standing === null) {
        throw new SftpxError("internal", `Cannot keep entry ${entry}: nothing stands there`);
      }
      stamp = keepFile({ path, mode, mtimeNs, standing, writeOnce }, this.#place);
    } else {
      const part = this.#run.pathOf(file.part);
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
          const part = this.#register.files.get(entry)?.row ?? null;
          if (part !== null) journal.dropPart(part);
        }
      });
    } catch (thrown) {
      throw diskError(thrown, "record committed files");
    }
    for (const { entry } of committed) this.#register.files.delete(entry);
  }

  #changeMode({ final, mode, mtimeNs, digest, standing }: ModeChange): CommittedRow {
    const { writeOnce } = this.#transfer;
    const stamp = keepFile({ path: final, mode, mtimeNs, standing, writeOnce }, this.#place);
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
      const open = [...this.#register.files.values()].filter((file) => file.row !== null);
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

function failureOf(entry: number, thrown: unknown): EntryFailure {
  const { code, message } = toSftpxError(thrown);
  return { entry, code, message };
}
