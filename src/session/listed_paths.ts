// The paths of `--files-from` as a walk takes them: below the one source, in rsync's reading (a leading
// `/` or `./` means nothing). Refuses what climbs out of the source.

import { SftpxError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";

/** Plain relative paths, none twice; null when the source itself is among them, and so all of it. */
export function listedPaths(given: readonly string[]): readonly string[] | null {
  const paths = new Set<string>();
  for (const path of given) {
    const names = path.split("/").filter((name) => name !== "" && name !== ".");
    if (names.includes("..")) {
      throw new SftpxError(
        "usage",
        `Cannot list "${escapeText(path)}": it climbs out of the source`,
      );
    }
    if (names.length === 0) return null;
    paths.add(names.join("/"));
  }
  return [...paths];
}
