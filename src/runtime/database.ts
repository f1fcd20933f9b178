// SQLite as state is kept in it; the only importer of `node:sqlite`. Besides the database itself it
// offers a lock that the kernel gives back when its holder dies: a process id in a file does not.

import { DatabaseSync, type StatementSync } from "node:sqlite";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { isNotCapable } from "../base/os_error.ts";

export type Statement = StatementSync;
export type Database = DatabaseSync;

/** SQLite's name for a database without a file. */
const IN_MEMORY = ":memory:";
/** How long a call waits for another process's transaction. */
const BUSY_TIMEOUT_MS = 5000;
/** What a `-wal` keeps of its size once it is written into the database: forgetting may swell it. */
const WAL_BYTES = 16 * 1024 * 1024;
/** A race for a lock file with one who removes it is lost at most this often. */
const LOCK_ATTEMPTS = 16;
/** How long each of these waits for who only looks whether the lock is held. */
const LOOK_WAIT_MS = 250;
/** Where a database file says how it is written and read: its header's bytes 18 and 19. */
const FORMAT_VERSIONS_AT = 18;
/** `statfs` types of NFS and SMB (1, 2, 3): WAL needs memory shared between all its users. */
const NETWORK_FILE_SYSTEMS: ReadonlySet<number> = new Set([0x6969, 0x517b, 0xff534d42, 0xfe534d42]);

/**
 * Opens a database in the journal mode its file system can carry. One that is made is this user's alone,
 * and so is what SQLite keeps beside it, which takes its mode.
 */
export function openDatabase(path: string): Database {
  if (path !== IN_MEMORY) makePrivate(path);
  const database = new DatabaseSync(path);
  try {
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    const wanted = isOnNetwork(path) ? "DELETE" : "WAL";
    database.exec(`PRAGMA journal_mode = ${wanted}`);
    database.exec(`PRAGMA synchronous = ${synchronousOf(database)}`);
    database.exec(`PRAGMA journal_size_limit = ${WAL_BYTES}`);
    // What lies in a damaged page is looked at before it is believed.
    database.exec("PRAGMA cell_size_check = ON");
    return database;
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

/** Only one that is not there is opened: closing another would end this process's locks on it. */
function makePrivate(path: string): void {
  try {
    fs.closeSync(fs.openSync(path, "wx", 0o600));
  } catch (thrown) {
    if (!(thrown instanceof Error && "code" in thrown && thrown.code === "EEXIST")) throw thrown;
  }
}

/**
 * Opens a database to read it, and leaves no file behind that was not there. One that nobody else
 * has open is taken as it lies (`isFixed`): whoever writes to it meanwhile makes it stale, and begins
 * by making the `-wal` file beside it.
 */
export function openDatabaseReadOnly(
  path: string,
): { readonly database: Database; readonly isFixed: boolean } {
  const isFixed = !fs.existsSync(`${path}-wal`);
  const database = isFixed ? openCopy(path) : new DatabaseSync(path, { readOnly: true });
  try {
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
    return { database, isFixed };
  } catch (thrown) {
    database.close();
    throw thrown;
  }
}

/**
 * A private copy, without a name once it is open. SQLite would read the original without a trace too
 * (`immutable=1`), but Deno takes such a URL for a file's name unless all is allowed.
 */
function openCopy(path: string): Database {
  const above = temporaryDirectory();
  try {
    return openCopyIn(above, path);
  } catch (thrown) {
    if (!isNotCapable(thrown)) throw thrown;
    const flags = `--allow-read=${above} --allow-write=${above}`;
    const found = `Deno may not, run again with ${flags}, and --allow-env=TMPDIR where that is set`;
    const text = `Cannot copy the state to look into it: ${found}`;
    throw new SftpxError("permission", text, { cause: thrown });
  }
}

function openCopyIn(above: string, path: string): Database {
  const directory = fs.mkdtempSync(join(above, "sftpx-state-"));
  try {
    const copy = join(directory, "state.db");
    fs.copyFileSync(path, copy);
    fs.chmodSync(copy, 0o600);
    markAsNoWal(copy);
    return new DatabaseSync(copy, { readOnly: true });
  } finally {
    // Where an open file cannot lose its name (Windows) it is left to the keeper of temporary files.
    try {
      fs.rmSync(directory, { recursive: true, force: true });
    } catch {
      // It holds digests of chunks, in a directory of this user's alone.
    }
  }
}

/** Where TMPDIR may not be read, what POSIX has without it. */
function temporaryDirectory(): string {
  try {
    return tmpdir();
  } catch {
    return "/tmp";
  }
}

/** Read and write version 1: a copy that is alone needs no `-wal`, nor a directory to make one in. */
function markAsNoWal(path: string): void {
  const file = fs.openSync(path, "r+");
  try {
    fs.writeSync(file, new Uint8Array([1, 1]), 0, 2, FORMAT_VERSIONS_AT);
  } finally {
    fs.closeSync(file);
  }
}

/**
 * What a database syncs at a commit. FORMAT.md, "Why NORMAL": with WAL a lost tail loses reuse only;
 * without it, the soundness of the file is at stake.
 */
export function synchronousOf(database: Database): "NORMAL" | "FULL" {
  const mode = database.prepare("PRAGMA journal_mode").get()?.["journal_mode"];
  return mode === "wal" ? "NORMAL" : "FULL";
}

/** Runs `body` in one transaction that takes the write lock at once. */
export function inTransaction<T>(database: Database, body: () => T): T {
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = body();
    database.exec("COMMIT");
    return result;
  } catch (thrown) {
    rollBack(database);
    throw thrown;
  }
}

/**
 * A lock on a file, shared or exclusive, between threads and processes. It is a transaction on an
 * empty database: SQLite knows how to lock on every platform, and the kernel unlocks for the dead.
 */
export class FileLock {
  readonly #path: string;
  readonly #file: FileSign;
  readonly #database: Database;
  #isHeld = false;

  /** Opens (and makes) the lock file without locking it. */
  constructor(path: string) {
    this.#path = path;
    this.#file = signOf(path);
    this.#database = new DatabaseSync(path);
  }

  /**
   * The lock at a path, for this holder alone; null when another one has it. Whoever only looks has it
   * shared for a moment: on a busy machine that outlasts any number of attempts, so it is waited for.
   */
  static alone(path: string): FileLock | null {
    for (let attempt = 0; attempt < LOCK_ATTEMPTS; attempt++) {
      const lock = new FileLock(path);
      if (lock.tryExclusive() && lock.isCurrent) return lock;
      const isHeld = lock.isCurrent && !lock.tryShared();
      if (!isHeld && lock.tryExclusive(LOOK_WAIT_MS) && lock.isCurrent) return lock;
      lock.close();
      if (isHeld) return null;
    }
    return null;
  }

  /**
   * Whether the file locked is still the one under its name. A holder may remove it before it lets
   * go, so whoever got the lock asks this, and opens it anew if the answer is no.
   */
  get isCurrent(): boolean {
    const stat = fs.lstatSync(this.#path, { bigint: true, throwIfNoEntry: false });
    return stat !== undefined && stat.ino === this.#file.ino && stat.mtimeMs === this.#file.mtimeMs;
  }

  /**
   * Takes it for this holder alone; false when someone else has it in any way, for all of `waitMs`.
   * Nobody comes in between while it waits for those who share it.
   */
  tryExclusive(waitMs = 0): boolean {
    return this.#try(waitMs, () => this.#database.exec("BEGIN EXCLUSIVE"));
  }

  /** Takes it together with others; waits for an exclusive holder to finish, within limits. */
  tryShared(waitMs = 0): boolean {
    return this.#try(waitMs, () => {
      this.#database.exec("BEGIN");
      this.#database.prepare("SELECT count(*) FROM sqlite_schema").get();
    });
  }

  release(): void {
    if (!this.#isHeld) return;
    rollBack(this.#database);
    this.#isHeld = false;
  }

  close(): void {
    this.release();
    if (this.#database.isOpen) this.#database.close();
  }

  /** Removes the file under the lock, then lets go; only for an exclusive holder. */
  discard(): void {
    if (!this.#isHeld) return;
    try {
      fs.rmSync(this.#path, { force: true });
    } finally {
      // On a disk that takes no change the file stays, and nobody holds it.
      this.close();
    }
  }

  #try(waitMs: number, take: () => void): boolean {
    this.release();
    this.#database.exec(`PRAGMA busy_timeout = ${waitMs}`);
    try {
      take();
    } catch (thrown) {
      rollBack(this.#database);
      // SQLite refuses to write to a file that lost its name; the caller begins again.
      if (/locked|busy/.test(String(thrown)) || !this.isCurrent) return false;
      throw thrown;
    }
    this.#isHeld = true;
    return true;
  }
}

/**
 * What tells a lock file from all others that ever had its name. The inode alone does not: it is given
 * to the next file, and whoever opened one in between would take a third for its own. So each file is
 * made with a time of its own, at random; nothing writes to it.
 */
type FileSign = Pick<fs.BigIntStats, "ino" | "mtimeMs">;

/** The sign of the file, made if there is none. */
function signOf(path: string): FileSign {
  for (;;) {
    const stat = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (stat !== undefined) return stat;
    // Opened only to be made: closing any descriptor of a file ends this process's locks on it
    // (POSIX). A holder may discard it in between, so it is looked for again.
    try {
      const made = fs.openSync(path, "wx", 0o600);
      try {
        const seconds = randomSeconds();
        fs.futimesSync(made, seconds, seconds);
      } finally {
        fs.closeSync(made);
      }
    } catch (thrown) {
      if (!(thrown instanceof Error && "code" in thrown && thrown.code === "EEXIST")) throw thrown;
    }
  }
}

/** To the millisecond, between 1980 and 2038: what every file system can hold. */
function randomSeconds(): number {
  const [whole = 0, part = 0] = crypto.getRandomValues(new Uint32Array(2));
  return 315_532_800 + whole % 1_800_000_000 + (part % 1000) / 1000;
}

function rollBack(database: Database): void {
  try {
    database.exec("ROLLBACK");
  } catch {
    // SQLite ended the transaction itself, or none was begun: either way there is none now.
  }
}

function isOnNetwork(path: string): boolean {
  try {
    return NETWORK_FILE_SYSTEMS.has(fs.statfsSync(path.replace(/[^/\\]*$/, "")).type >>> 0);
  } catch {
    // Needs --allow-sys; without it the PRAGMA's own answer decides.
    return false;
  }
}
