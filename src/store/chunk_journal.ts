// Journals the verified chunks of one transfer's parts, in the one order that keeps I2: bytes are
// durable, then the names of their parts, then the rows. A row is begun with a part's first chunk.

import type { Stamp } from "../wire/messages.ts";
import type { Disk } from "./disk.ts";
import { osError } from "../base/os_error.ts";
import type { Journal } from "./journal.ts";
import type { PartsRun } from "./parts.ts";
import type { JournalRun, ReceiveTransfer } from "./store.ts";

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
  /** Journal row; null before the first run. */
  row: number | null;
  /** The row is of another state of the source: the next run begins it anew. */
  isStale: boolean;
}

interface FileRun {
  readonly run: JournalRun;
  readonly file: OpenFile;
}

export class ChunkJournal {
  readonly #transfer: ReceiveTransfer;
  readonly #disk: Disk;
  readonly #journal: Journal;
  readonly #run: PartsRun;
  /** Directories of parts whose own names are durable. */
  readonly #durableShards = new Set<string>();

  constructor(
    transfer: ReceiveTransfer,
    context: { readonly disk: Disk; readonly journal: Journal; readonly run: PartsRun },
  ) {
    this.#transfer = transfer;
    this.#disk = context.disk;
    this.#journal = context.journal;
    this.#run = context.run;
  }

  add(runs: readonly FileRun[]): void {
    try {
      const unsynced = new Set(runs.filter(({ run }) => !run.synced).map(({ file }) => file.part));
      for (const part of unsynced) this.#disk.syncFile(this.#run.pathOf(part));
      this.#syncNames(runs.filter(({ file }) => file.row === null).map(({ file }) => file.part));
      const rows = this.#journal.transaction(() => this.#write(runs));
      for (const [file, row] of rows) {
        file.row = row;
        file.isStale = false;
      }
    } catch (thrown) {
      const error = osError(thrown, "journal chunks");
      // A full disk must not lose what was verified before it was full.
      if (error.code === "no_space" && this.#run.giveRoom()) return this.add(runs);
      throw error;
    }
  }

  /**
   * Durably: should the rows come back after a power loss, they would claim overwritten bytes (I2).
   */
  forget(files: readonly OpenFile[]): void {
    const rows = files.flatMap((file) => file.row ?? []);
    if (rows.length === 0) return;
    try {
      this.#journal.durably(() => rows.forEach((row) => this.#journal.dropPart(row)));
    } catch (thrown) {
      throw osError(thrown, "forget journalled chunks");
    }
    for (const file of files) {
      file.row = null;
      file.isStale = false;
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

  #write(runs: readonly FileRun[]): Map<OpenFile, number> {
    const { key, destination, chunkBytes, peer, given, senderNowNs: recordedNs } = this.#transfer;
    const startedNs = BigInt(Date.now()) * 1_000_000n;
    this.#journal.addTransfer({ key, destination, chunkBytes, startedNs, peer, given });
    const rows = new Map<OpenFile, number>();
    for (const { run, file } of runs) {
      let row = rows.get(file) ?? (file.isStale ? null : file.row);
      if (row === null) {
        if (file.row !== null) this.#journal.dropPart(file.row);
        const { path, part: name, sizeBytes, stamp } = file;
        row = this.#journal.addPart(key, { path, name, sizeBytes, stamp, recordedNs });
      }
      rows.set(file, row);
      this.#journal.addRun(row, run);
    }
    return rows;
  }
}
