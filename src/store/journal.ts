// What `state.db` remembers: parts with their verified chunks, and files we committed. A row about
// bytes is written only after the bytes are durable (I2); the callers keep that order.

import {
  type Database,
  inTransaction,
  type Statement,
  synchronousOf,
} from "../runtime/database.ts";
import type { Stamp } from "../wire/messages.ts";
import { isPartName } from "./parts.ts";
import type { ChunkRun, Resumable } from "./store.ts";

/** Bytes of a digest. */
const DIGEST_BYTES = 32;
/** Bytes of a stamp in a row: five 64-bit integers, big-endian. */
const STAMP_BYTES = 40;

export interface TransferRow {
  readonly key: Uint8Array;
  readonly destination: string;
  readonly chunkBytes: number;
  readonly startedNs: bigint;
}

export interface PartRow {
  readonly id: number;
  /** Entry path in the manifest. */
  readonly path: string;
  /** File name under `.sftpx/parts`. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly stamp: Stamp;
  readonly recordedNs: bigint;
}

export interface CommittedRow {
  readonly path: string;
  readonly digest: Uint8Array;
  readonly chunkBytes: number;
  /** As the manifest had it; the disk may round it. */
  readonly mtimeNs: bigint;
  /** What stood under the final name right after the commit. */
  readonly stamp: Stamp;
}

export class Journal {
  readonly #database: Database;
  readonly #statements = new Map<string, Statement>();

  constructor(database: Database) {
    this.#database = database;
  }

  transaction<T>(body: () => T): T {
    return inTransaction(this.#database, body);
  }

  /** A transaction that a power loss cannot take back, whatever the journal mode. */
  durably(body: () => void): void {
    this.#database.exec("PRAGMA synchronous = FULL");
    try {
      inTransaction(this.#database, body);
    } finally {
      this.#database.exec(`PRAGMA synchronous = ${synchronousOf(this.#database)}`);
    }
  }

  transfer(key: Uint8Array): TransferRow | null {
    const row = this.#sql("SELECT * FROM transfers WHERE key = ?").get(key);
    return row === undefined ? null : transferOf(row);
  }

  /** A row left by parts since dropped takes the new chunk size and keeps its beginning. */
  addTransfer(row: TransferRow): void {
    this.#sql(
      "INSERT INTO transfers VALUES (?, ?, ?, ?) " +
        "ON CONFLICT (key) DO UPDATE SET chunk_bytes = excluded.chunk_bytes",
    ).run(row.key, row.destination, row.chunkBytes, row.startedNs);
  }

  /** Forgets a transfer and every part of it, but those under `keep` (entry paths). */
  forget(key: Uint8Array, keep: ReadonlySet<string>): void {
    for (const part of this.parts(key)) {
      if (!keep.has(part.path)) this.dropPart(part.id);
    }
    if (this.#sql("SELECT 1 FROM parts WHERE key = ? LIMIT 1").get(key) === undefined) {
      this.#sql("DELETE FROM transfers WHERE key = ?").run(key);
    }
  }

  /** Rows with a name that no run of parts makes are dropped: such a name must not become a path. */
  parts(key: Uint8Array): PartRow[] {
    return this.#genuine(this.#sql("SELECT * FROM parts WHERE key = ?").all(key).map(partOf));
  }

  /** Names under `.sftpx/parts` of every journalled part, whoever's it is. */
  partNames(): Set<string> {
    const rows = this.#sql("SELECT * FROM parts").all().map(partOf);
    return new Set(this.#genuine(rows).map((row) => row.name));
  }

  #genuine(rows: readonly PartRow[]): PartRow[] {
    return rows.filter((row) => {
      if (isPartName(row.name)) return true;
      this.dropPart(row.id);
      return false;
    });
  }

  addPart(key: Uint8Array, part: Omit<PartRow, "id">): number {
    const result = this.#sql(
      "INSERT INTO parts (key, path, name, size_bytes, stamp, recorded_ns) " +
        "VALUES (?, ?, ?, ?, ?, ?)",
    ).run(
      key,
      part.path,
      part.name,
      BigInt(part.sizeBytes),
      packStamp(part.stamp),
      BigInt.asIntN(64, part.recordedNs),
    );
    return Number(result.lastInsertRowid);
  }

  dropPart(id: number): void {
    this.#sql("DELETE FROM runs WHERE part = ?").run(id);
    this.#sql("DELETE FROM parts WHERE id = ?").run(id);
  }

  addRun(part: number, run: ChunkRun): void {
    this.#sql("INSERT INTO runs (part, first, digests) VALUES (?, ?, ?)")
      .run(part, run.first, run.digests);
  }

  /** Journalled chunks of a part, ascending, merged, later rows winning; none past `chunks`. */
  runs(part: number, chunks: number): ChunkRun[] {
    const rows = this.#sql("SELECT first, digests FROM runs WHERE part = ? ORDER BY id").all(part);
    return mergeRuns(
      rows.map((row) => ({ first: Number(row["first"]), digests: bytesOf(row["digests"]) })),
      chunks,
    );
  }

  committed(path: string): CommittedRow | null {
    const row = this.#sql("SELECT * FROM committed WHERE path = ?").get(path);
    if (row === undefined) return null;
    return {
      path,
      digest: bytesOf(row["digest"]),
      chunkBytes: Number(row["chunk_bytes"]),
      mtimeNs: BigInt(row["mtime_ns"] as bigint),
      stamp: unpackStamp(bytesOf(row["stamp"])),
    };
  }

  addCommitted(row: CommittedRow): void {
    this.#sql("INSERT OR REPLACE INTO committed VALUES (?, ?, ?, ?, ?)").run(
      row.path,
      row.digest,
      row.chunkBytes,
      BigInt.asIntN(64, row.mtimeNs),
      packStamp(row.stamp),
    );
  }

  resumable(): Resumable[] {
    const rows = this.#sql(
      "SELECT t.*, sum(length(r.digests)) AS bytes FROM transfers t " +
        "JOIN parts p ON p.key = t.key JOIN runs r ON r.part = p.id " +
        "GROUP BY t.key ORDER BY t.started_ns",
    ).all();
    return rows.map((row) => {
      const { key, destination, startedNs } = transferOf(row);
      return { key, destination, chunks: Number(row["bytes"]) / DIGEST_BYTES, startedNs };
    });
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #sql(text: string): Statement {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.#database.prepare(text);
      // Nanoseconds do not fit into a number.
      statement.setReadBigInts(true);
      this.#statements.set(text, statement);
    }
    return statement;
  }
}

/** Stamps in rows: device, inode, size unsigned; both times signed. */
export function packStamp(stamp: Stamp): Uint8Array {
  const bytes = new Uint8Array(STAMP_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, stamp.device);
  view.setBigUint64(8, stamp.inode);
  view.setBigUint64(16, BigInt(stamp.sizeBytes));
  view.setBigInt64(24, stamp.mtimeNs);
  view.setBigInt64(32, stamp.ctimeNs);
  return bytes;
}

export function unpackStamp(bytes: Uint8Array): Stamp {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    device: view.getBigUint64(0),
    inode: view.getBigUint64(8),
    sizeBytes: Number(view.getBigUint64(16)),
    mtimeNs: view.getBigInt64(24),
    ctimeNs: view.getBigInt64(32),
  };
}

/** Rows as they were written, to ascending runs that neither overlap nor touch. */
export function mergeRuns(rows: readonly ChunkRun[], chunks: number): ChunkRun[] {
  const digestOf = new Map<number, Uint8Array>();
  for (const { first, digests } of rows) {
    for (let at = 0; at + DIGEST_BYTES <= digests.byteLength; at += DIGEST_BYTES) {
      const chunk = first + at / DIGEST_BYTES;
      if (chunk < chunks) digestOf.set(chunk, digests.subarray(at, at + DIGEST_BYTES));
    }
  }
  const sorted = [...digestOf.keys()].sort((a, b) => a - b);
  const runs: ChunkRun[] = [];
  for (let from = 0; from < sorted.length;) {
    const first = sorted[from] ?? 0;
    let count = 1;
    while (sorted[from + count] === first + count) count++;
    const digests = new Uint8Array(count * DIGEST_BYTES);
    for (let i = 0; i < count; i++) {
      digests.set(digestOf.get(first + i) ?? new Uint8Array(DIGEST_BYTES), i * DIGEST_BYTES);
    }
    runs.push({ first, digests });
    from += count;
  }
  return runs;
}

function transferOf(row: Record<string, unknown>): TransferRow {
  return {
    key: bytesOf(row["key"]),
    destination: String(row["destination"]),
    chunkBytes: Number(row["chunk_bytes"]),
    startedNs: BigInt(row["started_ns"] as bigint),
  };
}

function partOf(row: Record<string, unknown>): PartRow {
  return {
    id: Number(row["id"]),
    path: String(row["path"]),
    name: String(row["name"]),
    sizeBytes: Number(row["size_bytes"]),
    stamp: unpackStamp(bytesOf(row["stamp"])),
    recordedNs: BigInt(row["recorded_ns"] as bigint),
  };
}

function bytesOf(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new TypeError("Cannot read state: not a blob");
  return value;
}
