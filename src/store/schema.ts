// The tables of `state.db` and how an unusable one is dropped. State is only ever a memory of work
// done: losing it costs reuse, never a user's file. FORMAT.md explains every column.

import * as fs from "node:fs";
import { type Database, openDatabase, openDatabaseReadOnly } from "../runtime/database.ts";
import { isDamage } from "../base/os_error.ts";

/** Version of the tables; any other is dropped and begun anew. */
const SCHEMA_VERSION = 4;

const TABLES = `
CREATE TABLE transfers (
  key         BLOB PRIMARY KEY,
  destination TEXT NOT NULL,
  chunk_bytes INTEGER NOT NULL,
  started_ns  INTEGER NOT NULL,
  peer        BLOB NOT NULL,
  given       TEXT NOT NULL,
  more_given  INTEGER NOT NULL,
  touched_ns  INTEGER NOT NULL,
  frontier    TEXT,
  sum         INTEGER NOT NULL,
  attempt     INTEGER NOT NULL,
  account     BLOB
) WITHOUT ROWID;
CREATE INDEX transfers_touched ON transfers (touched_ns);
CREATE INDEX transfers_peer ON transfers (peer, touched_ns);
CREATE INDEX transfers_account ON transfers (account) WHERE account IS NOT NULL;
CREATE TABLE parts (
  id          INTEGER PRIMARY KEY,
  key         BLOB NOT NULL,
  path        TEXT NOT NULL,
  name        TEXT NOT NULL,
  size_bytes  INTEGER NOT NULL,
  stamp       BLOB NOT NULL,
  recorded_ns INTEGER NOT NULL,
  sum         INTEGER NOT NULL,
  UNIQUE (key, path)
);
CREATE TABLE runs (
  id      INTEGER PRIMARY KEY,
  part    INTEGER NOT NULL,
  first   INTEGER NOT NULL,
  digests BLOB NOT NULL,
  sum     INTEGER NOT NULL
);
CREATE INDEX runs_part ON runs (part);
CREATE TABLE strays (
  key        BLOB NOT NULL,
  path       TEXT NOT NULL,
  name       TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  PRIMARY KEY (key, path)
) WITHOUT ROWID;
CREATE TABLE claims (
  path TEXT NOT NULL,
  key  BLOB NOT NULL,
  peer BLOB NOT NULL,
  PRIMARY KEY (path, key)
) WITHOUT ROWID;
CREATE TABLE committed (
  path        TEXT PRIMARY KEY,
  digest      BLOB NOT NULL,
  chunk_bytes INTEGER NOT NULL,
  mtime_ns    INTEGER NOT NULL,
  stamp       BLOB NOT NULL,
  sum         INTEGER NOT NULL,
  attempt     INTEGER,
  account     BLOB,
  bytes       INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX committed_account ON committed (account, path, bytes) WHERE account IS NOT NULL;
PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** Tables and indexes of a sound state, which has nothing else: SQLite keeps their text as it was given. */
const OBJECTS = TABLES.split(";").map((text) => text.trim()).filter((text) =>
  text.startsWith("CREATE ")
).sort().join(";");

/**
 * Pages that are read through at every opening, 16 MiB (measured: 120 ms for 80 MB). In a larger state damage
 * is found where it is met, and each row has a sum of its own; SQLite itself misses a cut-off end.
 */
const CHECKED_PAGES = 4096;

/** Damage that SQLite does not see. */
export class UnusableState extends Error {}

/** Opens the state as others may have it open too: nothing is dropped. */
export function openState(path: string): Database {
  return openTables(path).database;
}

/**
 * Opens the state for one who is alone with it: a damaged or foreign one is dropped and begun anew.
 * `check` says more of what damage is, by throwing `UnusableState`.
 */
export function openStateAlone(path: string, check: (database: Database) => void): Database {
  try {
    return openChecked(path, check);
  } catch (thrown) {
    if (!(thrown instanceof UnusableState || isDamage(thrown))) throw thrown;
    dropState(path);
    return openState(path);
  }
}

/** Removes a state's files; only for one who is alone with it. */
export function dropState(path: string): void {
  for (const suffix of ["", "-wal", "-shm", "-journal"]) {
    fs.rmSync(path + suffix, { force: true });
  }
}

/** Opens the state to read it only; null where a transfer would begin it anew. */
export function openStateReadOnly(
  path: string,
): { readonly database: Database; readonly isFixed: boolean } | null {
  const opened = openDatabaseReadOnly(path);
  try {
    const { version, objects } = madeOf(opened.database);
    if (version === SCHEMA_VERSION && objects === OBJECTS) {
      // What another process writes to is for that one to check.
      if (opened.isFixed && pagesOf(opened.database) <= CHECKED_PAGES) checkPages(opened.database);
      return opened;
    }
  } catch (thrown) {
    opened.database.close();
    if (thrown instanceof UnusableState || isDamage(thrown)) return null;
    throw thrown;
  }
  opened.database.close();
  return null;
}

function openChecked(path: string, check: (database: Database) => void): Database {
  const { database, isNew } = openTables(path);
  try {
    if (!isNew) {
      if (pagesOf(database) <= CHECKED_PAGES) checkPages(database);
      check(database);
    }
    return database;
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

function openTables(path: string): { readonly database: Database; readonly isNew: boolean } {
  const database = openDatabase(path);
  try {
    // Two processes may both find it empty: the version is looked at under the write lock.
    database.exec("BEGIN IMMEDIATE");
    const { version, objects } = madeOf(database);
    const isNew = version === 0 && objects === "";
    if (isNew) database.exec(TABLES);
    else if (version !== SCHEMA_VERSION) throw new UnusableState(`schema version ${version}`);
    else if (objects !== OBJECTS) throw new UnusableState("other tables");
    database.exec("COMMIT");
    return { database, isNew };
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

/** What a database says it is made of; nothing that is read of it later can be of other tables. */
function madeOf(database: Database): { readonly version: unknown; readonly objects: string } {
  try {
    const version = database.prepare("PRAGMA user_version").get()?.["user_version"];
    const texts = "SELECT sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'";
    const objects = database.prepare(texts).all().map(({ sql }) => String(sql)).sort().join(";");
    return { version, objects };
  } catch (thrown) {
    if (!isForeign(thrown)) throw thrown;
    throw new UnusableState("tables that cannot be read");
  }
}

/** Whether SQLite cannot read it as what it is said to be: a format of its own, or no text of a table. */
function isForeign(thrown: unknown): boolean {
  return thrown instanceof Error && "errcode" in thrown && thrown.errcode === 1;
}

function pagesOf(database: Database): number {
  return Number(database.prepare("PRAGMA page_count").get()?.["page_count"]);
}

function checkPages(database: Database): void {
  const found = database.prepare("PRAGMA quick_check(1)").get()?.["quick_check"];
  if (found !== "ok") throw new UnusableState("damaged pages");
}
