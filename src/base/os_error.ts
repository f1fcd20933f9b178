// The one table from what the operating system, the runtime or SQLite says to an `SftpxError`.
// Messages name what the peer may know: never an absolute path of this machine.

import { type ErrorCode, SftpxError } from "./errors.ts";
import { escapeText } from "./text.ts";

interface Meaning {
  readonly code: ErrorCode;
  /** The state found, as the end of a sentence. */
  readonly found: string;
}

/** Of an error by its name. */
interface SystemMeaning extends Meaning {
  /** It is of the disk or its file system, whatever was asked of it. */
  readonly isDisk?: true;
}

const DISK_FAILED = "the disk failed to read or write it";
/** Nothing that sftpx could mend, and more would be lost with every write. */
const FILE_SYSTEM_DAMAGED = "the file system is damaged and has to be checked";

const MEANINGS: Readonly<Record<string, SystemMeaning>> = {
  ENOSPC: { code: "no_space", found: "the disk is full" },
  EDQUOT: { code: "no_space", found: "the disk quota is used up" },
  EFBIG: { code: "no_space", found: "it is larger than the file system allows" },
  EACCES: { code: "permission", found: "permission denied" },
  EPERM: { code: "permission", found: "the operation is not permitted" },
  EROFS: { code: "permission", found: "the file system is read-only" },
  ENAMETOOLONG: { code: "bad_name", found: "the name is too long for the file system" },
  EILSEQ: { code: "bad_name", found: "the file system cannot hold the name" },
  EINVAL: { code: "bad_name", found: "the file system does not accept the name" },
  ERR_INVALID_ARG_VALUE: { code: "bad_name", found: "the name has a NUL character" },
  ENOTDIR: { code: "conflict", found: "a parent is not a directory" },
  ELOOP: { code: "conflict", found: "a link stands in the way" },
  EISDIR: { code: "conflict", found: "a directory stands there" },
  EEXIST: { code: "conflict", found: "something stands there" },
  ENOTEMPTY: { code: "conflict", found: "a directory stands there" },
  EIO: { code: "io", found: DISK_FAILED, isDisk: true },
  EREMOTEIO: { code: "io", found: DISK_FAILED, isDisk: true },
  EHWPOISON: { code: "io", found: "the machine's memory failed", isDisk: true },
  EUCLEAN: { code: "io", found: FILE_SYSTEM_DAMAGED, isDisk: true },
  EBADMSG: { code: "io", found: FILE_SYSTEM_DAMAGED, isDisk: true },
  ESHUTDOWN: {
    code: "io",
    found: "the file system was shut down, as it is after a failure",
    isDisk: true,
  },
  ENOMEDIUM: { code: "io", found: "the disk is gone", isDisk: true },
  ENODEV: { code: "io", found: "the disk is gone", isDisk: true },
  ESTALE: {
    code: "io",
    found: "the network's file server does not know it any more",
    isDisk: true,
  },
  ENOENT: { code: "io", found: "it does not exist" },
};

/** SQLite result codes (primary, 8 bits) that mean more than `io`. */
const SQLITE_MEANINGS: Readonly<Record<number, Meaning>> = {
  3: { code: "permission", found: "permission denied" },
  5: { code: "busy", found: "another process holds the state" },
  6: { code: "busy", found: "another process holds the state" },
  8: { code: "permission", found: "the state cannot be written" },
  10: { code: "io", found: DISK_FAILED },
  11: { code: "io", found: "the state is damaged; run it again" },
  13: { code: "no_space", found: "the disk is full" },
  14: { code: "permission", found: "the state cannot be opened" },
  26: { code: "io", found: "the state is damaged; run it again" },
};

/** SQLite's own words, for calls whose error carries no number. */
const SQLITE_TEXTS: readonly (readonly [RegExp, number])[] = [
  [/database is locked/, 5],
  [/readonly database/, 8],
  [/disk I\/O error/, 10],
  [/malformed|not a database/, 11],
  [/disk is full/, 13],
  [/unable to open/, 14],
];

/** What is found where Deno's grants name paths: where a link leads is known only when it is used. */
export const LINK_REFUSAL =
  "Deno makes links only with --allow-read and --allow-write for all paths, " +
  "and the receiving side leaves them out with --links skip";

/**
 * Translates whatever a file or database call threw; `attempted` follows "Cannot". `scope` is what the
 * runtime's flag is to be given where it lacks a permission: a path of this machine, so only where the
 * message stays on it.
 */
export function osError(
  thrown: unknown,
  attempted: string,
  { scope = null }: { readonly scope?: string | null } = {},
): SftpxError {
  if (thrown instanceof SftpxError) return thrown;
  const { code, found } = meaningOf(thrown, scope);
  return new SftpxError(code, `Cannot ${attempted}: ${found}`, { cause: thrown });
}

/** Whether the runtime itself did not allow it, for want of a permission. */
export function isNotCapable(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === "NotCapable";
}

/**
 * The flag that the runtime wants (`--allow-write`), and with a scope all of it
 * (`--allow-write=/srv/inbox`): null for any other failure.
 */
export function missingFlag(thrown: unknown, scope: string | null = null): string | null {
  if (!(thrown instanceof Error) || !isNotCapable(thrown)) return null;
  const flag = /--allow-[a-z]+/.exec(thrown.message)?.[0] ?? "--allow-write";
  // A comma divides what is granted, and Deno has no way to write one.
  return scope === null || scope.includes(",") ? flag : `${flag}=${escapeText(scope)}`;
}

/** The operating system's name for an error (`ENOENT`), or an empty string. */
export function osCode(thrown: unknown): string {
  return thrown instanceof Error && "code" in thrown ? String(thrown.code) : "";
}

/** What an error of a disk or of its file system means, as the end of a sentence; null for any other. */
export function diskTrouble(code: string): string | null {
  const meaning = MEANINGS[code];
  return meaning?.isDisk === true ? meaning.found : null;
}

/** Whether SQLite says that the file is not, or no longer, a sound database. */
export function isDamage(thrown: unknown): boolean {
  const number = sqliteNumber(thrown);
  return number === 11 || number === 26;
}

/** Whether SQLite says no more than that a system call failed: which way is for the disk to tell. */
export function isDiskFailure(thrown: unknown): boolean {
  return sqliteNumber(thrown) === 10;
}

/**
 * What is told where a missing permission was met unawares: Deno's own message names it. Anything else
 * thrown is left as it is.
 */
export function namedPermission(thrown: unknown): unknown {
  if (!(thrown instanceof Error) || !isNotCapable(thrown)) return thrown;
  const flag = missingFlag(thrown, /access to "([^"]*)"/.exec(thrown.message)?.[1] ?? null);
  const text = `Cannot go on: Deno may not, run again with ${flag}`;
  return new SftpxError("permission", text, { cause: thrown });
}

function meaningOf(thrown: unknown, scope: string | null): Meaning {
  if (!(thrown instanceof Error)) return { code: "io", found: String(thrown) };
  const flag = missingFlag(thrown, scope);
  if (flag !== null) {
    const found = isLinkRefusal(thrown)
      ? LINK_REFUSAL
      : scope === null
      ? `Deno was started without ${flag} for it`
      : `Deno may not, run again with ${flag}`;
    return { code: "permission", found };
  }
  const number = sqliteNumber(thrown);
  if (number !== null) {
    return SQLITE_MEANINGS[number] ?? { code: "io", found: "the state cannot be used" };
  }
  const code = osCode(thrown);
  const meaning = MEANINGS[code];
  if (meaning !== undefined) return meaning;
  return { code: "io", found: code === "" ? "the system call failed" : code };
}

function isLinkRefusal(thrown: Error): boolean {
  return /symlink.* requires unscoped/i.test(thrown.message);
}

function sqliteNumber(thrown: unknown): number | null {
  if (osCode(thrown) !== "ERR_SQLITE_ERROR" || !(thrown instanceof Error)) return null;
  if ("errcode" in thrown && typeof thrown.errcode === "number") return thrown.errcode & 0xff;
  for (const [text, number] of SQLITE_TEXTS) if (text.test(thrown.message)) return number;
  return 1;
}
