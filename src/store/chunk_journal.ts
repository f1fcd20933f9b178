// Journals the verified chunks of one transfer's parts, in the one order that keeps I2: bytes are
// durable, then the names of their parts, then the rows, durable themselves: what was synced once is not
// sent again. A row is begun with a part's first chunk, and with every row goes where a resume is to begin.

import type { SftpxError } from "../base/errors.ts";
import { osError } from "../base/os_error.ts";
import { DIGEST_BYTES } from "../wire/frame.ts";
import type { Stamp } from "../wire/messages.ts";
import type { Disk, WholeSync } from "./disk.ts";
import type { Frontier } from "./frontier.ts";
import { keptNames } from "./given_names.ts";
import type { Journal } from "./journal.ts";
import { PartNames } from "./part_names.ts";
import type { PartsRun } from "./parts.ts";
import type { EntryChunks, JournalRun, ReceiveTransfer } from "./store.ts";

/** A file that is registered and not yet in place. */
export interface OpenFile {
  /** Path in the manifest; the journal's name for it. */
  readonly path: string;
  /** Final relative path. */
  readonly final: string;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly mtimeNs: bigint;
  readonly stamp: Stamp;
  /** Name below `.sftpx/parts`. */
  readonly part: string;
  /** File that stood there at `register`, for `keep`. */
  readonly standing: Stamp | null;
  /** The part outlived the state: what is right in it stays, whole as it is if all of it is. */
  readonly isStray: boolean;
  /** By how much the disk will be fuller with it in place, at least. */
  readonly growthBytes: number;
  /** By how much its account grows with it in place; less than nothing where it replaces a larger one. */
  readonly chargedBytes: number;
  /** Journal row; null before the first run. */
  row: number | null;
  /** The row is of another state of the source: the next run makes it one of this. */
  isStale: boolean;
  /** Chunks that are to come and that the journal does not know of. */
  undurable: number;
}

export interface FileRun {
  readonly run: JournalRun;
  readonly file: OpenFile;
}

/** Chunks of a file that are about to be overwritten. */
export interface FileChunks extends EntryChunks {
  readonly file: OpenFile;
}

/**
 * For a row with chunks of more than one state of the source: no stamp is so old that what it says of
 * them would be believed unread (the sender's rule wants two seconds between them).
 */
export const NEVER_NS = -(2n ** 63n);

export class ChunkJournal {
  readonly #transfer: ReceiveTransfer;
  readonly #disk: Disk;
  readonly #journal: Journal;
  readonly #run: PartsRun;
  readonly #names: PartNames;
  readonly #frontier: Frontier;
  readonly #nowMs: () => number;
  /** Syncs many parts together; null where each is synced by itself. */
  readonly #whole: WholeSync | null;
  /** Directories of parts whose own names are durable. */
  readonly #durableShards = new Set<string>();
  /** Why a sync failed; null while none has. */
  #lost: SftpxError | null = null;

  constructor(
    transfer: ReceiveTransfer,
    context: {
      readonly disk: Disk;
      readonly journal: Journal;
      readonly run: PartsRun;
      readonly frontier: Frontier;
      readonly whole: WholeSync | null;
      readonly nowMs: () => number;
    },
  ) {
    this.#whole = context.whole;
    this.#transfer = transfer;
    this.#disk = context.disk;
    this.#journal = context.journal;
    this.#run = context.run;
    this.#nowMs = context.nowMs;
    const header = { ...transfer, ...keptNames(transfer.given), startedNs: this.#nowNs };
    this.#names = new PartNames(this.#run.directory, header, context);
    this.#frontier = context.frontier;
  }

  /** Once a sync has failed, every further call throws the same. */
  add(runs: readonly FileRun[]): void {
    this.#sync(runs);
    try {
      this.#record(runs);
    } catch (thrown) {
      const error = osError(thrown, "journal chunks");
      // A full disk must not lose what was verified before it was full.
      if (error.code !== "no_space" || !this.#run.giveRoom()) throw error;
      this.#record(runs);
    }
  }

  /**
   * A failed sync is final: the kernel tells it once, and takes what it could not write for written. The
   * next one would succeed without those bytes, of which any part may have some (I2).
   */
  #sync(runs: readonly FileRun[]): void {
    if (this.#lost !== null) throw this.#lost;
    try {
      const unsynced = new Set(runs.filter(({ run }) => !run.synced).map(({ file }) => file.part));
      if (this.#isWorthWhole(unsynced.size)) this.#whole?.sync();
      else for (const part of unsynced) this.#disk.syncFile(this.#run.pathOf(part));
      this.#syncNames(runs.filter(({ file }) => file.row === null).map(({ file }) => file.part));
    } catch (thrown) {
      throw this.#lost = osError(thrown, "journal chunks");
    }
  }

  /** Makes so many parts durable if they are worth one call together; whether they were. */
  syncTogether(parts: number): boolean {
    if (!this.#isWorthWhole(parts)) return false;
    this.syncWhole();
    return true;
  }

  /** Makes all durable that was written to the file system of parts; what `check` throws is final as well. */
  syncWhole(check: () => void = () => {}): void {
    if (this.#whole === null) return;
    if (this.#lost !== null) throw this.#lost;
    try {
      this.#whole.sync();
      check();
    } catch (thrown) {
      throw this.#lost = osError(thrown, "make files durable");
    }
  }

  /** Device whose directories are worth `syncWhole`, where so many are touched; null where none are. */
  togetherOn(directories: number): bigint | null {
    // What was left to it then is touched no more.
    if (this.#lost !== null) throw this.#lost;
    return this.#isWorthWhole(directories) ? this.#whole?.namesOn ?? null : null;
  }

  #isWorthWhole(parts: number): boolean {
    return this.#whole !== null && parts >= this.#whole.fewest;
  }

  #record(runs: readonly FileRun[]): void {
    this.#nameParts(runs);
    const rows = this.#counted(runs, () => this.#journal.durably(() => this.#write(runs)));
    for (const [file, row] of rows) {
      file.row = row;
      file.isStale = false;
    }
  }

  /**
   * Irrevocably: should the rows come back after a power loss, they would claim overwritten bytes (I2). All
   * in one transaction, and no chunk but these: what is held else is not sent again.
   */
  forget(some: readonly FileChunks[]): void {
    const known = some.flatMap((one) =>
      one.file.row === null ? [] : [{ ...one, row: one.file.row }]
    );
    if (known.length === 0) return;
    const dropped = new Map<FileChunks, number>();
    try {
      this.#journal.irrevocably(() => {
        for (const one of known) dropped.set(one, this.#journal.dropChunks(one.row, one.ranges));
      });
    } catch (thrown) {
      throw osError(thrown, "forget journalled chunks");
    }
    for (const [{ entry, file }, count] of dropped) {
      if (count === 0) continue;
      file.undurable += count;
      this.#frontier.reopen(entry);
    }
  }

  /** Within a transaction: something of the transfer is durable, so there is one to resume. */
  touch(frontier: string | null = this.#frontier.path): void {
    const { key, destination, chunkBytes, peer } = this.#transfer;
    const touchedNs = this.#nowNs;
    // What else the row says is of its key, and stays.
    if (this.#journal.transfers.touch(key, { touchedNs, frontier })) return;
    const names = keptNames(this.#transfer.given);
    const times = { startedNs: touchedNs, touchedNs };
    this.#journal.transfers.add({
      key,
      destination,
      chunkBytes,
      peer,
      frontier,
      ...names,
      ...times,
    }, this.#transfer.account ?? null);
  }

  get #nowNs(): bigint {
    return BigInt(Math.trunc(this.#nowMs())) * 1_000_000n;
  }

  /** Counts the runs as durable while they are written, and for good unless that fails. */
  #counted<T>(runs: readonly FileRun[], write: () => T): T {
    const before = runs.map(({ file }) => file.undurable);
    this.#countBegun(runs);
    for (const { run, file } of runs) {
      file.undurable = Math.max(file.undurable - run.digests.byteLength / DIGEST_BYTES, 0);
    }
    try {
      return write();
    } catch (thrown) {
      // Backwards: a file's first run found what it had before them all.
      runs.toReversed().forEach(({ run, file }, i) => {
        file.undurable = before[runs.length - 1 - i] ?? 0;
        this.#frontier.reopen(run.entry);
      });
      throw thrown;
    }
  }

  /** What was only compared until now is written to: the rest of it is to come, too. */
  #countBegun(runs: readonly FileRun[]): void {
    for (const { run, file } of runs) {
      if (file.row !== null || file.standing === null) continue;
      file.undurable = chunksOf(file, this.#transfer);
      this.#frontier.reopen(run.entry);
    }
  }

  #syncNames(parts: readonly string[]): void {
    const shards = new Map(parts.map((part) => {
      const [shard, ...above] = this.#run.directoriesOf(part);
      return [shard, above];
    }));
    for (const [shard, above] of shards) {
      this.#disk.syncDirectory(shard);
      if (this.#durableShards.has(shard)) continue;
      for (const directory of above) this.#disk.syncDirectory(directory);
      this.#durableShards.add(shard);
    }
  }

  /** Should the state be lost, its parts can still be found; before the row, so that none is missing. */
  #nameParts(runs: readonly FileRun[]): void {
    const begun = new Set(runs.flatMap(({ file }) => file.row === null ? [file] : []));
    this.#names.add(
      [...begun].map(({ part: name, sizeBytes, path }) => ({ name, sizeBytes, path })),
    );
  }

  #write(runs: readonly FileRun[]): Map<OpenFile, number> {
    const { key, senderNowNs: recordedNs } = this.#transfer;
    this.touch();
    const rows = new Map<OpenFile, number>();
    for (const { run, file } of runs) {
      const { path, part: name, sizeBytes, stamp } = file;
      let row = rows.get(file);
      if (row === undefined && file.row !== null && file.isStale) {
        // What is held of the other state stays, and so must not be taken for this one's unread.
        this.#journal.restamp(file.row, { stamp, recordedNs: NEVER_NS });
      }
      row ??= file.row ??
        this.#journal.addPart(key, { path, name, sizeBytes, stamp, recordedNs });
      rows.set(file, row);
      this.#journal.addRun(row, run);
    }
    return rows;
  }
}

/** Chunks that a file is cut into. */
export function chunksOf(
  { sizeBytes }: { readonly sizeBytes: number },
  { chunkBytes }: { readonly chunkBytes: number },
): number {
  return Math.ceil(sizeBytes / chunkBytes);
}
