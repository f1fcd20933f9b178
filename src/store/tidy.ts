// What is done in `.sftpx` by a process that is alone in it: a damaged state is dropped and its parts
// salvaged, locks, claims and probes of the dead go, what they left open is closed, and a file that many
// rows left empty shrinks.

import type { Database } from "../runtime/database.ts";
import type { Disk } from "./disk.ts";
import { closeLeftOpen } from "./opened_up.ts";
import { Journal } from "./journal.ts";
import { isTrue, partSum, transferSum } from "./journal_rows.ts";
import { runsOfParts } from "./part_runs.ts";
import { dropState, openStateAlone, UnusableState } from "./schema.ts";
import { salvage } from "./salvage.ts";

/** Stands in a state that was found to be damaged while others were using it. */
export const DAMAGED_NAME = "damaged";
/** Transfers whose rows are looked at: others are when they are gone on with. */
const CHECKED_TRANSFERS = 1024;
/** Parts whose rows are all looked at: a large file is worth it, and many small ones are not. */
const CHECKED_PARTS = 1024;
/** A file that was made for a moment to see what becomes of it (names.ts, modes.ts, name_sync.ts). */
const PROBE_NAME = /^\.sftpx-[0-9a-f]{16}/;
/** Free pages from which on shrinking is worth it: 4 MiB. */
const MANY_PAGES = 1024;

export interface TidyOptions {
  /** That the state is of. */
  readonly root: string;
  readonly disk: Disk;
  /** It is closed, not opened: what takes long may be done. */
  readonly isLast?: boolean;
}

export interface Tidied {
  readonly isResumable: boolean;
  /** Nothing is remembered, neither of what broke off nor of what is in place. */
  readonly isEmpty: boolean;
  /** Runs of parts there are: none of them is in use. */
  readonly deadRuns: readonly string[];
}

export function tidy(path: string, { root, disk, isLast = false }: TidyOptions): Tidied {
  const state = `${path}/state.db`;
  const parts = `${path}/parts`;
  if (disk.look(`${path}/${DAMAGED_NAME}`) !== null) {
    dropState(state);
    disk.remove(`${path}/${DAMAGED_NAME}`);
  }
  const database = openStateAlone(state, isLast ? () => {} : checkRows);
  const journal = new Journal(database);
  try {
    salvage(journal, { partsDirectory: parts, disk });
    database.exec("DELETE FROM claims");
    disk.removeTree(`${path}/locks`);
    removeProbes(path, disk);
    closeLeftOpen(path, { root, disk });
    shrink(database);
    const { hasRecords } = journal;
    const hasCharges = journal.accounts.isUsed;
    // Who is charged for what stands there is not forgotten with the last transfer.
    const isResumable = journal.hasResumable || hasCharges;
    const isEmpty = !isResumable && !hasRecords;
    return { isResumable, isEmpty, deadRuns: runsOfParts({ partsDirectory: parts, disk }) };
  } finally {
    journal.close();
  }
}

/** Rows that say what is not sent again, and for what. */
function checkRows(database: Database): void {
  const checks = [
    [`SELECT * FROM transfers LIMIT ${CHECKED_TRANSFERS}`, transferSum],
    [`SELECT * FROM parts LIMIT ${CHECKED_PARTS}`, partSum],
  ] as const;
  for (const [sql, sumOf] of checks) {
    const rows = database.prepare(sql);
    rows.setReadBigInts(true);
    for (const row of rows.iterate()) {
      if (!isTrue(row, sumOf)) throw new UnusableState("damaged rows");
    }
  }
}

/** Those whose makers were killed: nobody else is in the state. */
function removeProbes(path: string, disk: Disk): void {
  for (const { name } of disk.list(path)) {
    const probe = `${path}/${name}`;
    if (PROBE_NAME.test(name) && disk.look(probe)?.isFile()) disk.remove(probe);
  }
}

function shrink(database: Database): void {
  const pages = (of: string) => Number(database.prepare(`PRAGMA ${of}`).get()?.[of]);
  const free = pages("freelist_count");
  if (free < MANY_PAGES || free < pages("page_count") / 2) return;
  try {
    database.exec("VACUUM");
  } catch {
    // It takes room for a moment: a full disk keeps what it has.
  }
}
