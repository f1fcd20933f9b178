// Where a pull lands on this machine, made if it is not there; a dry run makes nothing and finds the
// same place. Refuses to empty a whole file system or a home directory.

import { access, constants, mkdir, readdir, realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, parse, resolve } from "node:path";
import { env } from "node:process";
import { SftpxError } from "../base/errors.ts";
import { isReservedName } from "../base/path.ts";
import { escapeText } from "../base/text.ts";
import { isNotCapable, osCode, osError } from "../base/os_error.ts";
import type { Offer } from "../wire/messages.ts";
import type { PullOptions } from "./options.ts";
import { endsOpen } from "./sources.ts";

/** The directory that gets `.sftpx`, and the path below it. */
export interface PullPlace {
  readonly root: string;
  readonly destination: string;
  readonly intoDirectory: boolean;
  /** It is the destination itself, and was not there. */
  readonly made: boolean;
}

/** Finds (and, but for a dry run, makes) the place of a pull. */
export async function localPlace(
  { destination: given, dryRun, delete: deletes, remotes }: PullOptions,
  offer: Offer,
): Promise<PullPlace> {
  const path = resolve(given);
  const provide = async (directory: string): Promise<string> => {
    try {
      if (!dryRun) await mkdir(directory, { recursive: true });
      return dryRun ? await couldMake(directory) : await realpath(directory);
    } catch (thrown) {
      throw osError(thrown, `make "${escapeText(given)}"`, { scope: directory });
    }
  };
  // As asked for: what is not there does not change what DEST means.
  const several = remotes.length > 1;
  const treeLike = several || offer.sources.some((source) => source.kind === "directory");
  const isDirectory = await stat(path).then((found) => found.isDirectory(), () => false);
  if (!treeLike && !isDirectory && !endsOpen(given)) {
    return {
      root: await provide(dirname(path)),
      destination: basename(path),
      intoDirectory: false,
      made: false,
    };
  }
  const root = await provide(path);
  if (deletes) await refuseWhole(root, given);
  return { root, destination: "", intoDirectory: true, made: !isDirectory };
}

/** Whether nothing of what is asked for is there yet, as far as names tell. Never rejects. */
export async function isNewPlace({ destination, remotes }: PullOptions): Promise<boolean> {
  const path = resolve(destination);
  try {
    const names = (await readdir(path)).filter((name) => !isReservedName(name));
    const isHere = (source: string) =>
      source === "" || endsOpen(source) || names.includes(basename(source));
    return names.length === 0 || !remotes.some(({ path: source }) => isHere(source));
  } catch (thrown) {
    return osCode(thrown) === "ENOENT";
  }
}

/** What holds everything, or all that a user has, is not to be emptied by a slip of the path. */
async function refuseWhole(root: string, given: string): Promise<void> {
  const found = root === parse(root).root
    ? "the file system's root"
    : root === await realHome()
    ? "your home directory"
    : null;
  if (found === null) return;
  throw new SftpxError("usage", `Cannot delete in "${escapeText(given)}": it is ${found}`);
}

/** Null where the system does not tell. */
async function realHome(): Promise<string | null> {
  try {
    // What is set needs no permission of its own to be read.
    return await realpath(env.HOME || homedir());
  } catch {
    return null;
  }
}

/** The real path a directory has, or would have once it is made; throws as making it would. */
async function couldMake(directory: string): Promise<string> {
  try {
    const found = await stat(directory);
    if (found.isDirectory()) return await realpath(directory);
    throw Object.assign(new Error("something stands there"), { code: "EEXIST" });
  } catch (thrown) {
    if (osCode(thrown) !== "ENOENT" || directory === dirname(directory)) throw thrown;
  }
  try {
    const above = await couldMake(dirname(directory));
    await access(above, constants.W_OK | constants.X_OK).catch((thrown) => {
      if (osCode(thrown) !== "ENOENT") throw thrown; // It would be made first.
    });
    return resolve(above, basename(directory));
  } catch (thrown) {
    // Deno was given this directory and not the one above it, or not whose process this is.
    if (isNotCapable(thrown)) return directory;
    throw thrown;
  }
}
