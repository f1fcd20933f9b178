// Whether a served directory holds what says who the server is and whom it lets in: then a peer may read
// or write that too. Looked at once, when the server listens: all that it made itself is there by then.

import * as fs from "node:fs";
import { basename, dirname, join, resolve, sep } from "node:path";
import { escapeText } from "../base/text.ts";

/** What to warn of: the first of `files` that lies in `root`; null where none does. */
export function ownFilesWarning(root: string, files: readonly (string | null)[]): string | null {
  const base = realPath(resolve(root));
  const within = base.endsWith(sep) ? base : base + sep;
  const held = files.find((file) =>
    file !== null && placesOf(resolve(file)).some((place) => `${place}${sep}`.startsWith(within))
  );
  if (held === undefined || held === null) return null;
  return `the served directory holds sftpx's own "${escapeText(held)}": who may read there gets ` +
    "the identity, and who may write there lets in any key";
}

/** Where a file's name stands and where it leads: to put another file in either place is enough. */
function placesOf(file: string): string[] {
  return [join(realPath(dirname(file)), basename(file)), realPath(file)];
}

/** Of what does not exist, or may not be looked at, the path as it is. */
function realPath(path: string): string {
  try {
    return fs.realpathSync(path);
  } catch {
    return path;
  }
}
