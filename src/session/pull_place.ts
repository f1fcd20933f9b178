// Where a pull lands on this machine, made if it is not there; a dry run makes nothing and finds the
// same place. Refuses to empty a whole file system.

import { access, constants, mkdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, parse, resolve } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import { diskError, osCode } from "../store/disk_error.ts";
import type { Offer } from "../wire/messages.ts";
import type { PullOptions } from "./options.ts";
import { endsOpen } from "./sources.ts";

/** The directory that gets `.sftpx`, and the path below it. */
export interface PullPlace {
  readonly root: string;
  readonly destination: string;
  readonly intoDirectory: boolean;
}

/** Finds (and, but for a dry run, makes) the place of a pull. */
export async function localPlace(
  { destination: given, dryRun, delete: deletes }: PullOptions,
  offer: Offer,
): Promise<PullPlace> {
  const path = resolve(given);
  const provide = async (directory: string): Promise<string> => {
    try {
      if (!dryRun) await mkdir(directory, { recursive: true });
      return dryRun ? await couldMake(directory) : await realpath(directory);
    } catch (thrown) {
      throw diskError(thrown, `make "${escapeText(given)}"`);
    }
  };
  const several = offer.sources.length > 1;
  const treeLike = several || offer.sources.some((source) => source.kind === "directory");
  const isDirectory = await stat(path).then((found) => found.isDirectory(), () => false);
  if (!treeLike && !isDirectory && !endsOpen(given)) {
    return {
      root: await provide(dirname(path)),
      destination: basename(path),
      intoDirectory: false,
    };
  }
  const root = await provide(path);
  if (deletes && root === parse(root).root) {
    throw new SftpxError(
      "usage",
      `Cannot delete in "${escapeText(given)}": it is the file system's root`,
    );
  }
  return { root, destination: "", intoDirectory: true };
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
  const above = await couldMake(dirname(directory));
  await access(above, constants.W_OK | constants.X_OK).catch((thrown) => {
    if (osCode(thrown) !== "ENOENT") throw thrown; // It would be made first.
  });
  return resolve(above, basename(directory));
}
