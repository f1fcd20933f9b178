// Where a push lands for a client whose grant holds below the served root. What it names is always
// below that place; the store's door keeps it there (I5).

import { lstat } from "node:fs/promises";
import { join } from "node:path";
import type { Offer } from "../wire/messages.ts";

/** A path as a client writes it, without what only says that contents are meant; empty for `.`. */
export function plainPath(path: string): string {
  return path.replace(/\/+$/, "").replace(/(^|\/)\.$/, "");
}

/** A path a client names, as a path under the served root. */
export function underGrant(grantRoot: string, path: string): string {
  return [grantRoot, plainPath(path)].filter((part) => part !== "").join("/");
}

/** The destination of an offer under the served root. */
export async function grantedDestination(
  root: string,
  { grantRoot, offer }: { readonly grantRoot: string; readonly offer: Offer },
): Promise<{ readonly destination: string; readonly intoDirectory: boolean }> {
  const destination = underGrant(grantRoot, offer.destination);
  if (grantRoot === "" || destination !== grantRoot) {
    return { destination, intoDirectory: offer.intoDirectory };
  }
  // No path means the grant's root: a directory, unless it is a grant for one file that stands there.
  const isFile = await lstat(join(root, grantRoot)).then((found) => found.isFile(), () => false);
  return { destination, intoDirectory: offer.intoDirectory || !isFile };
}
