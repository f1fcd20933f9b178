// Small files that trust rests on: read whole under a bound, replaced as a whole, or made exactly
// once. A secret one is 0600 in a 0700 directory, and refused where others may read it; a list of
// rights is refused where everyone may write it. Foreign errors are translated here.

import { Buffer } from "node:buffer";
import { constants, type FileHandle, link, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import process from "node:process";
import { decodeUtf8, toHex } from "../base/bytes.ts";
import { type ErrorCode, SftpxError } from "../base/errors.ts";
import { isNotCapable, missingFlag } from "../base/os_error.ts";
import { LIMITS } from "../base/limits.ts";
import { escapeText } from "../base/text.ts";

/** What is being read or written. */
export interface TrustFileOptions {
  /** Noun for errors: `identity`, `known hosts`. */
  readonly what: string;
  /** It holds a secret: nobody else may read it. */
  readonly secret: boolean;
}

/** Whether a file's mode says who may reach it. */
export const POSIX = process.platform !== "win32";

/** The file's text, or null when there is none. */
export async function readTrustFile(
  path: string,
  options: TrustFileOptions,
): Promise<string | null> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY);
  } catch (thrown) {
    if (hasCode(thrown, "ENOENT")) return null;
    throw trustError(thrown, { action: `load ${options.what}`, path });
  }
  try {
    const stat = await file.stat();
    // First of all: a directory's mode is no file's.
    if (stat.isDirectory()) throw Object.assign(new Error("directory"), { code: "EISDIR" });
    refuseLooseMode(stat.mode, path, options);
    return textOf(await readBounded(file));
  } catch (thrown) {
    throw trustError(thrown, { action: `load ${options.what}`, path });
  } finally {
    await file.close();
  }
}

/** Puts the text in the file's place, atomically and durably; `prepare` first has the new file. */
export async function replaceTrustFile(
  path: string,
  text: string,
  options: TrustFileOptions & { readonly prepare?: (temporary: string) => Promise<void> },
): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const temporary = await writeTemporary(path, text);
    try {
      await options.prepare?.(temporary);
      await rename(temporary, path);
    } catch (thrown) {
      await rm(temporary, { force: true });
      throw thrown;
    }
    await syncDirectory(dirname(path));
  } catch (thrown) {
    throw trustError(thrown, { action: `save ${options.what}`, path });
  }
}

/**
 * Makes the file if there is none; false when one stands there, which is left as it is. Published by
 * a hard link: unlike a rename it never replaces a racer's file, and nobody reads half a file.
 */
export async function createTrustFile(
  path: string,
  text: string,
  options: TrustFileOptions & { readonly linkFile?: typeof link },
): Promise<boolean> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const temporary = await writeTemporary(path, text);
    try {
      const made = await publish(temporary, path, options.linkFile ?? link);
      await syncDirectory(dirname(path));
      return made;
    } finally {
      await rm(temporary, { force: true });
    }
  } catch (thrown) {
    throw trustError(thrown, { action: `make ${options.what}`, path });
  }
}

/** Whether a thrown value carries one of these error codes. */
export function hasCode(thrown: unknown, ...codes: readonly string[]): boolean {
  return thrown instanceof Error && "code" in thrown && codes.includes(String(thrown.code));
}

async function publish(
  temporary: string,
  path: string,
  linkFile: typeof link,
): Promise<boolean> {
  try {
    await linkFile(temporary, path);
    return true;
  } catch (thrown) {
    if (hasCode(thrown, "EEXIST")) return false;
    // FAT and some network file systems have no hard links. There an exclusive open claims the name
    // and a rename fills it: still one winner, but a racer may meet the empty file and say so.
    if (!hasCode(thrown, "EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK")) throw thrown;
  }
  let file: FileHandle;
  try {
    file = await open(path, "wx", 0o600);
  } catch (thrown) {
    if (hasCode(thrown, "EEXIST")) return false;
    throw thrown;
  }
  await file.close();
  await rename(temporary, path);
  return true;
}

async function writeTemporary(path: string, text: string): Promise<string> {
  const temporary = `${path}.${toHex(crypto.getRandomValues(new Uint8Array(8)))}.tmp`;
  const file = await open(temporary, "wx", 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } catch (thrown) {
    await rm(temporary, { force: true });
    throw thrown;
  } finally {
    await file.close();
  }
  return temporary;
}

async function readBounded(file: FileHandle): Promise<Uint8Array> {
  const buffer = Buffer.alloc(LIMITS.trustFileBytes + 1);
  let filled = 0;
  while (filled < buffer.byteLength) {
    const { bytesRead } = await file.read(buffer, filled, buffer.byteLength - filled, null);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  if (filled > LIMITS.trustFileBytes) {
    throw new RangeError(`it is larger than ${LIMITS.trustFileBytes} bytes`);
  }
  return buffer.subarray(0, filled);
}

function textOf(bytes: Uint8Array): string {
  try {
    return decodeUtf8(bytes);
  } catch (thrown) {
    throw new Error("it is no text; restore it from a copy, or move it away", { cause: thrown });
  }
}

/** Throws `permission` where the mode lets in more people than it should. */
export function refuseLooseMode(mode: number, path: string, options: TrustFileOptions): void {
  if (!POSIX) return; // modes are made up on Windows
  const octal = (mode & 0o777).toString(8).padStart(4, "0");
  const shown = escapeText(path);
  if (options.secret && (mode & 0o077) !== 0) {
    throw new SftpxError(
      "permission",
      `Cannot load ${options.what} "${shown}": its mode is ${octal}, so others may reach it; run chmod 600 on it`,
    );
  }
  if ((mode & 0o002) !== 0) {
    throw new SftpxError(
      "permission",
      `Cannot load ${options.what} "${shown}": its mode is ${octal}, so everyone may write it; run chmod o-w on it`,
    );
  }
}

/** Makes a name durable where the platform lets a directory be synced. */
async function syncDirectory(path: string): Promise<void> {
  if (!POSIX) return;
  const directory = await open(path, constants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Translates what the system threw; `action` follows "Cannot" and ends before the path. */
export function trustError(
  thrown: unknown,
  { action, path }: { readonly action: string; readonly path: string },
): SftpxError {
  if (thrown instanceof SftpxError) return thrown;
  const denied = hasCode(thrown, "EACCES", "EPERM", "EROFS") || isNotCapable(thrown);
  const code: ErrorCode = denied ? "permission" : hasCode(thrown, "ENOSPC") ? "no_space" : "io";
  // Made beside its name and then renamed: what is needed is the directory.
  const scope = action.startsWith("load") ? path : dirname(path);
  const flag = missingFlag(thrown, scope);
  const state = flag === null ? found(thrown) : `Deno may not, run again with ${flag}`;
  const message = `Cannot ${action} "${escapeText(path)}": ${state}`;
  return new SftpxError(code, message, { cause: thrown });
}

/** The state found, in a few words. */
function found(thrown: unknown): string {
  for (const [code, words] of Object.entries(FOUND)) if (hasCode(thrown, code)) return words;
  return escapeText(thrown instanceof Error ? thrown.message : String(thrown));
}

const FOUND: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EROFS: "the file system is read-only",
  EISDIR: "it is a directory",
  ENOTDIR: "a file stands where its directory should be",
  EEXIST: "a file stands where its directory should be",
  ENOSPC: "the disk is full",
};
