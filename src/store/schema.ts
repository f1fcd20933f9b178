// The tables of `state.db` and how an unusable one is dropped. State is only ever a memory of work
// done: losing it costs reuse, never a user's file. FORMAT.md explains every column.

import * as fs from "node:fs";
import { type Database, openDatabase, openDatabaseReadOnly } from "../runtime/database.ts";
import { isDamage } from "../base/os_error.ts";

/** Version of the tables; any other is dropped and begun anew. */
const SCHEMA_VERSION = 3;

const TABLES = `
CREATE TABLE transfers (
  key         BLOB PRIMARY KEY,
  destination TEXT NOT NULL,
  chunk_bytes INTEGER NOT NULL,
  started_ns  INTEGER NOT NULL,
  peer        BLOB NOT NULL,
  given       TEXT NOT NULL,
  touched_ns  INTEGER NOT NULL,
  frontier    TEXT
) WITHOUT ROWID;
CREATE TABLE parts (
  id          INTEGER PRIMARY KEY,
  key         BLOB NOT NULL,
  path        TEXT NOT NULL,
  name        TEXT NOT NULL,
  size_bytes  INTEGER NOT NULL,
  stamp       BLOB NOT NULL,
  recorded_ns INTEGER NOT NULL,
  UNIQUE (key, path)
);
CREATE TABLE runs (
  id      INTEGER PRIMARY KEY,
  part    INTEGER NOT NULL,
  first   INTEGER NOT NULL,
  digests BLOB NOT NULL
);
CREATE INDEX runs_part ON runs (part);
CREATE TABLE committed (
  path        TEXT PRIMARY KEY,
  digest      BLOB NOT NULL,
  chunk_bytes INTEGER NOT NULL,
  mtime_ns    INTEGER NOT NULL,
  stamp       BLOB NOT NULL
) WITHOUT ROWID;
PRAGMA user_version = ${SCHEMA_VERSION};
`;

/**
 * Opens the state. `alone` says that no other process has it open: only then is it checked as a
 * whole, and only then may a damaged or foreign one be dropped.
 */
export function openState(path: string, alone: boolean): Database {
  try {
    return openChecked(path, alone);
  } catch (thrown) {
    if (!alone || !(thrown instanceof UnusableState || isDamage(thrown))) throw thrown;
    for (const suffix of ["", "-wal", "-shm", "-journal"]) {
      fs.rmSync(path + suffix, { force: true });
    }
    return openChecked(path, alone);
  }
}

/** Opens the state to read it only; null where a transfer would begin it anew. */
export function openStateReadOnly(
  path: string,
): { readonly database: Database; readonly isFixed: boolean } | null {
  const opened = openDatabaseReadOnly(path);
  try {
    const version = opened.database.prepare("PRAGMA user_version").get()?.["user_version"];
    if (version === SCHEMA_VERSION) return opened;
  } catch (thrown) {
    opened.database.close();
    if (isDamage(thrown)) return null;
    throw thrown;
  }
  opened.database.close();
  return null;
}

class UnusableState extends Error {}

function openChecked(path: string, alone: boolean): Database {
  const database = openDatabase(path);
  try {
    // Two processes may both find it empty: the version is looked at under the write lock.
    database.exec("BEGIN IMMEDIATE");
    const version = database.prepare("PRAGMA user_version").get()?.["user_version"];
    const tables = database.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"];
    if (version === 0 && tables === 0) database.exec(TABLES);
    else if (version !== SCHEMA_VERSION) throw new UnusableState(`schema version ${version}`);
    database.exec("COMMIT");
    if (alone && !isSound(database)) throw new UnusableState("damaged pages");
    return database;
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

/** Whether a database reads as sound from end to end. */
function isSound(database: Database): boolean {
  try {
    const row = database.prepare("PRAGMA quick_check(1)").get();
    return row?.["quick_check"] === "ok";
  } catch (thrown) {
    if (isDamage(thrown)) return false;
    throw thrown;
  }
}
