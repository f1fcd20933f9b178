// The file of a ticket book: a private SQLite database that several processes share. It appears
// whole under its name, so that an empty or cut one is known as damaged: a damaged book is refused,
// never begun anew, because its revocations and counts would be forgotten. What SQLite and the
// system throw about it is translated here.

import * as fs from "node:fs";
import { dirname } from "node:path";
import { toHex } from "../base/bytes.ts";
import { type ErrorCode, SftpxError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import { type Database, inTransaction, openDatabase } from "../runtime/database.ts";
import { ADDED_COLUMNS, TICKET_TABLES } from "./ticket_record.ts";
import { hasCode, POSIX, refuseLooseMode, trustError } from "./trust_file.ts";

const FILE = { what: "ticket book", secret: true } as const;
/** "sftp" in ASCII: what SQLite's header says of whose file this is. */
const APPLICATION_ID = 0x73667470;
const VERSION = 2;
/** What SQLite keeps beside a database; as private as itself. */
const SIDECARS = ["-wal", "-shm", "-journal"] as const;

const MOVE_IT = "move it away to begin a new one, in which no ticket of this one is good";

/** SQLite's own words, as not every call's error carries its number. */
const MEANINGS: readonly (readonly [RegExp, ErrorCode, string])[] = [
  [/database is locked|busy/, "busy", "another process keeps it locked"],
  [/readonly database/, "permission", "it cannot be written"],
  [/disk is full/, "no_space", "the disk is full"],
  [/unable to open/, "permission", "it cannot be opened"],
  [/malformed|not a database|no such (table|column)/, "failed", `it is damaged; ${MOVE_IT}`],
];

/** Opens the book's database, made when there is none. */
export function openTicketFile(path: string): Database {
  try {
    fs.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    refuseOpenDirectory(path);
    if (!fs.existsSync(path)) makeFile(path);
    for (const suffix of ["", ...SIDECARS]) refuseUnusable(path, suffix);
    const database = openDatabase(path);
    try {
      upgrade(database);
      requireSound(database, path);
      // A lost commit could give a spent use back: NORMAL, which openDatabase() chose, may lose one.
      database.exec("PRAGMA synchronous = FULL");
      return database;
    } catch (thrown) {
      database.close();
      throw thrown;
    }
  } catch (thrown) {
    throw ticketFileError(thrown, { action: "load", path });
  }
}

/** Translates what a call on the book threw. */
export function ticketFileError(
  thrown: unknown,
  { action, path }: { readonly action: "load" | "save"; readonly path: string },
): unknown {
  if (thrown instanceof RangeError || thrown instanceof TypeError) return thrown;
  if (hasCode(thrown, "ERR_SQLITE_ERROR")) {
    for (const [text, code, found] of MEANINGS) {
      if (text.test(String(thrown))) return bookError(code, found, { action, path, cause: thrown });
    }
  }
  return trustError(thrown, { action: `${action} ${FILE.what}`, path });
}

/** A book of version 1 knows no quota and no growing files: it gets their columns, and keeps its rows. */
function upgrade(database: Database): void {
  if (numberOf(database, "application_id") !== APPLICATION_ID) return;
  if (numberOf(database, "user_version") !== 1) return;
  inTransaction(database, () => {
    // Another process may have done it meanwhile.
    if (numberOf(database, "user_version") !== 1) return;
    for (const column of ADDED_COLUMNS) database.exec(`ALTER TABLE tickets ADD COLUMN ${column}`);
    database.exec(`PRAGMA user_version = ${VERSION}`);
  });
}

function numberOf(database: Database, pragma: string): unknown {
  return database.prepare(`PRAGMA ${pragma}`).get()?.[pragma];
}

/** Builds the whole file under another name and publishes it, unless somebody else was first. */
function makeFile(path: string): void {
  const temporary = `${path}.${toHex(crypto.getRandomValues(new Uint8Array(8)))}.tmp`;
  try {
    // Made before SQLite makes it, as that would let others read it; its sidecars follow its mode.
    fs.closeSync(fs.openSync(temporary, "wx", 0o600));
    const database = openDatabase(temporary);
    try {
      inTransaction(database, () => {
        database.exec(TICKET_TABLES);
        database.exec(
          `PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${VERSION}`,
        );
      });
    } finally {
      database.close();
    }
    publish(temporary, path);
  } finally {
    for (const suffix of ["", ...SIDECARS]) fs.rmSync(temporary + suffix, { force: true });
  }
}

function publish(temporary: string, path: string): void {
  try {
    fs.linkSync(temporary, path);
  } catch (thrown) {
    if (hasCode(thrown, "EEXIST")) return;
    if (!hasCode(thrown, "EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK")) throw thrown;
    // No hard links here: of two processes in this very moment, one begins with the other's file.
    if (!fs.existsSync(path)) fs.renameSync(temporary, path);
  }
}

/** Whoever may write the directory could put a sidecar there, and with it tickets of their own. */
function refuseOpenDirectory(path: string): void {
  const { mode } = fs.statSync(dirname(path));
  if (!POSIX || (mode & 0o002) === 0) return;
  const found = "everyone may write its directory; run chmod o-w on that";
  throw bookError("permission", found, { action: "load", path });
}

/** Looked at without opening it: closing it would drop this process's locks on it. */
function refuseUnusable(path: string, suffix: string): void {
  const stat = fs.statSync(path + suffix, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (!stat.isFile()) throw bookError("failed", "it is no file", { action: "load", path });
  refuseLooseMode(stat.mode, path + suffix, FILE);
  if (suffix !== "" || stat.size > 0) return;
  // SQLite would take it for a new one. The book appears whole, so this one was cut.
  throw bookError("failed", `it is empty; ${MOVE_IT}`, { action: "load", path });
}

function requireSound(database: Database, path: string): void {
  const pragma = (name: string) => database.prepare(`PRAGMA ${name}`).get()?.[name.split("(")[0]!];
  const version = pragma("user_version");
  if (pragma("application_id") !== APPLICATION_ID) {
    throw bookError("failed", `it is no ticket book; ${MOVE_IT}`, { action: "load", path });
  }
  if (version !== VERSION) {
    throw bookError("failed", `its version ${version} is not ${VERSION}`, { action: "load", path });
  }
  if (pragma("quick_check(1)") !== "ok") {
    throw bookError("failed", `it is damaged; ${MOVE_IT}`, { action: "load", path });
  }
}

function bookError(
  code: ErrorCode,
  found: string,
  options: {
    readonly action: "load" | "save";
    readonly path: string;
    readonly cause?: unknown;
  },
): SftpxError {
  const shown = escapeText(options.path);
  return new SftpxError(code, `Cannot ${options.action} ${FILE.what} "${shown}": ${found}`, {
    cause: options.cause,
  });
}
