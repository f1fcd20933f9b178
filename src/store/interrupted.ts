// What is left of interrupted transfers, as `state.db` has it: two queries, however many parts there
// are. Whether a transfer is running is for locks to say.

import type { Database } from "../runtime/database.ts";
import { DIGEST_BYTES } from "../wire/frame.ts";
import { isTrue, transferOf, transferSum } from "./journal_rows.ts";

/** What is left of an interrupted transfer. */
export interface Interrupted {
  readonly key: Uint8Array;
  readonly destination: string;
  /** Identity of the peer it came from, 32 bytes. */
  readonly peer: Uint8Array;
  /** The first of the source names as given, and how many more there were. */
  readonly given: readonly string[];
  readonly moreGiven?: number;
  /** Files begun and not whole, their journalled bytes and all their bytes. */
  readonly files: number;
  readonly heldBytes: number;
  readonly totalBytes: number;
  readonly startedNs: bigint;
  /** When something was last journalled, nanoseconds since 1970 by our clock. */
  readonly touchedNs: bigint;
}

/**
 * Bytes of the chunks journalled, each once: a run counts from where the runs of its part before it ended.
 * `length` of a blob reads no digest. A row with a name that no run of parts makes tells of nothing that
 * is there.
 */
const HELD = `
WITH spans AS (
  SELECT p.key AS key, p.id AS id, p.size_bytes AS size,
    r.first * t.chunk_bytes AS first,
    (r.first + length(r.digests) / ${DIGEST_BYTES}) * t.chunk_bytes AS end,
    coalesce(max((r.first + length(r.digests) / ${DIGEST_BYTES}) * t.chunk_bytes) OVER (
      PARTITION BY p.id ORDER BY r.first, r.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), 0) AS reached
  FROM transfers t JOIN parts p ON p.key = t.key JOIN runs r ON r.part = p.id
  WHERE p.name NOT GLOB '*[^0-9a-f/]*' AND p.name GLOB '?*/?*/?*'
), files AS (
  SELECT key, size, sum(max(min(end, size) - min(max(first, reached), size), 0)) AS held
  FROM spans GROUP BY key, id, size
)
SELECT key, count(*) AS files, sum(held) AS held, sum(size) AS total FROM files GROUP BY key
UNION ALL
SELECT key, count(*), 0, sum(size_bytes) FROM strays s
WHERE NOT EXISTS (SELECT 1 FROM parts p WHERE p.key = s.key AND p.path = s.path) GROUP BY key`;

/** Transfers with something to go on with, oldest first. */
export function interruptedIn(database: Database): Interrupted[] {
  const counts = new Map<string, { files: number; held: number; total: number }>();
  const query = database.prepare(HELD);
  query.setReadBigInts(true);
  for (const { key, files, held, total } of query.iterate()) {
    const name = String(key);
    const before = counts.get(name) ?? { files: 0, held: 0, total: 0 };
    counts.set(name, {
      files: before.files + Number(files),
      held: before.held + Number(held),
      total: before.total + Number(total),
    });
  }
  const transfers = database.prepare("SELECT * FROM transfers ORDER BY started_ns");
  transfers.setReadBigInts(true);
  return transfers.iterate().flatMap((row) => {
    if (!isTrue(row, transferSum)) return [];
    const transfer = transferOf(row);
    const count = counts.get(String(transfer.key));
    if (count === undefined) return [];
    const { chunkBytes: _, frontier: __, ...told } = transfer;
    const { files, held: heldBytes, total: totalBytes } = count;
    return [{ ...told, files, heldBytes, totalBytes }];
  }).toArray();
}
