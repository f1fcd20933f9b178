// The few positional file calls that chunks need, and what their failures mean. Nothing is kept open
// between frames: opening costs 3 µs, and a descriptor kept would outlive a rename of its path.
// Messages name the last component only: they travel to the peer, which may not learn our paths.

import * as fs from "node:fs";
import { constants } from "node:os";
import { basename } from "node:path";
import process from "node:process";
import { linuxErrorName } from "../base/errno.ts";
import { type ErrorCode, SftpxError, toSftpxError } from "../base/errors.ts";
import { diskTrouble } from "../base/os_error.ts";
import type { Stamp } from "../wire/messages.ts";

const { O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY, O_RDWR } = fs.constants;
export const PART_MODE = 0o600;
/** How a part is opened: never through a link. Readable too: holes are compared before they are left. */
export const PART_FLAGS: number = O_RDWR | O_NOFOLLOW | O_NONBLOCK;

/** Opens for reading; never through a link, and never waiting for a pipe's other end. */
export function openToRead(path: string): number {
  return fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
}

/** A part that is open for writing, and what it was then. */
export interface OpenedPart {
  readonly fd: number;
  readonly sizeBytes: number;
  readonly isFile: boolean;
}

/** What opens parts to be written to; part_files.ts confines it. */
export interface PartOpener {
  /** `isNew` where the part is not to be expected there. */
  open(path: string, isNew: boolean): OpenedPart;
  /** Makes a part that is one small chunk, in fewest calls; false where that is to be done by `open`. */
  put(path: string, bytes: Uint8Array): boolean;
  /** Lets go of what opening many of them made use of. */
  release(): void;
}

/** Whether an open file is the one that was seen. */
export function isSameOpen(fd: number, seen: Pick<fs.BigIntStats, "dev" | "ino">): boolean {
  return isSameStat(fs.fstatSync(fd, { bigint: true }), seen);
}

/** Whether two looks found one file. */
export function isSameStat(
  one: Pick<fs.BigIntStats, "dev" | "ino">,
  other: Pick<fs.BigIntStats, "dev" | "ino">,
): boolean {
  return one.dev === other.dev && one.ino === other.ino;
}

/** The stamp of an open file, to the runtime's resolution. */
export function stampOf(fd: number): Stamp {
  return stampIn(fs.fstatSync(fd, { bigint: true }));
}

/** The stamp that a look found. */
export function stampIn(stat: fs.BigIntStats): Stamp {
  return {
    device: stat.dev,
    inode: stat.ino,
    sizeBytes: Number(stat.size),
    mtimeNs: stat.mtimeNs,
    ctimeNs: stat.ctimeNs,
  };
}

/** Whether two stamps are of the same, unchanged file. */
export function sameStamp(left: Stamp, right: Stamp): boolean {
  return left.inode === right.inode && left.device === right.device &&
    left.sizeBytes === right.sizeBytes && left.mtimeNs === right.mtimeNs &&
    left.ctimeNs === right.ctimeNs;
}

/** Whether two stamps are of one file, whatever became of it. */
export function sameFile(left: Stamp, right: Stamp): boolean {
  return left.inode === right.inode && left.device === right.device;
}

/** A source that is not what the walk saw. */
export function sourceChanged(path: string): SftpxError {
  return new SftpxError("source_changed", `Cannot read ${quoted(path)}: it has changed`);
}

/** What a failure at a source means. */
export function readError(thrown: unknown, path: string): SftpxError {
  if (thrown instanceof SftpxError) return thrown;
  const failed = (code: ErrorCode, found: string) =>
    new SftpxError(code, `Cannot read ${quoted(path)}: ${found}`, { cause: thrown });
  switch (systemCode(thrown)) {
    case "ENOENT":
    case "ENOTDIR":
      return failed("source_missing", "it is gone");
    case "ELOOP":
    case "EISDIR":
    case "ENXIO":
      return failed("source_changed", "it is no longer a file");
    case "EACCES":
    case "EPERM":
      return failed("source_unreadable", "permission is denied");
    case null:
      return toSftpxError(thrown); // not the system's: a defect
    default:
      return failed("source_unreadable", foundText(thrown));
  }
}

/** What a failure at a part means. */
export function writeError(thrown: unknown): SftpxError {
  if (thrown instanceof SftpxError) return thrown;
  const failed = (code: ErrorCode, found: string) =>
    new SftpxError(code, `Cannot write chunk: ${found}`, { cause: thrown });
  switch (systemCode(thrown)) {
    case "ENOSPC":
      return failed("no_space", "no space is left");
    case "EDQUOT":
      return failed("no_space", "the disk quota is used up");
    case "EFBIG":
      // The file's own trouble, where the others above and below are the disk's.
      return failed("unsupported", "the file system holds no file this large");
    case "EACCES":
    case "EPERM":
      return failed("permission", "permission is denied");
    case "EROFS":
      return failed("permission", "the file system is read-only");
    case null:
      return toSftpxError(thrown);
    default:
      return failed("io", foundText(thrown));
  }
}

/** The errno name of a system error; Deno leaves some out and gives the number in the text only. */
export function systemCode(thrown: unknown): string | null {
  if (!(thrown instanceof Error)) return null;
  const code = (thrown as { code?: unknown }).code;
  if (typeof code === "string") return code;
  if (thrown.name === "NotCapable") return "EACCES"; // the runtime's own sandbox
  const number = /\(os error (\d+)\)/.exec(thrown.message)?.[1];
  if (number === undefined) return null;
  const found = Object.entries(constants.errno).find(([, value]) => value === Number(number));
  return found?.[0] ?? (process.platform === "linux" ? linuxErrorName(Number(number)) : null);
}

// System messages carry whole paths, so only the errno is told.
function foundText(thrown: unknown): string {
  const code = systemCode(thrown);
  return diskTrouble(code ?? "") ?? `the system says ${code}`;
}

function quoted(path: string): string {
  return JSON.stringify(basename(path));
}
