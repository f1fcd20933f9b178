// Decides for one file entry of a source that is not fresh what is here already: our own commit, a
// part with journalled chunks, or a file to be compared. Looks, but changes nothing on disk.

import type { BigIntStats } from "node:fs";
import { SftpxError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import type { Entry, Stamp } from "../wire/messages.ts";
import { lookAt, sameStamp, sameTime, stampOf } from "./disk.ts";
import type { JournalReader } from "./journal.ts";
import type { CommittedRow, PartRow } from "./journal_rows.ts";
import type { ChunkRun } from "./store.ts";

/** The coarsest times a file system keeps (FAT); Deno's own are finer (FACTS 3). */
const RACY_NS = 2_000_000_000n;

export interface PlacementRules {
  readonly chunkBytes: number;
  readonly checksum: boolean;
  readonly writeOnce: boolean;
  readonly mayRead: boolean;
}

/** What was found for a file entry. */
export type Found =
  | { readonly kind: "new"; readonly stale: PartRow | null }
  | { readonly kind: "unchanged"; readonly digest: Uint8Array; readonly stat: BigIntStats }
  | { readonly kind: "held"; readonly row: PartRow; readonly runs: readonly ChunkRun[] }
  | { readonly kind: "stands"; readonly standing: Stamp; readonly stale: PartRow | null };

export interface PlacementQuestion {
  readonly entry: Entry;
  /** Final relative path. */
  readonly path: string;
  /** What stands there. */
  readonly stat: BigIntStats | null;
  readonly row: PartRow | null;
  /** Absolute path of the journalled part, if there is a row. */
  readonly part: string | null;
}

/** Throws an `SftpxError` when the entry cannot be placed at all. */
export function placeFile(
  question: PlacementQuestion,
  context: { readonly rules: PlacementRules; readonly journal: JournalReader },
): Found {
  const { entry, path, stat, row, part } = question;
  const { rules, journal } = context;
  if (stat?.isDirectory()) {
    throw new SftpxError(
      "conflict",
      `Cannot place "${escapeText(path)}": a directory stands there`,
    );
  }
  let isRacy = false;
  if (stat?.isFile() && rules.mayRead && !rules.checksum) {
    const record = matchingRecord(entry, stat, { path, rules, journal });
    isRacy = record !== null && isRacilyClean(record);
    if (record !== null && !isRacy) return { kind: "unchanged", digest: record.digest, stat };
  }
  // A racy record still leads to a comparison, and the commit itself refuses to replace.
  if (stat !== null && rules.writeOnce && !isRacy) throw writtenOnce(path);
  if (row !== null && part !== null && isWholePart(entry, row, part)) {
    const chunks = Math.ceil(entry.sizeBytes / rules.chunkBytes);
    const runs = journal.runs(row.id, chunks);
    if (runs.length > 0) return { kind: "held", row, runs };
  }
  const { sizeBytes } = entry;
  const { chunkBytes, mayRead } = rules;
  // A comparison tells the peer digests of what stands here: only for one that may read it.
  if (mayRead && stat?.isFile() && isWorthComparing(sizeBytes, Number(stat.size), chunkBytes)) {
    return { kind: "stands", standing: stampOf(stat), stale: row };
  }
  return { kind: "new", stale: row };
}

/** A grant that forbids replacing, and something to replace. */
export function writtenOnce(path: string): SftpxError {
  return new SftpxError(
    "refused",
    `Cannot replace "${escapeText(path)}": it exists and the grant is write-once`,
  );
}

function matchingRecord(
  entry: Entry,
  stat: BigIntStats,
  context: { path: string; rules: PlacementRules; journal: JournalReader },
): CommittedRow | null {
  if (Number(stat.size) !== entry.sizeBytes) return null;
  const record = context.journal.committed(context.path);
  if (record === null || record.chunkBytes !== context.rules.chunkBytes) return null;
  // The two walks may have run on runtimes that see different fractions of a millisecond.
  if (!sameTime(record.mtimeNs, entry.mtimeNs)) return null;
  return sameStamp(record.stamp, stampOf(stat)) ? record : null;
}

/**
 * Whether a write since the commit may have left the stamp as it was: the commit itself set ctime,
 * and a write after it sets an mtime that differs only if the recorded one is older by more than
 * the file system can tell apart. Nothing can hide in an empty file of the same size.
 */
function isRacilyClean({ stamp }: CommittedRow): boolean {
  return stamp.sizeBytes > 0 && stamp.mtimeNs + RACY_NS > stamp.ctimeNs;
}

/** A part is extended to the file's size by its first write, so another size means another file. */
function isWholePart(entry: Entry, row: PartRow, part: string): boolean {
  if (row.sizeBytes !== entry.sizeBytes) return false;
  const stat = lookAt(part);
  return stat !== null && stat.isFile() && Number(stat.size) === row.sizeBytes;
}

function isWorthComparing(sizeBytes: number, standingBytes: number, chunkBytes: number): boolean {
  if (sizeBytes === 0) return false;
  return sizeBytes === standingBytes || (sizeBytes >= chunkBytes && standingBytes >= chunkBytes);
}
