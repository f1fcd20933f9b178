// Decides for one file entry of a source that is not fresh what is here already: our own commit, a
// part with journalled chunks, or a file to be compared. Looks, but changes nothing on disk.

import type { BigIntStats } from "node:fs";
import { SftpxError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import type { Entry, Stamp } from "../wire/messages.ts";
import { requireGrowth } from "./append_only.ts";
import { type Disk, sameStamp, sameTime, stampOf } from "./disk.ts";
import type { JournalReader } from "./journal.ts";
import type { CommittedRow, PartRow, StrayRow } from "./journal_rows.ts";
import type { HeldChunks } from "./store.ts";

/** The coarsest times a file system keeps (FAT); Deno's own are finer (FACTS 3). */
const RACY_NS = 2_000_000_000n;

export interface PlacementRules {
  readonly chunkBytes: number;
  readonly checksum: boolean;
  readonly writeOnce: boolean;
  readonly mayRead: boolean;
  readonly key: Uint8Array;
  readonly appendOnly?: boolean;
  readonly account?: Uint8Array;
}

/** What was found for a file entry. */
export type Found =
  | { readonly kind: "new"; readonly stale: PartRow | null }
  | { readonly kind: "unchanged"; readonly digest: Uint8Array; readonly stat: BigIntStats }
  | {
    readonly kind: "held";
    readonly row: PartRow;
    readonly chunks: HeldChunks;
    /** The source has another size by now: from this chunk on nothing is held; null where it has not. */
    readonly cutAt: number | null;
  }
  | {
    readonly kind: "stands";
    readonly standing: Stamp;
    readonly stale: PartRow | null;
    /** It is not what stands under the final name, but a part of which nothing is known. */
    readonly stray?: StrayRow;
  };

/** The row of what is held of it, whether it can be gone on with or not. */
export function heldRowOf(found: Exclude<Found, { kind: "unchanged" }>): PartRow | null {
  return found.kind === "held" ? found.row : found.stale;
}

export interface PlacementQuestion {
  readonly entry: Entry;
  /** Final relative path. */
  readonly path: string;
  /** What stands there. */
  readonly stat: BigIntStats | null;
  readonly row: PartRow | null;
  /** Absolute path of the journalled part; null where there is none to be believed. */
  readonly part: string | null;
  /** A part of the entry that outlived the state, and its absolute path. */
  readonly stray?: { readonly row: StrayRow; readonly path: string } | null;
}

/** Throws an `SftpxError` when the entry cannot be placed at all. */
export function placeFile(
  question: PlacementQuestion,
  context: {
    readonly rules: PlacementRules;
    readonly journal: JournalReader;
    /** What looks at parts. */
    readonly disk: Disk;
  },
): Found {
  const { entry, path, stat, row, part, stray } = question;
  const { rules, journal, disk } = context;
  if (stat?.isDirectory()) {
    throw new SftpxError(
      "conflict",
      `Cannot place "${escapeText(path)}": a directory stands there`,
    );
  }
  let isRacy = false;
  if (stat?.isFile() && !rules.checksum) {
    const record = matchingRecord(entry, stat, { path, rules, journal });
    isRacy = record !== null && isRacilyClean(record);
    if (record !== null && !isRacy) return { kind: "unchanged", digest: record.digest, stat };
  }
  // A racy record still leads to a comparison, and so does one that a crash took back: the commit
  // itself refuses to replace.
  const isCompared = isRacy && rules.mayRead;
  if (stat !== null && rules.appendOnly) {
    requireGrowth({ path, sizeBytes: entry.sizeBytes, stat }, context);
  } else if (stat !== null && rules.writeOnce && !isCompared && !mayBeOurs(entry, stat, rules)) {
    throw writtenOnce(path);
  }
  const partBytes = row === null || part === null ? null : wholeBytes(row, { part, disk });
  if (row !== null && partBytes !== null) {
    const found = heldOf(row, { entry, partBytes, rules, journal });
    if (found !== null) return found;
  }
  const { sizeBytes } = entry;
  const { chunkBytes, mayRead } = rules;
  if (stray && row === null) {
    const found = strayStat(entry, { path: stray.path, disk });
    // The peer sent it itself, under this key.
    if (found !== null) {
      return { kind: "stands", standing: stampOf(found), stale: null, stray: stray.row };
    }
  }
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
  const { journal, path, rules } = context;
  // Of what it sent itself in a transfer that is not finished a peer learns nothing new.
  if (!rules.mayRead && !journal.isOwn(path, rules.key)) return null;
  const record = journal.committed(path);
  if (record === null || record.chunkBytes !== rules.chunkBytes) return null;
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

/**
 * What is held of a part. A source that grew or was cut has the chunks that are wholly in both: the
 * sender compares them, and a last one that was shorter than the others is another chunk by now.
 */
function heldOf(
  row: PartRow,
  { entry, partBytes, rules, journal }: {
    readonly entry: Entry;
    readonly partBytes: number;
    readonly rules: PlacementRules;
    readonly journal: JournalReader;
  },
): Found | null {
  const { sizeBytes } = entry;
  const isSame = row.sizeBytes === sizeBytes && partBytes === sizeBytes;
  const wholeInAll = Math.floor(Math.min(row.sizeBytes, partBytes, sizeBytes) / rules.chunkBytes);
  const cutAt = isSame ? null : wholeInAll;
  const chunks = journal.held(row.id, cutAt ?? Math.ceil(sizeBytes / rules.chunkBytes));
  return chunks.ranges.length > 0 ? { kind: "held", row, chunks, cutAt } : null;
}

/**
 * The size of a part that is what its row says; null for another. A part is extended to the file's size
 * by its first write. Until then it may have the size of the source before, of which its stamp is.
 */
function wholeBytes(
  row: PartRow,
  { part, disk }: { readonly part: string; readonly disk: Disk },
): number | null {
  const stat = disk.look(part);
  // One with a second name is in place already: what is written to it would be written there too.
  if (stat === null || !stat.isFile() || stat.nlink > 1n) return null;
  const size = Number(stat.size);
  return size === row.sizeBytes || size === row.stamp.sizeBytes ? size : null;
}

/** Whether a file looks as if this very one had been committed, before a crash, without a record. */
function mayBeOurs(entry: Entry, stat: BigIntStats, { mayRead }: PlacementRules): boolean {
  return mayRead && stat.isFile() && Number(stat.size) === entry.sizeBytes &&
    sameTime(stat.mtimeNs, entry.mtimeNs);
}

/** With another name of its own, what is written to it would be written there too. */
function strayStat(
  entry: Entry,
  { path, disk }: { readonly path: string; readonly disk: Disk },
): BigIntStats | null {
  const stat = disk.look(path);
  if (stat === null || !stat.isFile() || stat.nlink !== 1n) return null;
  return Number(stat.size) === entry.sizeBytes ? stat : null;
}

function isWorthComparing(sizeBytes: number, standingBytes: number, chunkBytes: number): boolean {
  if (sizeBytes === 0) return false;
  return sizeBytes === standingBytes || (sizeBytes >= chunkBytes && standingBytes >= chunkBytes);
}
